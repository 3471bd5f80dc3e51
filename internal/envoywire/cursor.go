package envoywire

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Bounds of what is read, beside the size of a message, which the gRPC server bounds.
const (
	// maxFields is the most header fields that a message may have. Envoy takes 100 unless it is told otherwise.
	maxFields = 8192
	// maxNesting is how deep messages may lie in each other, as in protobuf's own parser for C++.
	maxNesting = 100
)

// Why a message is refused.
var (
	errUnknown  = errors.New("cannot be a field")
	errType     = errors.New("is not written as its type is")
	errTwice    = errors.New("comes twice, or beside another that excludes it")
	errCut      = errors.New("is cut short")
	errText     = errors.New("is not UTF-8")
	errNesting  = errors.New("is nested too deep")
	errTooMany  = errors.New("has too many entries")
	errTwiceKey = errors.New("has a key twice")
)

// cursor walks through the fields of one message. It passes over those that the layout does not have, which a newer Envoy
// may send: they take nothing from the meaning of those that are known. Unlike protobuf, it refuses fields that come twice:
// which of them counts would be a guess.
type cursor struct {
	data     []byte
	at       int // where the next field begins
	from, to int // where the value of a text, of octets or of a message lies
	bits     uint64
	number   uint64
	seen     uint32
	of       shape
	field    field
	err      error
}

func walk(of shape, data []byte) cursor { return cursor{data: data, of: of} }

// bytes returns the value of a text, of octets or of a message, which is part of what is read.
func (c *cursor) bytes() []byte { return c.data[c.from:c.to:c.to] }

// next goes to the next field. It returns false at the end, and where err says what is wrong.
func (c *cursor) next() bool {
	var tag uint64
	for {
		if c.at >= len(c.data) || c.err != nil {
			return false
		}
		var ok bool
		if tag, ok = c.varint(); !ok {
			return c.refuse(errCut)
		}
		if c.number = tag >> 3; c.number < fieldNumbers {
			if c.field = layout[c.of][c.number]; c.field.kind != noField {
				break
			}
		}
		if !c.pass(tag) {
			return false
		}
	}
	if protowire.Type(tag&7) != wires[c.field.kind] {
		return c.refuse(errType)
	}
	if !c.field.repeats {
		slot := uint32(1) << c.number
		if c.field.oneof != 0 {
			slot = 1 << (fieldNumbers + c.field.oneof)
		}
		if c.seen&slot != 0 {
			return c.refuse(errTwice)
		}
		c.seen |= slot
	}
	return c.take()
}

// pass goes past the value of a field that is not known. Groups, which no proto3 message has, it refuses.
func (c *cursor) pass(tag uint64) bool {
	kind := protowire.Type(tag & 7)
	if c.number == 0 || c.number > uint64(protowire.MaxValidNumber) || kind == protowire.StartGroupType || kind == protowire.EndGroupType {
		return c.refuse(errUnknown)
	}
	n := protowire.ConsumeFieldValue(protowire.Number(c.number), kind, c.data[c.at:])
	if n < 0 {
		return c.refuse(errCut)
	}
	c.at += n
	return true
}

// wires are the wire types of the kinds.
var wires = [...]protowire.Type{
	varint: protowire.VarintType, fixed64: protowire.Fixed64Type, octets: protowire.BytesType, text: protowire.BytesType,
	message: protowire.BytesType,
}

// take reads the value of the field.
func (c *cursor) take() bool {
	if c.field.kind == fixed64 {
		if len(c.data)-c.at < 8 {
			return c.refuse(errCut)
		}
		c.at += 8
		return true
	}
	v, ok := c.varint()
	if !ok {
		return c.refuse(errCut)
	}
	if c.field.kind == varint {
		c.bits = v
		return true
	}
	if v > uint64(len(c.data)-c.at) {
		return c.refuse(errCut)
	}
	c.from, c.to = c.at, c.at+int(v)
	c.at = c.to
	if c.field.kind == text && !utf8.Valid(c.data[c.from:c.to]) {
		return c.refuse(errText)
	}
	return true
}

// varint reads what most numbers are: one byte.
func (c *cursor) varint() (v uint64, ok bool) {
	if c.at < len(c.data) && c.data[c.at] < 0x80 {
		c.at++
		return uint64(c.data[c.at-1]), true
	}
	return c.long()
}

func (c *cursor) long() (v uint64, ok bool) {
	v, n := protowire.ConsumeVarint(c.data[c.at:])
	if n < 0 {
		return 0, false
	}
	c.at += n
	return v, true
}

// refuse ends the walk with an error.
func (c *cursor) refuse(why error) bool {
	c.err = fmt.Errorf("field %d of %s %w", c.number, names[c.of], why)
	return false
}

// check makes sure of a field that nothing is read of, as generated code does.
func (c *cursor) check() { c.checkDown(maxNesting) }

func (c *cursor) checkDown(levels int) {
	if c.err != nil || c.field.kind != message {
		return
	}
	if levels == 0 {
		c.refuse(errNesting)
		return
	}
	inner := walk(c.field.of, c.bytes())
	for inner.next() {
		inner.checkDown(levels - 1)
	}
	c.err = inner.err
}
