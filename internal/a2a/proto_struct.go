package a2a

// protoSpan is a place in a body.
type protoSpan struct{ start, end int }

func (p protoSpan) of(text string) string { return text[p.start:p.end] }

// declared is what a caller declared in the metadata of its message.
type declared struct{ skill, action protoSpan }

// The numbers of the fields of google.protobuf.Value, and of the entries of a Struct.
const (
	valueString = 3
	valueStruct = 5
	entryKey    = 1
	entryValue  = 2
)

// declaration returns what stands under ActionExtension in the metadata of the message, and marks it as identifiers.
// The message must have been read, so that all its fields are known to be sound.
func (r *protoReader) declaration() declared {
	m := r.values[atMessageMetadata]
	extension := r.member(protoSpan{int(m.start), int(m.end)}, ActionExtension, valueStruct)
	return declared{r.identifier(extension, "skill"), r.identifier(extension, "action")}
}

func (r *protoReader) identifier(extension protoSpan, key string) protoSpan {
	at := r.member(extension, key, valueString)
	for i := range r.texts {
		if t := &r.texts[i]; t.start == int32(at.start) && at.start < at.end {
			t.kind = KindID
		}
	}
	return at
}

// member returns the place of the content that a Struct has under key, if it is of the form: a number of a field of
// google.protobuf.Value.
func (r *protoReader) member(in protoSpan, key string, form int32) protoSpan {
	var w wireField
	for pos := in.start; pos < in.end; {
		if w.next(r.body[:in.end], pos) != sound {
			return protoSpan{}
		}
		pos = w.end
		if w.number != 1 || w.wire != wireBytes {
			continue
		}
		entry := protoSpan{w.start, w.end}
		if name := r.child(entry, entryKey); string(r.body[name.start:name.end]) == key {
			return r.child(r.child(entry, entryValue), form)
		}
	}
	return protoSpan{}
}

// child returns the place of the content of a field that occurs once.
func (r *protoReader) child(in protoSpan, number int32) protoSpan {
	var w wireField
	for pos := in.start; pos < in.end; {
		if w.next(r.body[:in.end], pos) != sound {
			return protoSpan{}
		}
		if w.number == number && w.wire == wireBytes {
			return protoSpan{w.start, w.end}
		}
		pos = w.end
	}
	return protoSpan{}
}
