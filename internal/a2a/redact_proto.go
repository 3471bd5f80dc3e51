package a2a

import "encoding/binary"

// redactFrame returns the body of a gRPC request with other texts, or nil if one of them is in no field of A2A.
func redactFrame(body []byte, call *grpcCall, list []redaction) []byte {
	if call == nil || oneFrame(body) != sound {
		return nil
	}
	r := protoRedaction{body: body, left: list}
	r.all = append(r.all, splice{Span: Span{1, framePrefix}})
	grown, ok := r.message(call.request, framePrefix, len(body))
	if !ok || len(r.left) > 0 {
		return nil
	}
	r.all[0].text = binary.BigEndian.AppendUint32(nil, uint32(len(body)-framePrefix+grown))
	return spliced(body, r.all...)
}

// redactMessage does the same for a message without its prefix.
func redactMessage(message []byte, m *protoMessage, list []redaction) []byte {
	r := protoRedaction{body: message, left: list}
	if _, ok := r.message(m, 0, len(message)); !ok || len(r.left) > 0 {
		return nil
	}
	return spliced(message, r.all...)
}

// protoRedaction finds the texts in a message that was read, so that its fields are sound. What stands around a text
// stays byte for byte but for the lengths, which are noted with the texts and written together in the end: however
// deep a text is, the body is copied once.
type protoRedaction struct {
	body []byte
	left []redaction
	all  []splice
}

// message notes what changes between two offsets, and by how many bytes that grows. It reports false for a text that is
// not the whole content of one of A2A's fields.
func (r *protoRedaction) message(m *protoMessage, start, end int) (int, bool) {
	grown := 0
	var w wireField
	for pos := start; pos < end && len(r.left) > 0 && int(r.left[0].Start) < end; pos = w.end {
		if w.next(r.body[:end], pos) != sound {
			return 0, false
		}
		if int(r.left[0].Start) >= w.end {
			continue
		}
		f := m.field(w.number)
		if f == nil || w.wire != wireBytes {
			return 0, false
		}
		n, ok := r.field(f, &w)
		if !ok {
			return 0, false
		}
		grown += n
	}
	return grown, true
}

// field does the same for a field in which the next text is.
func (r *protoRedaction) field(f *protoField, w *wireField) (int, bool) {
	place := Span{int32(w.at + varintSize(uint64(w.number)<<3)), int32(w.start)} // of the length
	at := len(r.all)
	r.all = append(r.all, splice{})
	inside, ok := 0, true
	switch f.form {
	case protoString, protoBytes:
		next := r.left[0]
		r.left = r.left[1:]
		if int(next.Start) != w.start || int(next.End) != w.end {
			return 0, false
		}
		place.End = next.End
		r.all[at].text = append(binary.AppendUvarint(nil, uint64(len(next.value))), next.value...)
	case protoSub, protoMap:
		m := f.message
		if f.form == protoMap {
			m = f.entry()
		}
		inside, ok = r.message(m, w.start, w.end)
		r.all[at].text = binary.AppendUvarint(nil, uint64(w.end-w.start+inside))
	default:
		return 0, false
	}
	r.all[at].Span = place
	return inside + len(r.all[at].text) - int(place.End-place.Start), ok
}

// entry returns the message that an entry of the map is.
func (f *protoField) entry() *protoMessage {
	value := protoText
	if f.message != nil {
		value = protoField{form: protoSub, message: f.message}
	}
	return &protoMessage{fields: []protoField{entryKey: protoText, entryValue: value}}
}

func varintSize(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
