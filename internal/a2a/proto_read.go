package a2a

import (
	"math"
	"sync"
	"unicode/utf8"
)

// protoReader walks one protobuf message once. It accepts what every reader reads alike: fields in any order and
// fields that A2A does not define, but no field twice that may occur once (some readers merge, some take the last),
// no two members of a oneof, no key of a map twice, and no text that is not UTF-8. Like the scanner it notes places,
// so that its state holds no pointers into a body.
type protoReader struct {
	body    []byte
	fault   int // offset of the field at which reading stopped
	depth   int // levels left
	members int // fields left

	texts      []protoMark
	values     [protoSlots]protoValue
	extensions []int32 // indexes into texts
	references []int32
	tasks      []protoTask
	kind       AnswerKind

	keys keySet
	// names lends keys its view of the body, as if each key stood between quotes.
	names scanner
}

// protoMark is a Text to be.
type protoMark struct {
	start, end int32
	kind       Kind
	key        bool
	author     Author
	piece      Piece
}

// protoValue is what was found in a slot: its place, its index in texts plus one if it is a text, and its value if
// it is a number.
type protoValue struct {
	start, end, text int32
	number           int32
}

var protoReaders = sync.Pool{New: func() any { return new(protoReader) }}

const (
	protoMarkSize = 16
	protoTaskSize = 20
)

func (r *protoReader) release() {
	r.body, r.names.body = nil, nil
	if cap(r.texts)*protoMarkSize+cap(r.keys.names)*nameSize+cap(r.tasks)*protoTaskSize > maxRetained {
		return
	}
	protoReaders.Put(r)
}

// read walks body from start on as one message. The bytes before start count to the size.
func (r *protoReader) read(body []byte, start int, lim Limits, root *protoMessage) flaw {
	r.body, r.names.body, r.fault = body, body, -1
	r.depth, r.members = min(lim.Depth, maxDepth), lim.Members
	r.texts, r.tasks = r.texts[:0], r.tasks[:0]
	r.extensions, r.references = r.extensions[:0], r.references[:0]
	r.values = [protoSlots]protoValue{}
	r.kind = AnswerUnknown
	r.keys.reset()
	if len(body) > lim.Bytes || len(body) > math.MaxInt32 {
		return tooLarge
	}
	return r.message(root, start, len(body))
}

// message reads the fields between two offsets.
func (r *protoReader) message(m *protoMessage, start, end int) flaw {
	if !m.thin {
		if r.depth--; r.depth < 0 {
			return r.stop(tooDeep, start)
		}
	}
	b := r.body[:end]
	var seen uint64
	var names object
	var w wireField
	for pos := start; pos < end; {
		f := w.next(b, pos)
		if f != sound {
			return r.stop(f, pos)
		}
		known := m.field(w.number)
		if known == nil || !m.thin {
			if r.members--; r.members < 0 {
				return r.stop(tooMany, pos)
			}
		}
		pos = w.end
		if known == nil {
			r.unknown(&w)
			continue
		}
		if seen&known.once != 0 {
			return r.stop(repeatedField, w.at)
		}
		seen |= known.once
		if !known.form.fits(w.wire) {
			return r.stop(badWire, w.at)
		}
		if known.form == protoMap {
			f = r.entry(known, &w, &names)
		} else {
			f = r.value(known, &w)
		}
		if f != sound {
			return f
		}
	}
	if !m.thin {
		r.depth++
	}
	return sound
}

// stop notes where the innermost message went wrong.
func (r *protoReader) stop(f flaw, at int) flaw {
	r.fault = at
	return f
}

// unknown notes the content of a field that A2A does not define. An agent skips it, unless it knows more than we do:
// then what stands there, nested messages too, is read as text by some and as bytes by others.
func (r *protoReader) unknown(w *wireField) {
	if w.wire != wireBytes || w.start == w.end {
		return
	}
	kind := KindFree
	if !utf8.Valid(r.body[w.start:w.end]) {
		kind = KindBytes
	}
	r.texts = append(r.texts, protoMark{start: int32(w.start), end: int32(w.end), kind: kind})
}

