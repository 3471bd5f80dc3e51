package a2a

// subject is what an object of an answer is. The zero value is an object of no interest.
type subject uint8

const (
	noSubject subject = iota
	taskMember
	listedTask
	messageMember
	statusMember
	artifactMember
	// pastMessage stands in the history, where a task repeats what both sides said.
	pastMessage
	statusMessage
	artifact
	// eventResult is a result without a member around it, as generation 0.3 writes them.
	eventResult
	// taskResult is the result of a method that returns a task, without a member around it in both generations.
	taskResult
	// otherResult is the result of a method that A2A does not define.
	otherResult
)

// finding is what the objects of one answer are. It holds no pointers into the body.
type finding struct {
	kind  AnswerKind
	final bool
	tasks []taskMark
}

// taskMark is a TaskRef to be; id and context are indexes into texts plus one.
type taskMark struct {
	id, context int32
	start, end  int32
	state       TaskState
}

func (f *finding) reset() { f.kind, f.final, f.tasks = AnswerUnknown, false, f.tasks[:0] }

// about reads an object of an answer that says something of itself: what the own slots hold is this object's until
// it ends, wherever its members stand and whatever objects stand in it.
func (s *scanner) about(known *shape) flaw {
	outer := [ownSlots]value(s.values[firstOwn:])
	clear(s.values[firstOwn:])
	first, start := len(s.texts), s.pos
	f := s.object(known)
	if f == sound {
		s.conclude(known.subject, first, start)
	}
	copy(s.values[firstOwn:], outer[:])
	return f
}

// conclude notes what the object that started at start says, whose texts are those from first on.
//
// An agent speaks for itself everywhere but in the history: there a message is whose its role says. Were the role
// believed elsewhere, an agent could pass its own words off as its caller's.
func (s *scanner) conclude(what subject, first, start int) {
	switch what {
	case taskMember:
		s.tell(AnswerTask)
		s.refer(ownID, 0, 0)
	case listedTask:
		s.refer(ownID, start, s.pos)
	case messageMember:
		s.tell(AnswerMessage)
		s.refer(ownTask, 0, 0)
		s.attribute(first, AuthorAgent)
		s.tellPieces(first, messagePiece)
	case statusMember:
		s.tell(AnswerStatusUpdate)
		s.refer(ownTask, 0, 0)
	case artifactMember:
		s.tell(AnswerArtifactUpdate)
		s.refer(ownTask, 0, 0)
	case pastMessage:
		s.attribute(first, author(s.text(ownRole)))
	case statusMessage:
		s.attribute(first, AuthorAgent)
		s.tellPieces(first, messagePiece)
	case artifact:
		s.attribute(first, AuthorAgent)
		s.tellPieces(first, pieceOf(s.values[ownArtifactID].text))
	case eventResult, taskResult:
		s.unwrapped(what, first)
	case otherResult:
		s.other()
	}
}

// other notes what the result of a method that A2A does not define comes near: a task or a card.
func (s *scanner) other() {
	has := func(at slot) bool { return s.values[at].end > 0 }
	switch {
	case string(s.text(ownKind)) == "task", has(ownID) && has(ownStatus) && s.startsWith(ownStatus, "{"):
		s.tell(AnswerTask)
		s.refer(ownID, 0, 0)
	case has(ownInterfaces), has(ownURL) && has(ownSkills):
		s.tell(AnswerCard)
	}
}

// unwrapped notes what a result without a member around it says.
func (s *scanner) unwrapped(what subject, first int) {
	kind := s.unwrappedKind(what)
	switch kind {
	case AnswerTask:
		s.refer(ownID, 0, 0)
	case AnswerMessage:
		s.refer(ownTask, 0, 0)
		s.attribute(first, AuthorAgent)
		s.tellPieces(first, messagePiece)
	case AnswerStatusUpdate, AnswerArtifactUpdate:
		s.refer(ownTask, 0, 0)
	}
	s.tell(kind)
}

// unwrappedKind tells a result by its kind, as clients of 0.3 do, or else by the members that only one has.
func (s *scanner) unwrappedKind(what subject) AnswerKind {
	has := func(at slot) bool { return s.values[at].end > 0 }
	if what == taskResult && (has(ownID) || has(ownStatus)) {
		return AnswerTask
	}
	switch string(s.text(ownKind)) {
	case "task":
		return AnswerTask
	case "message":
		return AnswerMessage
	case "status-update":
		return AnswerStatusUpdate
	case "artifact-update":
		return AnswerArtifactUpdate
	}
	switch {
	case has(ownArtifact):
		return AnswerArtifactUpdate
	case has(ownParts) || has(ownMessageID):
		return AnswerMessage
	case has(ownID):
		return AnswerTask
	case has(ownStatus) && has(ownTask):
		return AnswerStatusUpdate
	default:
		return AnswerUnknown
	}
}

// tell notes the kind of the answer unless it is known.
func (s *scanner) tell(kind AnswerKind) {
	if s.finding.kind == AnswerUnknown {
		s.finding.kind = kind
	}
	if v := s.values[ownFinal]; v.end > 0 && s.body[v.start] == 't' {
		s.finding.final = true
	}
}

// refer notes the task that the object names in the slot, or its context alone.
func (s *scanner) refer(id slot, start, end int) {
	t := taskMark{
		id: s.values[id].text, context: s.values[ownContext].text, start: int32(start), end: int32(end),
		state: taskState(s.text(ownState)),
	}
	if t.id > 0 || t.context > 0 || t.end > 0 {
		s.finding.tasks = append(s.finding.tasks, t)
	}
}

// attribute says whose the texts from first on are.
func (s *scanner) attribute(first int, a Author) {
	for i := first; i < len(s.texts); i++ {
		s.texts[i].author = a
	}
}

// tellPieces says of what the texts of parts from first on are pieces.
func (s *scanner) tellPieces(first int, p Piece) {
	for i := first; i < len(s.texts); i++ {
		if m := &s.texts[i]; m.kind == KindText {
			m.piece = p
		}
	}
}

func author(role []byte) Author {
	switch string(role) {
	case "ROLE_USER", "user":
		return AuthorUser
	case "ROLE_AGENT", "agent":
		return AuthorAgent
	default:
		return AuthorUnknown
	}
}

// taskState reads a state of either generation. The proto of 0.3 writes CANCELLED.
func taskState(name []byte) TaskState {
	switch string(name) {
	case "TASK_STATE_SUBMITTED", "TASK_STATE_WORKING", "submitted", "working":
		return TaskActive
	case "TASK_STATE_INPUT_REQUIRED", "TASK_STATE_AUTH_REQUIRED", "input-required", "auth-required":
		return TaskInterrupted
	case "TASK_STATE_COMPLETED", "TASK_STATE_FAILED", "TASK_STATE_CANCELED", "TASK_STATE_CANCELLED",
		"TASK_STATE_REJECTED", "completed", "failed", "canceled", "rejected":
		return TaskTerminal
	default:
		return TaskStateUnknown
	}
}
