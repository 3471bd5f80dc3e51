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

// Step is one level of where a text stands: the place in an array, or the member of an object. A member may have the name
// of a place.
type Step struct {
	Name  string
	Index bool
}

// Pointer returns the JSON Pointer (RFC 6901) of the text in body, which must be the body it was parsed from; for
// a Key the pointer of the member. It is empty for a text outside the body.
func (t Text) Pointer(body []byte) string {
	var out strings.Builder
	for _, s := range t.Steps(body) {
		out.WriteByte('/')
		out.WriteString(pointerEscapes.Replace(s.Name))
	}
	return out.String()
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// Steps returns the levels of the text's Pointer, from the outermost to its own. It walks the body up to the text, so
// that parsing itself need not build pointers.
func (t Text) Steps(body []byte) []Step {
	if t.End == 0 || int(t.End) > len(body) {
		return nil
	}
	var path []level
	for i := 0; i < int(t.Start); i++ {
		switch body[i] {
		case '{', '[':
			path = append(path, level{array: body[i] == '['})
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
	steps := make([]Step, len(path))
	for i, p := range path {
		steps[i] = p.step()
	}
	return steps
}

// level is an array or object around a text, with the index or the raw key that leads to it.
type level struct {
	array bool
	index int
	key   []byte
}

func (l level) step() Step {
	if l.array {
		return Step{strconv.Itoa(l.index), true}
	}
	s := scanner{body: l.key}
	at, _ := s.literal()
	return Step{Name: string(s.bytes(at))}
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
