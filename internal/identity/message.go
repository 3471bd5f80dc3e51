package identity

import (
	"iter"
	"strings"
)

// Field is one field line of a message.
type Field struct {
	// Name is in lower case.
	Name string
	// Value is as received.
	Value string
}

// Header is the field lines of a message in the order they were received, duplicates kept.
type Header []Field

// Get returns the first value of the named field; ok reports that there is one. The name is in lower case.
func (h Header) Get(name string) (value string, ok bool) {
	for i := range h {
		if h[i].Name == name {
			return h[i].Value, true
		}
	}
	return "", false
}

// First returns the first value of the named field, and how many lines the field has. The name is in lower case.
func (h Header) First(name string) (value string, lines int) {
	for i := range h {
		if h[i].Name != name {
			continue
		}
		if lines++; lines == 1 {
			value = h[i].Value
		}
	}
	return value, lines
}

// Values returns all values of the named field in order. The name is in lower case.
func (h Header) Values(name string) []string {
	var values []string
	for i := range h {
		if h[i].Name == name {
			values = append(values, h[i].Value)
		}
	}
	return values
}

// combined returns the value of the named field as RFC 9421 section 2.1 combines its lines.
func (h Header) combined(name string) (value string, ok bool) {
	first, lines := h.First(name)
	if lines == 0 {
		return "", false
	}
	if trimmed := trim(first); lines == 1 && !broken(trimmed) {
		return trimmed, true
	}
	combined, _ := h.appendCombined(nil, name)
	return string(combined), true
}

// appendCombined appends the combined value of the named field: each line stripped of white space around it,
// obsolete line folding replaced by one space, lines joined by a comma and a space.
func (h Header) appendCombined(dst []byte, name string) (appended []byte, ok bool) {
	for i := range h {
		if h[i].Name != name {
			continue
		}
		if ok {
			dst = append(dst, ", "...)
		}
		dst, ok = appendUnfolded(dst, trim(h[i].Value)), true
	}
	return dst, ok
}

func appendUnfolded(dst []byte, line string) []byte {
	if !broken(line) {
		return append(dst, line...)
	}
	start := len(dst)
	for i := 0; i < len(line); {
		eol := 0
		switch {
		case strings.HasPrefix(line[i:], "\r\n"):
			eol = 2
		case line[i] == '\n':
			eol = 1
		}
		// A line end without white space after it is no fold. It stays, and no base is built from it.
		if eol == 0 || i+eol == len(line) || !blank(line[i+eol]) {
			dst = append(dst, line[i])
			i++
			continue
		}
		for len(dst) > start && blank(dst[len(dst)-1]) {
			dst = dst[:len(dst)-1]
		}
		for i += eol; i < len(line) && blank(line[i]); i++ {
		}
		dst = append(dst, ' ')
	}
	return dst
}

// broken reports whether there are line ends in s.
func broken(s string) bool { return strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 }

func trim(s string) string { return strings.Trim(s, " \t") }

func blank(c byte) bool { return c == ' ' || c == '\t' }

// Message is what a signature can cover of a request: its control data and its fields, without the body.
type Message struct {
	// Method is the HTTP method as sent; it is case-sensitive.
	Method string
	// Scheme is http or https as the sender addressed the message. It decides which port the authority leaves
	// out; when it is unknown, no port is left out.
	Scheme string
	// Authority is the Host field or :authority as sent.
	Authority string
	// Path is the absolute path as sent, without the query; percent-encoding stays.
	Path string
	// RawQuery is the query as sent, without the leading question mark.
	RawQuery string
	// HasQuery reports that there is a question mark, so that an empty query differs from none.
	HasQuery bool
	// Header holds the fields.
	Header Header
	// HasBody reports that a body follows, or may follow.
	HasBody bool
}

// required yields every component a signature over the message has to cover, some of them more than once.
func (m *Message) required() iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield("@method") || !yield("@authority") || !yield("@path") {
			return
		}
		if (m.HasQuery || m.RawQuery != "") && !yield("@query") {
			return
		}
		if m.HasBody && !yield(contentDigest) {
			return
		}
		for i := range m.Header {
			if name := m.Header[i].Name; mustCover(name) && !yield(name) {
				return
			}
		}
	}
}

// mustCover reports whether a field has to be covered wherever it is present: what it says decides how the
// message is read or what it may do.
func mustCover(name string) bool {
	switch name {
	case contentDigest, "authorization", "agent-delegation", "agent-gate", "x-a2a-extensions":
		return true
	}
	return strings.HasPrefix(name, "a2a-")
}
