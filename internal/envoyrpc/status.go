package envoyrpc

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The headers that calls begin with and the trailers of those that succeed. They say nothing that the client's table of fields
// is to keep, so that they are the same on each connection.
var (
	headBlock    = block(":status", "200", "content-type", grpcContent)
	successBlock = block("grpc-status", "0")
	emptyBlock   = append(block(":status", "200", "content-type", grpcContent), successBlock...)
)

// block returns names and values in turn as HPACK has them, without a trace in the table of fields (RFC 7541 section 6.2.3).
func block(fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		// Writing to a buffer cannot fail.
		_ = e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1], Sensitive: fields[i][0] != ':'})
	}
	return b.Bytes()
}

// mostMessage is how many bytes of a message of a status are sent.
const mostMessage = 1024

// statusBlock returns the trailers of a call that failed, with what calls begin with where nothing was sent of it.
func statusBlock(s *status.Status, whole bool) []byte {
	fields := []string{"grpc-status", strconv.Itoa(int(s.Code())), "grpc-message", escaped(s.Message())}
	if whole {
		fields = append([]string{":status", "200", "content-type", grpcContent}, fields...)
	}
	return block(fields...)
}

// escaped returns a text as a grpc-message, where what is not printable ASCII is percent-encoded. It is cut between characters.
func escaped(text string) string {
	var b strings.Builder
	if len(text) > mostMessage {
		end := mostMessage
		for end > mostMessage-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// failure returns the status of an error, which is never success.
func failure(err error) *status.Status {
	s, ok := status.FromError(err)
	switch {
	case !ok:
		return status.FromContextError(err)
	case s.Code() == codes.OK:
		return status.New(codes.Internal, "the handler failed without a reason")
	}
	return s
}
