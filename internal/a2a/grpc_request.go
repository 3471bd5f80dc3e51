package a2a

import "strings"

// ParseGRPC reads one request of the gRPC binding of either generation. The path is that of the HTTP request, which
// names service and method; the package of the service tells the generation. The body is the whole body of the
// request: one message with its prefix, not compressed.
//
// It refuses what servers read in different ways: paths that differ from A2A's own in case only, fields that occur
// twice where they may occur once, two members of a oneof, a key given twice, numbers that are not in their shortest
// form, strings that are not UTF-8, groups, resource names of another form than the proto of 0.3 gives them, and two
// places that name different tasks or tenants; and what exceeds lim, where fields count as members, and messages
// which are objects or arrays in JSON as levels. Fields that A2A does not define pass; the bytes in them are in Texts.
//
// A method that A2A does not define becomes OtherMethod; nothing but Mentions and Texts is taken from its message. The value of a
// text of KindBytes is the content itself, not base64, and need not be UTF-8.
func ParseGRPC(path string, body []byte, lim Limits) (Operation, *Problem) {
	call, f := resolveCall(path)
	if f != sound {
		return Operation{}, problem(f, GRPC)
	}
	if f := oneFrame(body); f != sound {
		return Operation{}, call.problem(f, -1)
	}
	r := protoReaders.Get().(*protoReader)
	defer r.release()
	if f := r.read(body, framePrefix, lim, call.request); f != sound {
		return Operation{}, call.problem(f, r.fault)
	}
	op := Operation{Method: call.method, Wire: call.name, Binding: GRPC, Generation: call.generation}
	declared := r.declaration()
	text := string(body)
	if call.method == OtherMethod {
		op.Texts = append(op.Texts, Text{Value: call.name})
	}
	op.Texts = r.appendTexts(op.Texts, text)
	if call.method == OtherMethod {
		op.mentionsInMessage(op.Texts[1:])
		return op, nil
	}
	if f := r.fill(&op, text); f != sound {
		return Operation{}, call.problem(f, -1)
	}
	op.Skill, op.Action = declared.skill.of(text), declared.action.of(text)
	return op, nil
}

func (c *grpcCall) problem(f flaw, offset int) *Problem {
	p := problem(f, GRPC)
	p.Method, p.Offset = c.method, offset
	return p
}

// appendTexts appends the texts of a message that was read. text is a copy of the body.
func (r *protoReader) appendTexts(texts []Text, text string) []Text {
	base := len(texts)
	if len(r.texts) == 0 {
		return texts
	}
	all := make([]Text, base+len(r.texts))
	copy(all, texts)
	for i := range r.texts {
		m, t := &r.texts[i], &all[base+i]
		t.Value = text[m.start:m.end]
		t.Start, t.End, t.Kind, t.Key, t.Author, t.Piece = m.start, m.end, m.kind, m.key, m.author, m.piece
	}
	return all
}

// fill takes the fields that op's method defines. text is a copy of the body.
func (r *protoReader) fill(op *Operation, text string) flaw {
	at := func(slot protoSlot) string { return text[r.values[slot].start:r.values[slot].end] }
	op.Tenant = at(atTenant)
	switch op.Method {
	case SendMessage, SendStreamingMessage:
		op.TaskID, op.ContextID, op.MessageID = at(atMessageTask), at(atMessageContext), at(atMessage)
		op.Extensions, op.References = r.list(r.extensions, text), r.list(r.references, text)
		// A push configuration may ride along: a server could file it under the task that it names itself.
		if disagree(at(atPushTask), op.TaskID) || disagree(at(atPushTenant), op.Tenant) {
			return conflict
		}
		return sound
	case ListTasks:
		op.ContextID = at(atContext)
		return sound
	case CreateTaskPushNotificationConfig:
		op.Tenant, op.TaskID = at(atPushTenant), at(atPushTask)
	default:
		op.TaskID = at(atTask)
	}
	if op.Generation == V03 {
		return r.resources(op, text)
	}
	return sound
}

// resources takes the task from the resource names with which 0.3 names tasks and configurations.
func (r *protoReader) resources(op *Operation, text string) flaw {
	for _, slot := range [...]protoSlot{atName, atParent, atConfigName} {
		name := text[r.values[slot].start:r.values[slot].end]
		if name == "" {
			continue
		}
		id, ok := resourceTask(name, slot == atConfigName)
		if !ok {
			return badName
		}
		if disagree(id, op.TaskID) {
			return conflict
		}
		op.TaskID = id
	}
	return sound
}

// resourceTask returns the task in a resource name: tasks/{id}, or of a configuration
// tasks/{id}/pushNotificationConfigs/{id}, where the id of one that is to be created may be missing. Servers search
// for these words in a name, so that a name of any other form could name two tasks.
func resourceTask(name string, config bool) (string, bool) {
	id, ok := strings.CutPrefix(name, "tasks/")
	if ok && config {
		var rest string
		id, rest, _ = strings.Cut(id, "/")
		rest, ok = strings.CutPrefix(rest, "pushNotificationConfigs/")
		ok = ok && !strings.Contains(rest, "/")
	}
	return id, ok && id != "" && !strings.Contains(id, "/")
}

func disagree(a, b string) bool { return a != "" && b != "" && a != b }

func (r *protoReader) list(at []int32, text string) []string {
	if len(at) == 0 {
		return nil
	}
	values := make([]string, len(at))
	for i, j := range at {
		values[i] = text[r.texts[j].start:r.texts[j].end]
	}
	return values
}
