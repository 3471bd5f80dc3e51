package a2a_test

import (
	"bytes"
	"errors"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

// splitFrames feeds stream in pieces of n bytes, in memory that is overwritten afterwards, and collects the messages.
func splitFrames(t *testing.T, f *a2a.Frames, stream []byte, n int) (messages [][]byte, raw []byte, err error) {
	t.Helper()
	chunk := make([]byte, n)
	for len(stream) > 0 {
		piece := chunk[:copy(chunk, stream)]
		stream = stream[len(piece):]
		f.Feed(piece)
		for {
			frame, ok, err := f.Next()
			if err != nil {
				return messages, raw, err
			}
			if !ok {
				break
			}
			messages = append(messages, bytes.Clone(frame.Message))
			raw = append(raw, frame.Raw...)
		}
		clear(chunk)
	}
	return messages, raw, f.End()
}

func TestFramesAnyCutGivesTheSameMessages(t *testing.T) {
	t.Parallel()
	want := [][]byte{{}, []byte("a"), bytes.Repeat([]byte("long "), 100), {}, []byte("last")}
	var stream []byte
	for _, m := range want {
		stream = a2a.AppendFrame(stream, m)
	}
	for n := 1; n <= len(stream)+1; n++ {
		messages, raw, err := splitFrames(t, a2a.NewFrames(500), stream, n)
		if err != nil || !bytes.Equal(raw, stream) || len(messages) != len(want) {
			t.Fatalf("pieces of %d: %d messages, %v", n, len(messages), err)
		}
		for i := range want {
			if !bytes.Equal(messages[i], want[i]) {
				t.Errorf("pieces of %d: message %d is %q", n, i, messages[i])
			}
		}
	}
}

func TestFramesRefuses(t *testing.T) {
	t.Parallel()
	good := a2a.AppendFrame(nil, []byte("good"))
	for _, tc := range []struct {
		name, tail string
		want       error
	}{
		{"too-large", "\x00\x00\x00\x00\x05aaaaa", a2a.ErrFrameTooLarge},
		{"too-large-from-the-prefix-alone", "\x00\xff\xff\xff\xff", a2a.ErrFrameTooLarge},
		{"compressed", "\x01\x00\x00\x00\x01a", a2a.ErrFrameCompressed},
		{"compressed-from-the-first-byte", "\x01", a2a.ErrFrameCompressed},
		{"trailers-of-grpc-web", "\x80\x00\x00\x00\x00", a2a.ErrFrameMalformed},
		{"ends-in-the-prefix", "\x00\x00\x00", a2a.ErrFrameMalformed},
		{"ends-in-the-message", "\x00\x00\x00\x00\x04abc", a2a.ErrFrameMalformed},
	} {
		for n := 1; n < 20; n++ {
			f := a2a.NewFrames(4)
			messages, _, err := splitFrames(t, f, append(bytes.Clone(good), tc.tail...), n)
			if len(messages) != 1 || !errors.Is(err, tc.want) {
				t.Errorf("%s in pieces of %d: %q, %v", tc.name, n, messages, err)
			}
			f.Feed(good)
			if _, ok, err := f.Next(); ok || !errors.Is(err, tc.want) {
				t.Errorf("%s: went on after the error: %v", tc.name, err)
			}
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x01a\x00\x00\x00\x00\x00"), uint8(3))
	f.Add([]byte("\x01\x00\x00\x00\x01a"), uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, n uint8) {
		whole, rawWhole, errWhole := splitFrames(t, a2a.NewFrames(100), stream, len(stream)+1)
		parts, rawParts, errParts := splitFrames(t, a2a.NewFrames(100), stream, int(n)+1)
		if len(whole) != len(parts) || !bytes.Equal(rawWhole, rawParts) || !errors.Is(errParts, errWhole) {
			t.Errorf("%d messages and %v, or %d and %v", len(whole), errWhole, len(parts), errParts)
		}
		var again []byte
		for _, m := range whole {
			again = a2a.AppendFrame(again, m)
		}
		if !bytes.Equal(again, rawWhole) || !bytes.HasPrefix(stream, again) || errWhole == nil && len(again) < len(stream) {
			t.Errorf("the messages are not the stream: %x of %x", again, stream)
		}
	})
}
