package a2a

import (
	"strconv"
	"strings"
)

// Kind says what the protocol takes a string for. It is told from the place alone, never from the content. The
// zero value is free-form data.
type Kind uint8

// The kinds.
const (
	// KindFree is data, metadata, an unknown member or a field of no other kind.
	KindFree Kind = iota
	// KindText is the text of a part: what the agent reads as its input.
	KindText
	// KindName is the name of a file.
	KindName
	// KindMedia is a media type.
	KindMedia
	// KindURL is the address of a file, which the agent may fetch.
	KindURL
	// KindCallback is the address to which the agent is asked to push events.
	KindCallback
	// KindBytes is file content in base64. A reader that cannot decode it must take it for text.
	KindBytes
	// KindSecret is a push token or credential: it must not be logged.
	KindSecret
	// KindID is an identifier, an extension URI, a signature or a word of the protocol (role, state, method).
	KindID
)

var kindNames = [...]string{
	KindFree: "free", KindText: "text", KindName: "name", KindMedia: "media", KindURL: "url", KindCallback: "callback",
	KindBytes: "bytes", KindSecret: "secret", KindID: "id",
}

// String returns the lower-case name of the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Author says whose words a text in an answer are. In the history of a task, which repeats what both sides said, that is
// what the role of the message claims. Every other message and every artifact are the agent's, whatever a role claims:
// an agent must not be able to pass its own words off as its caller's. The zero value is unknown: the text stands in no
// message and no artifact, or in one of the history without a role.
type Author uint8

// The authors.
const (
	AuthorUnknown Author = iota
	AuthorUser
	AuthorAgent
)

// Text is one untrusted string of a message with the place where it stands.
type Text struct {
	// Value is the string, unescaped.
	Value string
	// Start and End are the byte offsets of the JSON string in the body, quotes included; in a protobuf message those
	// of the bytes themselves. Both are 0 for a text that stands in the path or the query.
	Start, End int32
	// Kind is what the protocol takes Value for.
	Kind Kind
	// Key reports that Value is an object's member name, not a value.
	Key bool
	// Author is whose words Value are, in answers.
	Author Author
	// Piece says of what Value is a piece, where it is one: see Answer.Pieces.
	Piece Piece
}

// Pointer returns the JSON Pointer (RFC 6901) of the text in body, which must be the body it was parsed from; for
// a Key the pointer of the member. It is empty for a text outside the body. It walks the body up to the text, so
// that parsing itself need not build pointers.
func (t Text) Pointer(body []byte) string {
	if t.End == 0 || int(t.End) > len(body) {
		return ""
	}
	var path []step
	for i := 0; i < int(t.Start); i++ {
		switch body[i] {
		case '{', '[':
			path = append(path, step{array: body[i] == '['})
		case '}', ']':
			path = path[:max(len(path)-1, 0)]
		case ',':
			if n := len(path); n > 0 {
				path[n-1].index++
				path[n-1].key = nil
			}
		case '"':
			end := literalEnd(body, i)
			if n := len(path); n > 0 && !path[n-1].array && path[n-1].key == nil {
				path[n-1].key = body[i:end]
			}
			i = end - 1
		}
	}
	if n := len(path); n > 0 && t.Key {
		path[n-1].key = body[t.Start:t.End]
	}
	return renderPointer(path)
}

// step is one level of a pointer: an index of an array or the raw key of an object.
type step struct {
	array bool
	index int
	key   []byte
}

// literalEnd returns the offset behind the string literal that starts at i.
func literalEnd(body []byte, i int) int {
	for i++; i < len(body) && body[i] != '"'; i++ {
		if body[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(body))
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func renderPointer(path []step) string {
	var out strings.Builder
	for _, p := range path {
		out.WriteByte('/')
		if p.array {
			out.WriteString(strconv.Itoa(p.index))
			continue
		}
		s := scanner{body: p.key}
		at, _ := s.literal()
		out.WriteString(pointerEscapes.Replace(string(s.bytes(at))))
	}
	return out.String()
}
