package a2a

import (
	"strings"
	"unicode/utf8"
)

// maxSegments is one more than the longest path of A2A: a tenant and tasks/{id}/pushNotificationConfigs/{id}.
const maxSegments = 6

// segment is one path segment as sent and as decoded.
type segment struct{ raw, text string }

// segments splits and decodes a path. It reports false for a path that servers normalise in different ways: empty
// and dot segments, slashes and backslashes in disguise, path parameters, double encoding, control bytes.
func segments(path string) ([]segment, bool) {
	if path == "" || path == "/" {
		return nil, true
	}
	if path[0] != '/' {
		return nil, false
	}
	list := make([]segment, 0, maxSegments)
	for raw := range strings.SplitSeq(path[1:], "/") {
		text, ok := decodePath(raw)
		if !ok || text == "" || text == "." || text == ".." {
			return nil, false
		}
		list = append(list, segment{raw, text})
	}
	return list, true
}

// decodePath decodes one segment. All bytes must be those of RFC 3986's pchar, without the semicolon.
func decodePath(raw string) (string, bool) {
	for i := range len(raw) {
		if c := raw[i]; !alphanumeric(c) && strings.IndexByte("-._~!$&'()*+,=:@%", c) < 0 {
			return "", false
		}
	}
	text, ok := decodePercent(raw, false)
	return text, ok && !strings.ContainsAny(text, `/\%`)
}

func alphanumeric(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// decodePercent undoes percent-encoding, and the plus sign of forms if asked. It reports false for a malformed
// escape, for control characters and for text that is not UTF-8.
func decodePercent(raw string, form bool) (string, bool) {
	text := raw
	if strings.IndexByte(raw, '%') >= 0 || form && strings.IndexByte(raw, '+') >= 0 {
		out := make([]byte, 0, len(raw))
		for i := 0; i < len(raw); i++ {
			switch c := raw[i]; {
			case c == '%':
				if i+2 >= len(raw) {
					return "", false
				}
				high, okHigh := hexDigit(raw[i+1])
				low, okLow := hexDigit(raw[i+2])
				if !okHigh || !okLow {
					return "", false
				}
				out = append(out, byte(high<<4|low))
				i += 2
			case c == '+' && form:
				out = append(out, ' ')
			default:
				out = append(out, c)
			}
		}
		text = string(out)
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7F {
			return "", false
		}
	}
	return text, utf8.ValidString(text)
}

// pair is one parameter of a query, decoded.
type pair struct{ name, value string }

// maxPairs bounds a query: A2A defines under a dozen parameters.
const maxPairs = 64

// queryPairs splits and decodes a query. It reports false for what servers read in different ways: the semicolon
// as a separator, repeated names, malformed escapes.
func queryPairs(query string) ([]pair, bool) {
	if query == "" {
		return nil, true
	}
	if strings.ContainsAny(query, "; ") {
		return nil, false
	}
	var list []pair
	for raw := range strings.SplitSeq(query, "&") {
		if raw == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(raw, "=")
		name, okName := decodePercent(rawName, true)
		value, okValue := decodePercent(rawValue, true)
		if !okName || !okValue || len(list) == maxPairs {
			return nil, false
		}
		for _, p := range list {
			if p.name == name {
				return nil, false
			}
		}
		list = append(list, pair{name, value})
	}
	return list, true
}
