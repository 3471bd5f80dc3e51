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
	errUnknown  = errors.New("is not one that this version of Envoy's API has")
	errType     = errors.New("is not written as its type is")
	errTwice    = errors.New("comes twice, or beside another that excludes it")
	errCut      = errors.New("is cut short")
	errText     = errors.New("is not UTF-8")
	errNesting  = errors.New("is nested too deep")
	errTooMany  = errors.New("has too many entries")
	errTwiceKey = errors.New("has a key twice")
)

// cursor walks through the fields of one message. It refuses what the layout does not have, and, unlike protobuf, fields
// that come twice: which of them counts would be a guess.
type cursor struct {
	rest   []byte
	of     shape
	seen   uint32
	number uint64
	field  field
	bytes  []byte // the value of a text, of octets or of a message, which is part of what is read
	bits   uint64 // the value of a varint
	err    error
}

func walk(of shape, data []byte) cursor { return cursor{rest: data, of: of} }

// next goes to the next field. It returns false at the end, and where err says what is wrong.
func (c *cursor) next() bool {
	if len(c.rest) == 0 || c.err != nil {
		return false
	}
	tag, n := protowire.ConsumeVarint(c.rest)
	if n < 0 {
		return c.refuse(errCut)
	}
	c.rest = c.rest[n:]
	if c.number = tag >> 3; c.number >= fieldNumbers {
		return c.refuse(errUnknown)
	}
	if c.field = layout[c.of][c.number]; c.field.kind == noField {
		return c.refuse(errUnknown)
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
	return c.take(protowire.Type(tag & 7))
}

// take reads the value of the field.
func (c *cursor) take(wire protowire.Type) bool {
	var n int
	switch c.field.kind {
	case varint:
		if wire != protowire.VarintType {
			return c.refuse(errType)
		}
		c.bits, n = protowire.ConsumeVarint(c.rest)
	case fixed64:
		if wire != protowire.Fixed64Type {
			return c.refuse(errType)
		}
		c.bits, n = protowire.ConsumeFixed64(c.rest)
	default:
		if wire != protowire.BytesType {
			return c.refuse(errType)
		}
		c.bytes, n = protowire.ConsumeBytes(c.rest)
	}
	if n < 0 {
		return c.refuse(errCut)
	}
	c.rest = c.rest[n:]
	if c.field.kind == text && !utf8.Valid(c.bytes) {
		return c.refuse(errText)
	}
	return true
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
	inner := walk(c.field.of, c.bytes)
	for inner.next() {
		inner.checkDown(levels - 1)
	}
	c.err = inner.err
}