func (r *protoReader) value(known *protoField, w *wireField) flaw {
	switch known.form {
	case protoString:
		if !utf8.Valid(r.body[w.start:w.end]) {
			return r.stop(badText, w.at)
		}
		r.note(known, w)
	case protoBytes:
		r.note(known, w)
	case protoBool:
		if w.varint > 1 {
			return r.stop(badWire, w.at)
		}
		r.number(known, w)
	case protoInt32:
		if int64(w.varint) != int64(int32(w.varint)) {
			return r.stop(badWire, w.at)
		}
		r.number(known, w)
	case protoSub:
		return r.sub(known, w)
	}
	return sound
}

// note records a string or bytes. Without content they are as good as absent.
func (r *protoReader) note(known *protoField, w *wireField) {
	if w.start == w.end {
		return
	}
	r.texts = append(r.texts, protoMark{start: int32(w.start), end: int32(w.end), kind: known.kind})
	n := int32(len(r.texts))
	switch known.slot {
	case noProtoSlot:
	case atExtensions:
		r.extensions = append(r.extensions, n-1)
	case atReferences:
		r.references = append(r.references, n-1)
	default:
		r.values[known.slot] = protoValue{start: int32(w.start), end: int32(w.end), text: n}
	}
}

func (r *protoReader) number(known *protoField, w *wireField) {
	if known.slot != noProtoSlot {
		r.values[known.slot] = protoValue{start: int32(w.start), end: int32(w.end), number: int32(w.varint)}
	}
}

// sub reads a field that holds a message, and notes what it says of an answer.
func (r *protoReader) sub(known *protoField, w *wireField) flaw {
	first := len(r.texts)
	if known.voice != noVoice {
		r.values[atRole], r.values[atArtifact] = protoValue{}, protoValue{}
	}
	if f := r.message(known.message, w.start, w.end); f != sound {
		return f
	}
	switch known.voice {
	case agentVoice:
		r.attribute(first, AuthorAgent)
		r.tellPieces(first, messagePiece)
	case artifactVoice:
		r.attribute(first, AuthorAgent)
		r.tellPieces(first, pieceOf(r.values[atArtifact].text))
	case roleVoice:
		r.attribute(first, roleAuthor(r.values[atRole].number))
	}
	switch {
	case known.answer != AnswerUnknown:
		r.kind = known.answer
		r.refer(known.answer, 0, 0)
	case known.listed:
		r.refer(AnswerTask, w.at, w.end)
	case known.slot != noProtoSlot:
		r.values[known.slot] = protoValue{start: int32(w.start), end: int32(w.end)}
	}
	return sound
}

// entry reads one entry of a map: a message of a key and a value, either of which may be missing.
func (r *protoReader) entry(known *protoField, w *wireField, names *object) flaw {
	b, key := r.body[:w.end], span{start: int32(w.start) - 1, end: int32(w.start) + 1}
	var seen uint64
	var e wireField
	for pos := w.start; pos < w.end; {
		f := e.next(b, pos)
		if f != sound {
			return r.stop(f, pos)
		}
		pos = e.end
		if e.number > 2 {
			if r.members--; r.members < 0 {
				return r.stop(tooMany, e.at)
			}
			r.unknown(&e)
			continue
		}
		if e.wire != wireBytes {
			return r.stop(badWire, e.at)
		}
		if seen&(1<<e.number) != 0 {
			return r.stop(repeatedField, e.at)
		}
		seen |= 1 << e.number
		switch {
		case e.number == 1:
			key = span{start: int32(e.start) - 1, end: int32(e.end) + 1}
			if f = r.value(&protoText, &e); f == sound && e.start < e.end {
				r.texts[len(r.texts)-1].key = true
			}
		case known.message != nil:
			f = r.message(known.message, e.start, e.end)
		default:
			f = r.value(&protoText, &e)
		}
		if f != sound {
			return f
		}
	}
	if names.id == 0 {
		*names = r.keys.open()
	}
	if !r.keys.add(&r.names, names, key, r.names.bytes(key)) {
		return r.stop(duplicateKey, w.at)
	}
	return sound
}

// protoText is how the keys of maps, and their values where they are strings, are read.
var protoText = protoField{form: protoString}
