package envoywire

import (
	"errors"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Coding says by what code the two filters' messages are read and written.
type Coding string

// The codings. Both say and understand the same.
const (
	// Raw is this package: it reads what Ringfence needs, and refuses what it does not know.
	Raw Coding = "raw"
	// Generated is protobuf's generated code.
	Generated Coding = "generated"
)

// Codec leaves frames as they are, and has protobuf's codec read and write all other messages.
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2(proto.Name)} }

type codec struct{ encoding.CodecV2 }

var errEmpty = errors.New("a frame without a message cannot be sent")

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*Frame)
	switch {
	case !ok:
		return c.CodecV2.Marshal(v)
	case f == nil || f.data == nil:
		// No message would be read as an empty one, which a check's answer must not be.
		return nil, errEmpty
	default:
		return f.data, nil
	}
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if f, ok := v.(*Frame); ok {
		f.receive(data)
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
