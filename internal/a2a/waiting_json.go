package a2a

// spelling is how a binding of a generation writes tasks in JSON. The zero value is one that does not.
type spelling uint8

const (
	unspelled spelling = iota
	// currentSpelling is the proto's JSON of 1.0.
	currentSpelling
	// kindSpelling is the JSON of 0.3, where an object says by its kind what it is.
	kindSpelling
	// protoSpelling is the proto's JSON of 0.3, which HTTP+JSON has.
	protoSpelling
)

func spellingOf(b Binding, g Generation) spelling {
	switch {
	case b != JSONRPC && b != HTTPJSON:
		return unspelled
	case g == V10:
		return currentSpelling
	case g == V03 && b == JSONRPC:
		return kindSpelling
	case g == V03:
		return protoSpelling
	}
	return unspelled
}

// waitingNames are the names of the states: in 1.0, in the JSON of 0.3, and in the proto of 0.3.
var waitingNames = [...]struct{ current, kind, proto string }{
	WaitingUnknown:      {},
	WaitingAuthRequired: {"TASK_STATE_AUTH_REQUIRED", "auth-required", "TASK_STATE_AUTH_REQUIRED"},
	WaitingWorking:      {"TASK_STATE_WORKING", "working", "TASK_STATE_WORKING"},
	WaitingRejected:     {"TASK_STATE_REJECTED", "rejected", "TASK_STATE_REJECTED"},
	WaitingCanceled:     {"TASK_STATE_CANCELED", "canceled", "TASK_STATE_CANCELLED"},
	WaitingFailed:       {"TASK_STATE_FAILED", "failed", "TASK_STATE_FAILED"},
	WaitingCompleted:    {"TASK_STATE_COMPLETED", "completed", "TASK_STATE_COMPLETED"},
}

func (s WaitingState) spelled(as spelling) string {
	switch names := waitingNames[s]; as {
	case kindSpelling:
		return names.kind
	case protoSpelling:
		return names.proto
	default:
		return names.current
	}
}

// sent returns the task as the result of the message that started it, and as an event of a stream.
func (w Waiting) sent(as spelling) []byte {
	if as == kindSpelling {
		return w.task(as)
	}
	return append(append([]byte(`{"task":`), w.task(as)...), '}')
}

func (w Waiting) task(as spelling) []byte {
	b := openTask(nil, as, w.ID, w.ContextID)
	b = w.appendStatus(b, as)
	b = append(b, `,"metadata":{`...)
	b = appendString(b, ApprovalExtension)
	b = append(b, ':')
	return append(w.appendMetadata(b, as), "}}"...)
}

// openTask appends the beginning of a task up to its status.
func openTask(b []byte, as spelling, id, context string) []byte {
	b = append(b, '{')
	if as == kindSpelling {
		b = append(b, `"kind":"task",`...)
	}
	b = appendString(append(b, `"id":`...), id)
	b = appendString(append(b, `,"contextId":`...), context)
	return append(b, `,"status":`...)
}

// finalStatus returns the event by which streams of 0.3 announce their end.
func (w Waiting) finalStatus(as spelling) []byte {
	b := []byte(`{"statusUpdate":{`)
	if as == kindSpelling {
		b = []byte(`{"kind":"status-update",`)
	}
	b = appendString(append(b, `"taskId":`...), w.ID)
	b = appendString(append(b, `,"contextId":`...), w.ContextID)
	b = w.appendStatus(append(b, `,"status":`...), as)
	b = append(b, `,"final":true}`...)
	if as == kindSpelling {
		return b
	}
	return append(b, '}')
}

func (w Waiting) appendStatus(b []byte, as spelling) []byte {
	b = appendString(append(b, `{"state":`...), w.State.spelled(as))
	// Readers of the proto of 0.3 differ in where a message has its parts; there the metadata has the text.
	if w.Message != "" && as != protoSpelling {
		b = w.appendMessage(append(b, `,"message":`...), as)
	}
	if !w.At.IsZero() {
		b = append(b, `,"timestamp":"`...)
		b = w.At.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
		b = append(b, '"')
	}
	return append(b, '}')
}

func (w Waiting) appendMessage(b []byte, as spelling) []byte {
	role, part := "ROLE_AGENT", `[{"text":`
	b = append(b, '{')
	if as == kindSpelling {
		role, part = "agent", `[{"kind":"text","text":`
		b = append(b, `"kind":"message",`...)
	}
	b = appendString(append(b, `"messageId":`...), w.MessageID)
	b = appendString(append(b, `,"taskId":`...), w.ID)
	b = appendString(append(b, `,"contextId":`...), w.ContextID)
	b = appendString(append(b, `,"role":`...), role)
	b = appendString(append(append(b, `,"parts":`...), part...), w.Message)
	b = appendString(append(b, `}],"extensions":[`...), ApprovalExtension)
	return append(b, "]}"...)
}

// messageKey is the member of the metadata that holds the text of the status where the status itself does not.
const messageKey = "message"

func (w Waiting) appendMetadata(b []byte, as spelling) []byte {
	pairs := w.Metadata
	if w.Message != "" && as == protoSpelling {
		pairs = []Pair{{messageKey, w.Message}}
		for _, p := range w.Metadata {
			if p.Key != messageKey {
				pairs = append(pairs, p)
			}
		}
	}
	b = append(b, '{')
	for i, p := range pairs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, p.Key), ':')
		b = appendString(b, p.Value)
	}
	return append(b, '}')
}

// appendResult appends what the binding has around a result: the response that answers op, or nothing.
func appendResult(b []byte, op Operation, result []byte) []byte {
	if op.Binding != JSONRPC {
		return append(b, result...)
	}
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = appendRequestID(b, op.RequestID)
	b = append(b, `,"result":`...)
	return append(append(b, result...), '}')
}

// appendRequestID appends the id of a JSON-RPC request; anything but a string, number or null becomes null.
func appendRequestID(b, id []byte) []byte {
	if scalarID(id) {
		return append(b, id...)
	}
	return append(b, "null"...)
}

// appendEvent appends an event of text/event-stream. The data must have no line ends.
func appendEvent(b, data []byte) []byte {
	b = append(b, "data: "...)
	return append(append(b, data...), "\n\n"...)
}
