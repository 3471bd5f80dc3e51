package a2a

import "strconv"

// Steps returns where in a request a text of the operation stands, as in JSON: see Text.Steps. The body must be the one of
// which the operation was read.
func (op *Operation) Steps(t Text, body []byte) []Step {
	if op.Binding != GRPC {
		return t.Steps(body)
	}
	call := grpcCalls[op.Wire]
	if call == nil || oneFrame(body) != sound || int(t.Start) < framePrefix {
		return nil
	}
	return protoSteps(t, body, call.request, framePrefix)
}

// AnswerSteps does the same for a text of what was answered to the operation; see RedactAnswer for the unit.
func (op *Operation) AnswerSteps(t Text, unit []byte) []Step {
	if op.Binding != GRPC {
		return t.Steps(unit)
	}
	call := grpcCalls[op.Wire]
	if call == nil {
		return nil
	}
	return protoSteps(t, unit, call.answer, 0)
}

// protoSteps walks a message that was read to the text in it, from the offset at which the message begins.
func protoSteps(t Text, body []byte, m *protoMessage, start int) []Step {
	if t.End == 0 || int(t.End) > len(body) {
		return nil
	}
	var steps []Step
	end := len(body)
	for m != nil {
		w, index, ok := holding(t, body[:end], start)
		if !ok {
			return steps
		}
		f := m.field(w.number)
		if f == nil {
			return append(steps, Step{}) // a field that A2A does not define has no name
		}
		if f.name != "" {
			steps = append(steps, Step{Name: f.name})
		}
		start, end, m = w.start, w.end, f.message
		switch {
		case f.form == protoMap:
			steps = append(steps, Step{Name: entryName(body[:end], start)})
			value, _, ok := holding(t, body[:end], start)
			if !ok || value.number != entryValue {
				return steps
			}
			start, end = value.start, value.end
		case f.many:
			steps = append(steps, Step{Name: strconv.Itoa(index), Index: true})
		}
	}
	return steps
}

// holding returns the field of a message in which the text stands, and how many of the same number are before it.
func holding(t Text, body []byte, pos int) (w wireField, index int, ok bool) {
	before := map[int32]int{}
	for pos < len(body) {
		if w.next(body, pos) != sound {
			return w, 0, false
		}
		if w.wire == wireBytes && int(t.Start) >= w.start && int(t.End) <= w.end {
			return w, before[w.number], true
		}
		before[w.number]++
		pos = w.end
	}
	return w, 0, false
}

// entryName returns the key of the entry of a map.
func entryName(body []byte, pos int) string {
	var w wireField
	for pos < len(body) && w.next(body, pos) == sound {
		if w.number == entryKey && w.wire == wireBytes {
			return string(body[w.start:w.end])
		}
		pos = w.end
	}
	return ""
}
