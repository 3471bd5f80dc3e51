package a2a

import "strings"

// after returns the texts of a sound body behind those that stand before it.
func (s *scanner) after(before []Text) []Text {
	base := len(before)
	if base+len(s.texts) == 0 {
		return nil
	}
	var b strings.Builder
	b.Grow(len(s.body) + len(s.arena))
	b.Write(s.body)
	b.Write(s.arena)
	body, unescaped := b.String()[:len(s.body)], b.String()[len(s.body):]
	texts := make([]Text, base+len(s.texts))
	copy(texts, before)
	for i := range s.texts {
		m := &s.texts[i]
		t := &texts[base+i]
		t.Start, t.End, t.Kind, t.Key, t.Author, t.Piece = m.start, m.end, m.kind, m.key, m.author, m.piece
		if m.from < m.to {
			t.Value = unescaped[m.from:m.to]
		} else {
			t.Value = body[m.start+1 : m.end-1]
		}
	}
	return texts
}

// fill takes the texts and the fields that op's method defines from a sound body. Texts that op has already stay
// in front.
func (s *scanner) fill(op *Operation) {
	base := len(op.Texts)
	texts := s.after(op.Texts)
	op.Texts = texts
	f := fields{s, texts[base:]}
	if op.Method == OtherMethod {
		f.mentions(op)
		return
	}
	if tenant := f.at(inTenant); tenant != "" {
		op.Tenant = tenant
	}
	switch op.Method {
	case SendMessage, SendStreamingMessage:
		op.TaskID, op.ContextID, op.MessageID = f.at(inMessageTask), f.at(inMessageContext), f.at(inMessageID)
		op.Skill, op.Action = f.at(inSkill), f.at(inAction)
		op.Extensions, op.References = f.list(s.extensions), f.list(s.references)
	case ListTasks:
		if context := f.at(inContextID); context != "" {
			op.ContextID = context
		}
	default:
		if op.Binding == JSONRPC {
			op.TaskID = f.at(taskSlot(op.Method, op.Generation))
		}
	}
	f.mentions(op)
}

// taskSlot returns where the params of a JSON-RPC method name the task.
func taskSlot(m Method, g Generation) slot {
	switch m {
	case GetTask, CancelTask, SubscribeToTask:
		return inID
	case CreateTaskPushNotificationConfig:
		return inTaskID
	case GetTaskPushNotificationConfig, ListTaskPushNotificationConfigs, DeleteTaskPushNotificationConfig:
		if g == V03 {
			return inID
		}
		return inTaskID
	default:
		return noSlot
	}
}

// fields reads slots as strings of the finished texts.
type fields struct {
	s     *scanner
	texts []Text
}

func (f fields) at(at slot) string {
	if i := f.s.values[at].text; i > 0 {
		return f.texts[i-1].Value
	}
	return ""
}

func (f fields) list(at []int32) []string {
	if len(at) == 0 {
		return nil
	}
	values := make([]string, len(at))
	for i, j := range at {
		values[i] = f.texts[j].Value
	}
	return values
}
