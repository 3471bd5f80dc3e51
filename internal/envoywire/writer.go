package envoywire

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// writer writes a message from its end to its beginning, so that the length of a message inside it is known when it is
// written. It is made with room for all of it and grows where that was too little.
type writer struct {
	buffer []byte
	at     int     // where what was written begins
	lent   *[]byte // the buffer that the pool lent; nil when it is not worth pooling
}

func newWriter(size int) writer {
	if mem.IsBelowBufferPoolingThreshold(size) {
		return writer{buffer: make([]byte, size), at: size}
	}
	lent := mem.DefaultBufferPool().Get(size)
	return writer{buffer: *lent, at: len(*lent), lent: lent}
}

// frame returns what was written.
func (w *writer) frame() *Frame {
	f := &Frame{}
	if w.lent == nil {
		f.one[0] = mem.SliceBuffer(w.buffer[w.at:])
	} else {
		whole := mem.NewBuffer(w.lent, mem.DefaultBufferPool())
		f.one[0] = whole.Slice(w.at, len(w.buffer))
		whole.Free() // what is sliced of it keeps it
	}
	f.data = f.one[:]
	return f
}

// end is a mark: the end of a message that is about to be written.
func (w *writer) end() int { return len(w.buffer) - w.at }

// begin ends the message that goes up to the mark, and makes it the field with the number.
func (w *writer) begin(number protowire.Number, end int) {
	w.varint(uint64(len(w.buffer) - w.at - end))
	w.varint(protowire.EncodeTag(number, protowire.BytesType))
}

// text writes a text or octets, an empty one too.
func (w *writer) text(number protowire.Number, value string) {
	end := w.end()
	w.room(len(value))
	w.at -= len(value)
	copy(w.buffer[w.at:], value)
	w.begin(number, end)
}

// octets is text for bytes.
func (w *writer) octets(number protowire.Number, value []byte) {
	end := w.end()
	w.room(len(value))
	w.at -= len(value)
	copy(w.buffer[w.at:], value)
	w.begin(number, end)
}

// number writes an integer, a bool or an enum, unless it is 0, which is what an absent one is.
func (w *writer) number(number protowire.Number, value uint64) {
	if value != 0 {
		w.varint(value)
		w.varint(protowire.EncodeTag(number, protowire.VarintType))
	}
}

func (w *writer) varint(v uint64) {
	n := protowire.SizeVarint(v)
	w.room(n)
	w.at -= n
	protowire.AppendVarint(w.buffer[:w.at], v)
}

// room makes sure that there is room for n more bytes.
func (w *writer) room(n int) {
	if n <= w.at {
		return
	}
	grown := make([]byte, 2*len(w.buffer)+n)
	at := len(grown) - (len(w.buffer) - w.at)
	copy(grown[at:], w.buffer[w.at:])
	if w.lent != nil {
		mem.DefaultBufferPool().Put(w.lent)
	}
	w.buffer, w.at, w.lent = grown, at, nil
}

// overwrite is envoy.config.core.v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD.
const overwrite = 2

// Numbers of envoy.config.core.v3.HeaderValue under which a value is written: ext_authz reads the one alone and would set
// the other as an empty field; ext_proc reads the other.
const (
	plainValue protowire.Number = 2
	rawValue   protowire.Number = 3
)

// options writes fields that each take the place of those of the same name.
func (w *writer) options(number, form protowire.Number, fields [][2]string) {
	for i := len(fields) - 1; i >= 0; i-- {
		option := w.end()
		w.number(3, overwrite)
		header := w.end()
		if fields[i][1] != "" {
			w.text(form, fields[i][1])
		}
		if fields[i][0] != "" {
			w.text(1, fields[i][0])
		}
		w.begin(1, header)
		w.begin(number, option)
	}
}

// size is enough for fields as options writes them.
func size(fields [][2]string) int {
	n := 0
	for _, f := range fields {
		n += len(f[0]) + len(f[1]) + perField
	}
	return n
}

// perField is more than what a field or a message takes beside its value.
const perField = 32
