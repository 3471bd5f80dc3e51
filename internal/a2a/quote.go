package a2a

import (
	"strings"
	"unicode/utf8"
)

const hexLower = "0123456789abcdef"

// appendString appends s as a JSON string. What browsers and line-based readers could misread is escaped, and
// bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7F || r == 0x85 || r == '<' || r == '>' || r == '&' || r == '\u2028' || r == '\u2029':
			b = append(b, '\\', 'u', hexLower[r>>12&15], hexLower[r>>8&15], hexLower[r>>4&15], hexLower[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// grpcMessage encodes a status message (gRPC over HTTP/2: Status-Message is percent-encoded UTF-8).
func grpcMessage(s string) string {
	const hexUpper = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= ' ' && c <= '~' && c != '%' {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexUpper[c>>4])
			b.WriteByte(hexUpper[c&15])
		}
	}
	return b.String()
}

// scalarID reports whether raw is one JSON string, number or null, and nothing more: it is about to be written
// into an answer as it is.
func scalarID(raw []byte) bool {
	// White space around the value would let an id end an event of a stream early.
	if len(raw) == 0 || strings.IndexByte(idStarts, raw[0]) < 0 || raw[len(raw)-1] <= ' ' {
		return false
	}
	s := scanners.Get().(*scanner)
	defer s.release()
	return s.scan(raw, Limits{Bytes: len(raw), Members: 1}, &free) == sound
}
