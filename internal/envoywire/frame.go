package envoywire

import (
	"bytes"

	"google.golang.org/grpc/mem"
)

// Frame is a message as it is on the wire, without the gRPC prefix. Codec takes it as it stands. The zero value holds none.
type Frame struct {
	data mem.BufferSlice
	one  [1]mem.Buffer // what data mostly is of
}

// receive keeps what the gRPC server has read, for which it has references of its own.
func (f *Frame) receive(data mem.BufferSlice) {
	f.Free()
	data.Ref()
	// The slice stays the server's, what it is of does not.
	f.data = append(f.one[:0], data...)
}

// Free lets go of what was received.
func (f *Frame) Free() {
	f.data.Free()
	f.data = nil
}

// contents returns what was received in one piece. It belongs to the gRPC server until Free, unless owned says that it was
// put together here.
func (f *Frame) contents() (data []byte, owned bool) {
	switch len(f.data) {
	case 0:
		return nil, true
	case 1:
		return f.data[0].ReadOnlyData(), false
	default:
		return f.data.Materialize(), true
	}
}

// Check reads the CheckRequest that was received, and frees the frame.
func (f *Frame) Check() (Check, error) {
	defer f.Free()
	data, owned := f.contents()
	check, err := ParseCheck(data)
	if !owned {
		check.Body = bytes.Clone(check.Body)
	}
	return check, err
}

// Message reads the ProcessingRequest that was received into m, and frees the frame.
func (f *Frame) Message(m *Message) error {
	defer f.Free()
	data, owned := f.contents()
	err := m.Parse(data)
	if !owned {
		m.Body = bytes.Clone(m.Body)
	}
	return err
}
