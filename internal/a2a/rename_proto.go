package a2a

// renameInFrame returns the body of a gRPC request with other ids of tasks, or nil for one that cannot be read.
func renameInFrame(body []byte, op *Operation, names map[string]string) []byte {
	call := grpcCalls[op.Wire]
	if call == nil || oneFrame(body) != sound {
		return nil
	}
	message, _ := call.request.rename(body[framePrefix:], names)
	return AppendFrame(nil, message)
}

// task reports whether the field names a task, for one method or another.
func (s protoSlot) task() bool {
	switch s {
	case atTask, atName, atParent, atConfigName, atPushTask, atMessageTask, atReferences:
		return true
	}
	return false
}

// rename returns the message with other ids of tasks, and whether it has any: fields without one stay byte for byte, and
// of messages around one the length changes alone. What no field defines, and data, are left alone. The message must have
// been read, so that its fields are sound; of one that is not, nothing changes.
func (m *protoMessage) rename(b []byte, names map[string]string) ([]byte, bool) {
	var out []byte
	from := 0
	var w wireField
	for pos := 0; pos < len(b); pos = w.end {
		if w.next(b, pos) != sound {
			return b, false
		}
		f := m.field(w.number)
		if f == nil || w.wire != wireBytes {
			continue
		}
		content, changed := b[w.start:w.end], false
		switch {
		case f.form == protoString && f.slot.task():
			var name string
			if name, changed = renamed(string(content), names); changed {
				content = []byte(name)
			}
		case f.form == protoSub && !f.message.thin:
			content, changed = f.message.rename(content, names)
		}
		if changed {
			out = appendField(append(out, b[from:pos]...), w.number, content)
			from = w.end
		}
	}
	if from == 0 {
		return b, false
	}
	return append(out, b[from:]...), true
}
