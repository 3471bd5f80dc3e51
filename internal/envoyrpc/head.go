package envoyrpc

import (
	"errors"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// mostHeader is how many bytes the header of a call may have, counted as HTTP/2 does (RFC 9113 section 6.5.2).
const mostHeader = 64 << 10

// head is what is read of the header of a call.
type head struct {
	verb, path, content, encoding string
	timeout                       time.Duration // 0: none
	size                          int
	wrong                         error
}

var (
	errLarge     = errors.New("the header is too large")
	errTimeout   = errors.New("grpc-timeout is malformed")
	errAmbiguous = errors.New("the header is ambiguous")
)

// take takes a field of the header.
func (h *head) take(f hpack.HeaderField) {
	if h.size += int(f.Size()); h.size > mostHeader {
		h.wrong = errLarge
		return
	}
	switch f.Name {
	case ":method":
		h.once(h.verb)
		h.verb = f.Value
	case ":path":
		h.once(h.path)
		h.path = f.Value
	case "content-type":
		h.content = f.Value
	case "grpc-encoding":
		h.encoding = f.Value
	case "grpc-timeout":
		timeout, ok := parseTimeout(f.Value)
		if h.timeout = timeout; !ok {
			h.wrong = errTimeout
		}
	}
}

// once refuses a field that was there before (RFC 9113 section 8.3).
func (h *head) once(before string) {
	if before != "" {
		h.wrong = errAmbiguous
	}
}

// refusal returns why there can be no such call, or nil.
func (h *head) refusal() *status.Status {
	switch {
	case h.wrong != nil:
		return status.New(codes.Internal, h.wrong.Error())
	case h.verb != "POST" || h.content != grpcContent && !strings.HasPrefix(h.content, grpcContent+"+") && !strings.HasPrefix(h.content, grpcContent+";"):
		return status.New(codes.Internal, "the request is no gRPC call")
	case h.encoding != "" && h.encoding != "identity":
		return status.New(codes.Unimplemented, "messages must not be compressed")
	}
	return nil
}

const grpcContent = "application/grpc"

// parseTimeout reads a grpc-timeout: at most 8 digits and a unit.
func parseTimeout(text string) (time.Duration, bool) {
	if len(text) < 2 || len(text) > 9 {
		return 0, false
	}
	n := time.Duration(0)
	for _, c := range []byte(text[:len(text)-1]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + time.Duration(c-'0')
	}
	unit := unitOf(text[len(text)-1])
	if unit == 0 {
		return 0, false
	}
	// 8 digits of hours would not fit; no call waits for as long. No time at all is the least there is, as none is no timeout.
	return max(1, min(n, maxTimeout/unit)*unit), true
}

// unitOf returns what a letter stands for in a grpc-timeout, or 0.
func unitOf(letter byte) time.Duration {
	switch letter {
	case 'H':
		return time.Hour
	case 'M':
		return time.Minute
	case 'S':
		return time.Second
	case 'm':
		return time.Millisecond
	case 'u':
		return time.Microsecond
	case 'n':
		return time.Nanosecond
	default:
		return 0
	}
}

const maxTimeout = 1000 * time.Hour
