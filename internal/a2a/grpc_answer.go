package a2a

// ParseGRPCAnswer reads one message, without its prefix, of what an agent answers to the method that path names: the
// message of a unary response, or one of a stream. It refuses what ParseGRPC refuses in a message. An answer to a
// method that A2A does not define, and a message that holds none of A2A's answers, is AnswerUnknown.
func ParseGRPCAnswer(path string, message []byte, lim Limits) (Answer, *Problem) {
	call, f := resolveCall(path)
	if f != sound {
		return Answer{}, problem(f, GRPC)
	}
	r := protoReaders.Get().(*protoReader)
	defer r.release()
	if f := r.read(message, 0, lim, call.answer); f != sound {
		p := call.problem(f, r.fault)
		p.Agent = true
		return Answer{}, p
	}
	a := Answer{Kind: call.kind, Final: r.values[atFinal].number != 0}
	switch call.kind {
	case AnswerUnknown:
		a.Kind = r.kind
	case AnswerTask:
		r.refer(AnswerTask, 0, 0)
	case AnswerTaskList:
		a.Total = Span{r.values[atTotal].start, r.values[atTotal].end}
	case AnswerCard:
		a.Card = Span{0, int32(len(message))}
	}
	text := string(message)
	a.Texts = r.appendTexts(nil, text)
	a.Tasks = r.taskRefs(text)
	return a, nil
}

// taskRefs returns the tasks that the answer is about. text is a copy of the body.
func (r *protoReader) taskRefs(text string) []TaskRef {
	if len(r.tasks) == 0 {
		return nil
	}
	refs := make([]TaskRef, len(r.tasks))
	at := func(i int32) string {
		if i == 0 {
			return ""
		}
		return text[r.texts[i-1].start:r.texts[i-1].end]
	}
	for i := range r.tasks {
		t := &r.tasks[i]
		refs[i] = TaskRef{ID: at(t.id), ContextID: at(t.context), State: t.state, Start: t.start, End: t.end}
	}
	return refs
}
