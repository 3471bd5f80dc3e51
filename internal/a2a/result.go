package a2a

import "strconv"

// ParseAnswer reads body as one answer to method: the body of a unary response, or the data of one event of a stream.
// The binding is JSONRPC or HTTPJSON; of any other the answer is JSON that A2A does not define. Both generations are
// read alike: what the answer is, is told by the method and by its members.
//
// It refuses what clients read in different ways: duplicate names, trailing data, text that is not Unicode, a result
// beside an error, two members of which A2A allows one; and what exceeds lim. Members that A2A does not define pass,
// however near their names come to those of A2A, because the answer is the agent's own; their strings are in Texts as
// all others are. An empty body is AnswerEmpty. Of another method the answer is AnswerTask or
// AnswerCard if it comes near one, otherwise AnswerUnknown or AnswerError, with the tasks in it.
//
// What an agent pushes to a callback is an event of SubscribeToTask over HTTPJSON, in 0.3 a task, whatever binding the
// task was started by.
func ParseAnswer(binding Binding, method Method, body []byte, lim Limits) (Answer, *Problem) {
	if len(body) == 0 {
		return Answer{Kind: AnswerEmpty}, nil
	}
	form := formOf(method)
	root := &free
	switch {
	case binding == HTTPJSON || method == GetAgentCard:
		root = &form.bare
	case binding == JSONRPC:
		root = &form.enveloped
	}
	s := scanners.Get().(*scanner)
	defer s.release()
	f, offset := s.scan(body, lim, root), -1
	if f != sound {
		offset = s.pos
	} else {
		f = s.oneAnswer(root == &form.enveloped)
	}
	if f != sound {
		p := s.refuse(f, offset)
		p.Binding, p.Method, p.Agent = binding, method, true
		return Answer{}, p
	}
	a := Answer{Kind: s.answerKind(method, form, root), Final: s.finding.final}
	s.answer(&a)
	return a, nil
}

// holds reports whether the slot has a value other than null.
func (s *scanner) holds(at slot) bool {
	v := s.values[at]
	return v.end > 0 && s.body[v.start] != 'n'
}

// oneAnswer refuses answers that are two at once: each client would take another for the answer.
func (s *scanner) oneAnswer(enveloped bool) flaw {
	members := 0
	for _, at := range [...]slot{inTaskMember, inMessageMember, inStatusMember, inArtifactMember} {
		if s.holds(at) {
			members++
		}
	}
	switch {
	case members > 1:
		return twoAnswers
	case enveloped && s.holds(inResult) && s.holds(inError):
		return twoAnswers
	case !enveloped && s.startsWith(inError, "{") && s.holds(inError) && s.told():
		return twoAnswers
	}
	return sound
}

// told reports whether the body says what the method returns.
func (s *scanner) told() bool { return s.finding.kind != AnswerUnknown || s.holds(inContent) }

// answerKind returns what a sound answer is.
func (s *scanner) answerKind(m Method, form *resultForm, root *rule) AnswerKind {
	result := s.values[inResult]
	switch {
	case root == &free:
		return AnswerUnknown
	case root == &form.enveloped && s.holds(inError), root == &form.bare && s.failed():
		return AnswerError
	case s.finding.kind != AnswerUnknown:
		return s.finding.kind
	case m == DeleteTaskPushNotificationConfig && s.empty(root == &form.enveloped):
		return AnswerEmpty
	case result.end == 0:
		return AnswerUnknown
	case !s.holds(inResult):
		return AnswerEmpty
	case s.body[result.start] == '{', s.body[result.start] == '[' && form.kind == AnswerPushConfigList:
		return form.kind
	}
	return AnswerUnknown
}

// failed reports whether a body without an envelope is an error: an object of that name, or, as some servers of 0.3
// have it, a code and a text in the place of a message.
func (s *scanner) failed() bool {
	if s.holds(inError) && s.startsWith(inError, "{") {
		return true
	}
	return !s.told() && s.holds(inErrorCode) && s.values[inMessageMember].text > 0
}

// empty reports whether the result is an object without members, or an envelope has none.
func (s *scanner) empty(enveloped bool) bool {
	v := s.values[inResult]
	if v.end == 0 {
		return enveloped && s.body[s.first] == '{'
	}
	if s.body[v.start] != '{' {
		return false
	}
	for _, c := range s.body[v.start+1 : v.end-1] {
		if c > ' ' {
			return false
		}
	}
	return true
}

// answer takes the texts, the tasks and the places of a sound answer.
func (s *scanner) answer(a *Answer) {
	a.RequestID = s.requestID()
	a.Texts = s.after(nil)
	if n := len(s.finding.tasks); n > 0 {
		a.Tasks = make([]TaskRef, n)
	}
	for i := range s.finding.tasks {
		t := &s.finding.tasks[i]
		a.Tasks[i] = TaskRef{State: t.state, Start: t.start, End: t.end}
		if t.id > 0 {
			a.Tasks[i].ID = a.Texts[t.id-1].Value
		}
		if t.context > 0 {
			a.Tasks[i].ContextID = a.Texts[t.context-1].Value
		}
	}
	switch a.Kind {
	case AnswerError:
		v := s.values[inErrorCode]
		a.ErrorCode, _ = strconv.Atoi(string(s.body[v.start:v.end]))
	case AnswerTaskList:
		a.Total = s.span(inTotal)
	case AnswerCard:
		a.Card = s.span(inResult)
	}
}

func (s *scanner) span(at slot) Span { return Span{s.values[at].start, s.values[at].end} }
