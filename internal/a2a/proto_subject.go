package a2a

// protoTask is a TaskRef to be; id and context are indexes into texts plus one.
type protoTask struct {
	id, context int32
	start, end  int32
	state       TaskState
}

// attribute says whose the texts from first on are.
func (r *protoReader) attribute(first int, a Author) {
	for i := first; i < len(r.texts); i++ {
		r.texts[i].author = a
	}
}

// tellPieces says of what the texts of parts from first on are pieces.
func (r *protoReader) tellPieces(first int, p Piece) {
	for i := first; i < len(r.texts); i++ {
		if m := &r.texts[i]; m.kind == KindText {
			m.piece = p
		}
	}
}

// refer notes the task, or its context alone, that an answer or the element of a list is about.
func (r *protoReader) refer(kind AnswerKind, start, end int) {
	id, context := atTask, atContext
	if kind == AnswerMessage {
		id, context = atMessageTask, atMessageContext
	}
	t := protoTask{
		id: r.values[id].text, context: r.values[context].text, start: int32(start), end: int32(end),
		state: protoState(r.values[atState].number),
	}
	r.values[id], r.values[context], r.values[atState] = protoValue{}, protoValue{}, protoValue{}
	if t.id > 0 || t.context > 0 || t.end > 0 {
		r.tasks = append(r.tasks, t)
	}
}

// roleAuthor and protoState read the enumerations Role and TaskState, which number alike in both generations.
func roleAuthor(role int32) Author {
	switch role {
	case 1:
		return AuthorUser
	case 2:
		return AuthorAgent
	default:
		return AuthorUnknown
	}
}

func protoState(state int32) TaskState {
	switch state {
	case 1, 2:
		return TaskActive
	case 6, 8:
		return TaskInterrupted
	case 3, 4, 5, 7:
		return TaskTerminal
	default:
		return TaskStateUnknown
	}
}
