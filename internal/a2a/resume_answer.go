package a2a

import "bytes"

// The result of a message by the places of what TaskOfSent makes a task of: slots hold the members of the result, and
// inContent what an update tells.
var (
	sentResult = open(
		noSubject,
		rule{name: "task", slot: inTaskMember},
		rule{name: "message", slot: inMessageMember},
		rule{name: "statusUpdate", slot: inStatusMember, members: open(noSubject, rule{name: "status", slot: inContent})},
		rule{name: "artifactUpdate", slot: inArtifactMember, members: open(noSubject, rule{name: "artifact", slot: inContent})},
	)
	sentBare      = rule{slot: inResult, members: sentResult}
	sentEnveloped = rule{members: open(noSubject, rule{name: "result", slot: inResult, members: sentResult})}
)

// TaskOfSent returns what an agent answered to a message that was resumed as the answer to op, the request that resumed
// it. The answer a is what was read of unit, a whole body or the data of an event, for the message.
//
// To GetTask the answer is a task: the agent's, or, where the agent answers with a message, the waiting task, completed
// with that message. To SubscribeToTask unit is the first event, which tells a task: again the agent's or the waiting
// one; where a stream of 1.0 begins with an update, the task of the update in the state that it tells. In 0.3 any event
// may come first. What is no such answer, errors above all, is returned as it is.
//
// The agent's ids stay, as they may stand elsewhere: RenameAnswered replaces them. The result is read once more, as an
// answer to op: what the agent wrote may be one to a message and ambiguous as one to GetTask.
func TaskOfSent(op Operation, a Answer, unit []byte, w Waiting) ([]byte, *Problem) {
	resumes := op.Method == GetTask || op.Method == SubscribeToTask
	if !resumes || spellingOf(op.Binding, op.Generation) == unspelled || len(unit) == 0 {
		return unit, nil
	}
	told := taskOfSent(op, a, unit, w)
	if _, p := ParseAnswer(op.Binding, op.Method, told, ownLimits(told)); p != nil {
		return nil, p
	}
	return told, nil
}

func taskOfSent(op Operation, a Answer, unit []byte, w Waiting) []byte {
	as, root := spellingOf(op.Binding, op.Generation), &sentBare
	if op.Binding == JSONRPC {
		root = &sentEnveloped
	}
	s := scanners.Get().(*scanner)
	defer s.release()
	if s.scan(unit, ownLimits(unit), root) != sound || s.values[inResult].end == 0 {
		return unit
	}
	var task []byte
	if op.Method == GetTask {
		task = s.taskRead(a, as, w)
	} else if task = s.taskBegun(a, as, w); task != nil && as != kindSpelling {
		task = append(append([]byte(`{"task":`), task...), '}')
	}
	if task == nil {
		return unit
	}
	at := s.values[inResult]
	return bytes.Join([][]byte{unit[:at.start], task, unit[at.end:]}, nil)
}

// taskRead returns the task that GetTask has for its result, or nil where that is the result of the message.
func (s *scanner) taskRead(a Answer, as spelling, w Waiting) []byte {
	switch {
	case a.Kind == AnswerTask && s.objectIn(inTaskMember):
		return s.raw(inTaskMember)
	case a.Kind == AnswerMessage:
		return s.completed(a, as, w)
	}
	return nil
}

// taskBegun returns the task with which a stream begins, or nil where its first event has one or need not have one.
func (s *scanner) taskBegun(a Answer, as spelling, w Waiting) []byte {
	switch {
	case a.Kind == AnswerMessage:
		return s.completed(a, as, w)
	case as != currentSpelling || !s.objectIn(inContent):
		return nil
	case a.Kind == AnswerStatusUpdate:
		id, context := subjectOf(a, w)
		return append(append(openTask(nil, as, id, context), s.raw(inContent)...), '}')
	case a.Kind == AnswerArtifactUpdate:
		id, context := subjectOf(a, w)
		b := append(openTask(nil, as, id, context), `{"state":"TASK_STATE_WORKING"},"artifacts":[`...)
		return append(append(b, s.raw(inContent)...), "]}"...)
	}
	return nil
}

// completed returns the waiting task, completed with the message that the agent answered with.
func (s *scanner) completed(a Answer, as spelling, w Waiting) []byte {
	at := inMessageMember
	if !s.objectIn(at) {
		at = inResult
	}
	_, context := subjectOf(a, w)
	b := openTask(nil, as, w.ID, context)
	b = appendString(append(b, `{"state":`...), WaitingCompleted.spelled(as))
	b = append(append(b, `,"message":`...), s.raw(at)...)
	return append(b, "}}"...)
}

// subjectOf returns the task and the context that the answer names, or those of the waiting task.
func subjectOf(a Answer, w Waiting) (id, context string) {
	id, context = w.ID, w.ContextID
	if len(a.Tasks) > 0 {
		if a.Tasks[0].ID != "" {
			id = a.Tasks[0].ID
		}
		if a.Tasks[0].ContextID != "" {
			context = a.Tasks[0].ContextID
		}
	}
	return id, context
}

// objectIn reports whether the slot has an object.
func (s *scanner) objectIn(at slot) bool { return s.values[at].end > 0 && s.startsWith(at, "{") }

// raw returns the value in the slot as it stands in the body.
func (s *scanner) raw(at slot) []byte { return s.body[s.values[at].start:s.values[at].end] }
