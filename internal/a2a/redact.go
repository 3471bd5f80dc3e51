package a2a

import (
	"bytes"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
)

// ErrUnredactable is a message with a text that cannot be replaced, so that the message would still be one: what holds the
// text can only be refused. That is so of names of members, which must stay apart; of ids and words of the protocol, media
// types, callbacks and secrets, of which another one would mean something else; of what A2A does not define in a protobuf
// message, which may be a message itself; and of what stands outside the body.
var ErrUnredactable = errors.New("a text of the message stands where no other words can")

// RedactedURL takes the place of the address of a file: a URI that leads nowhere.
const RedactedURL = "urn:ringfence:redacted"

// RedactRequest returns a request with other words in the place of texts, all else byte for byte. The request must be the
// one of which op was read; verb and path are those of HTTP, the path as it was read. The words are given by the indexes
// of the texts in op.Texts, and are what the agent reads: they are quoted, and written in base64, where the binding does
// so. Addresses of files become RedactedURL whatever the words are, and what is no Unicode in words that must be becomes
// U+FFFD.
//
// The result is read once more: it asks for the same as before and has the same texts but for the words, or the error is
// ErrUnredactable. Its Operation is that of the new body. A text without words is gone from the texts of a protobuf
// message. No signature over the body holds any more.
func RedactRequest(op Operation, verb, path string, body []byte, words map[int]string) (Request, error) {
	r := Request{Verb: verb, Path: path, Body: body, Operation: op}
	if len(words) == 0 {
		return r, nil
	}
	list, ok := redactions(op.Binding, op.Texts, words)
	if !ok {
		return Request{}, ErrUnredactable
	}
	switch op.Binding {
	case JSONRPC, HTTPJSON:
		r.Body = redactJSON(body, list)
	case GRPC:
		r.Body = redactFrame(body, grpcCalls[op.Wire], list)
	default:
		r.Body = nil
	}
	if r.Body == nil || r.read(op.Binding) != nil {
		return Request{}, ErrUnredactable
	}
	same := op.Binding == r.Operation.Binding && op.becomes(&r.Operation, nil) && slices.Equal(op.Mentions, r.Operation.Mentions)
	if !same || !redacted(op.Binding, op.Texts, r.Operation.Texts, list) {
		return Request{}, ErrUnredactable
	}
	return r, nil
}

// RedactAnswer does for what was answered to op what RedactRequest does for requests. The unit is what a was read of: a
// whole JSON body, the data of an event, or a gRPC message without its prefix. The answer that is returned is that of the
// new unit, with its places. Texts of a that stand outside the unit stay out of account, as long as no words are for them.
func RedactAnswer(op Operation, a Answer, unit []byte, words map[int]string) ([]byte, Answer, error) {
	if len(words) == 0 {
		return unit, a, nil
	}
	list, ok := redactions(op.Binding, a.Texts, words)
	if !ok {
		return nil, Answer{}, ErrUnredactable
	}
	var out []byte
	switch call := grpcCalls[op.Wire]; {
	case op.Binding == JSONRPC, op.Binding == HTTPJSON:
		out = redactJSON(unit, list)
	case op.Binding == GRPC && call != nil:
		out = redactMessage(unit, call.answer, list)
	}
	if out == nil {
		return nil, Answer{}, ErrUnredactable
	}
	after, p := op.readAnswer(out)
	if p != nil || !a.says(&after) || !redacted(op.Binding, a.inside(), after.Texts, list) {
		return nil, Answer{}, ErrUnredactable
	}
	return out, after, nil
}

// readAnswer reads what was answered to the operation within what its own size allows.
func (op *Operation) readAnswer(unit []byte) (Answer, *Problem) {
	if op.Binding == GRPC {
		return ParseGRPCAnswer("/"+op.Wire, unit, ownLimits(unit))
	}
	return ParseAnswer(op.Binding, op.Method, unit, ownLimits(unit))
}

// redaction is what takes the place of one text.
type redaction struct {
	Span
	text  int // its index
	value string
}

// redactions returns what takes the place of texts, in document order, or false if something cannot.
func redactions(b Binding, texts []Text, words map[int]string) ([]redaction, bool) {
	list := make([]redaction, 0, len(words))
	end := int32(0)
	for _, i := range slices.Sorted(maps.Keys(words)) {
		if i < 0 || i >= len(texts) {
			return nil, false
		}
		t := &texts[i]
		value, ok := t.instead(b, words[i])
		if !ok || t.End == 0 || t.Start < end || t.End < t.Start {
			return nil, false
		}
		end = t.End
		list = append(list, redaction{Span{t.Start, t.End}, i, value})
	}
	return list, true
}

// instead returns the words as a value for the place of the text, or false if that can hold no others.
func (t *Text) instead(b Binding, words string) (string, bool) {
	if t.Key {
		return "", false
	}
	switch t.Kind {
	case KindFree, KindText, KindName:
		return strings.ToValidUTF8(words, "\uFFFD"), true
	case KindURL:
		return RedactedURL, true
	case KindBytes:
		if b != GRPC {
			words = base64.StdEncoding.EncodeToString([]byte(words))
		}
		return words, true
	default:
		return "", false
	}
}

// redactJSON returns the body with other strings, or nil if a place is not that of a string.
func redactJSON(body []byte, list []redaction) []byte {
	all := make([]splice, 0, len(list))
	for _, r := range list {
		if int(r.End) > len(body) || r.End-r.Start < 2 || body[r.Start] != '"' || body[r.End-1] != '"' {
			return nil
		}
		all = append(all, splice{r.Span, appendString(nil, r.value)})
	}
	return spliced(body, all...)
}

// redacted reports whether the texts after are those before but for other values.
func redacted(b Binding, before, after []Text, list []redaction) bool {
	for i := range before {
		want := before[i]
		if len(list) > 0 && list[0].text == i {
			want.Value, list = list[0].value, list[1:]
			if want.Value == "" && b == GRPC {
				continue
			}
		}
		if len(after) == 0 || !want.same(&after[0]) {
			return false
		}
		after = after[1:]
	}
	return len(after) == 0
}

// same reports whether two texts say the same, wherever they stand.
func (t *Text) same(other *Text) bool {
	return t.Value == other.Value && t.Kind == other.Kind && t.Key == other.Key && t.Author == other.Author
}

// inside returns the texts of the answer in front of the first that stands outside its unit.
func (a *Answer) inside() []Text {
	for i := range a.Texts {
		if a.Texts[i].End == 0 {
			return a.Texts[:i]
		}
	}
	return a.Texts
}

// says reports whether both answers say the same but for their texts.
func (a *Answer) says(after *Answer) bool {
	return a.Kind == after.Kind && bytes.Equal(a.RequestID, after.RequestID) && a.Final == after.Final && a.ErrorCode == after.ErrorCode &&
		slices.EqualFunc(a.Tasks, after.Tasks, func(was, is TaskRef) bool {
			return was.ID == is.ID && was.ContextID == is.ContextID && was.State == is.State
		})
}
