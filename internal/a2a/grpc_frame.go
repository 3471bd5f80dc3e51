package a2a

import (
	"encoding/binary"
	"errors"
	"math"
)

// framePrefix is the length of what stands before each message of a gRPC stream: a byte that says whether the
// message is compressed, and its length in four bytes, big endian.
const framePrefix = 5

// compressedFlag is the first byte of the prefix of a compressed message.
const compressedFlag = 1

// The errors that end a stream of frames.
var (
	// ErrFrameTooLarge is a message larger than allowed.
	ErrFrameTooLarge = errors.New("a message of the stream is larger than allowed")
	// ErrFrameCompressed is a message that is compressed, which the mesh cannot read.
	ErrFrameCompressed = errors.New("a message of the stream is compressed")
	// ErrFrameMalformed is a prefix that gRPC does not define, or a stream that ends within a message.
	ErrFrameMalformed = errors.New("the stream is not one of length-prefixed messages")
)

// Frame is one message of a gRPC stream. Its slices are valid until the next call of a method of Frames.
type Frame struct {
	// Raw are the bytes as they came, the prefix included. The Raw of all frames of a stream, one behind the other,
	// are the stream.
	Raw []byte
	// Message is Raw without the prefix.
	Message []byte
}

// Frames splits a gRPC stream that comes in chunks cut anywhere into messages that can be passed on, left out or
// replaced one by one. A message is returned as soon as its last byte is there. It starts no goroutines, and keeps no
// more of the stream than one message may have and the last chunk. The zero value accepts empty messages only.
type Frames struct {
	limit  int
	window // from the start of a prefix
	err    error
}

// NewFrames returns a splitter of messages of at most limit bytes each, the prefix not counted.
func NewFrames(limit int) *Frames { return &Frames{limit: max(limit, 0)} }

// Feed appends a chunk to the stream. The chunk must stay as it is until Next has returned false.
func (f *Frames) Feed(chunk []byte) {
	if f.err == nil {
		f.feed(chunk)
	}
}

// Waiting returns how many bytes wait for the end of their message.
func (f *Frames) Waiting() int { return len(f.rest) }

// Next returns the next message, or false when it is not complete yet. Once a message cannot be read the error stays:
// where the next one starts could be told, but not what the receiver makes of the gap.
func (f *Frames) Next() (Frame, bool, error) {
	if f.err != nil {
		return Frame{}, false, f.err
	}
	if len(f.rest) > 0 && f.rest[0] != 0 {
		f.err = ErrFrameMalformed
		if f.rest[0] == compressedFlag {
			f.err = ErrFrameCompressed
		}
		return Frame{}, false, f.err
	}
	if len(f.rest) >= framePrefix {
		length := binary.BigEndian.Uint32(f.rest[1:framePrefix])
		if uint64(length) > uint64(f.limit) {
			f.err = ErrFrameTooLarge
			return Frame{}, false, f.err
		}
		if end := framePrefix + int(length); end <= len(f.rest) {
			raw := f.take(end)
			return Frame{Raw: raw, Message: raw[framePrefix:]}, true, nil
		}
	}
	f.keep()
	return Frame{}, false, nil
}

// End tells, when the stream has ended, whether it ended behind a message: nil, or the error that stopped it.
func (f *Frames) End() error {
	if f.err == nil && len(f.rest) > 0 {
		f.err = ErrFrameMalformed
	}
	return f.err
}

// AppendFrame appends message with its prefix, uncompressed. A message over 4 GiB, which no prefix can express, is
// not appended.
func AppendFrame(dst, message []byte) []byte {
	if len(message) > math.MaxUint32 {
		return dst
	}
	dst = append(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(message)))
	return append(dst, message...)
}

// oneFrame checks that body is exactly one message with its prefix.
func oneFrame(body []byte) flaw {
	switch {
	case len(body) < framePrefix:
		return badFrame
	case body[0] == compressedFlag:
		return compressed
	case body[0] != 0:
		return badFrame
	case uint64(binary.BigEndian.Uint32(body[1:framePrefix])) != uint64(len(body)-framePrefix):
		return badFrame
	}
	return sound
}
