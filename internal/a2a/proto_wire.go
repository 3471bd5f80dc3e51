package a2a

import "encoding/binary"

// wireType is how protobuf writes the value of a field. Groups (3 and 4) are missing: A2A has none, readers disagree
// on how to skip them, and so they are refused.
type wireType uint8

const (
	wireVarint  wireType = 0
	wireFixed64 wireType = 1
	wireBytes   wireType = 2
	wireFixed32 wireType = 5
)

// wireField is one field of a message on the wire.
type wireField struct {
	number int32
	wire   wireType
	// at is the offset of the tag, start that of the value behind the tag and, of wireBytes, behind the length; end is
	// where the next field starts.
	at, start, end int
	// varint is the value of a wireVarint.
	varint uint64
}

const maxFieldNumber = 1<<29 - 1

// next reads the field at pos of a message that ends where b ends. It is strict where readers differ: numbers must be
// in their shortest form, which every encoder writes.
func (w *wireField) next(b []byte, pos int) flaw {
	w.at = pos
	// Most fields have a tag and a length of one byte each.
	if pos+1 < len(b) && b[pos]&0x87 == byte(wireBytes) && b[pos+1] < 0x80 {
		w.number, w.wire = int32(b[pos]>>3), wireBytes
		w.start = pos + 2
		w.end = w.start + int(b[pos+1])
		if w.end > len(b) || w.number == 0 {
			return badWire
		}
		return sound
	}
	tag, start := varint(b, pos)
	number := tag >> 3
	if start < 0 || number == 0 || number > maxFieldNumber {
		return badWire
	}
	w.number, w.wire, w.start = int32(number), wireType(tag&7), start
	switch w.wire {
	case wireVarint:
		w.varint, w.end = varint(b, start)
	case wireBytes:
		var length uint64
		if length, w.start = varint(b, start); w.start < 0 || length > uint64(len(b)-w.start) {
			return badWire
		}
		w.end = w.start + int(length)
	case wireFixed64:
		w.end = start + 8
	case wireFixed32:
		w.end = start + 4
	default:
		return badWire
	}
	if w.end < 0 || w.end > len(b) {
		return badWire
	}
	return sound
}

// varint reads the number at pos and returns the offset behind it, or -1 for one that is cut off, longer than 64
// bits or not in its shortest form.
func varint(b []byte, pos int) (uint64, int) {
	if pos < len(b) && b[pos] < 0x80 {
		return uint64(b[pos]), pos + 1
	}
	var v uint64
	for shift := 0; pos < len(b); shift += 7 {
		c := b[pos]
		pos++
		if shift == 63 && c > 1 {
			return 0, -1
		}
		v |= uint64(c&0x7F) << shift
		if c < 0x80 {
			if c == 0 {
				return 0, -1
			}
			return v, pos
		}
	}
	return 0, -1
}

// appendField appends a field of wireBytes.
func appendField[T string | []byte](b []byte, number int32, content T) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|uint64(wireBytes))
	b = binary.AppendUvarint(b, uint64(len(content)))
	return append(b, content...)
}

// appendNumber appends a field of wireVarint.
func appendNumber(b []byte, number int32, value uint64) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|uint64(wireVarint))
	return binary.AppendUvarint(b, value)
}
