package main

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"slices"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/internal/strictjson"
)

// maxScanned is the largest text or document, in bytes.
const maxScanned = 64 << 20

// scanLimits bound the documents that are read; the mesh itself takes smaller ones.
func scanLimits() a2a.Limits {
	return a2a.Limits{Bytes: maxScanned, Depth: a2a.DefaultLimits().Depth, Members: 1 << 22}
}

var errEmpty = errors.New("it is empty")

// sendPath is where a request stands that is no JSON-RPC.
const sendPath = "/message:send"

// document is JSON with the strings in it.
type document struct {
	body  []byte
	texts []a2a.Text
	// redact returns the body with other words in the places of texts.
	redact func(words map[int]string) ([]byte, error)
}

// readDocument reads JSON. What is a message of A2A is read as one, so that each string is taken for what the protocol
// takes it for; of anything else, all strings are taken alike. What readers would read in different ways is refused.
func readDocument(body []byte, d inspect.Direction) (document, error) {
	read := readRequest
	if d != inspect.Request {
		read = readAnswer
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return document{}, errEmpty
	}
	if doc, ok := read(body, d); ok {
		return doc, nil
	}
	a, problem := a2a.ParseAnswer(a2a.BindingUnknown, a2a.OtherMethod, body, scanLimits())
	if problem != nil {
		return document{}, problem
	}
	doc := document{body: body, texts: a.Texts}
	doc.redact = func(words map[int]string) ([]byte, error) { return spliced(body, a.Texts, words), nil }
	return doc, nil
}

// readRequest reads a request that sends a message, or another one in JSON-RPC.
func readRequest(body []byte, _ inspect.Direction) (document, bool) {
	op, problem := a2a.ParseJSONRPC(body, scanLimits())
	known := problem == nil && op.Method != a2a.OtherMethod
	if !known {
		op, problem = a2a.ParseHTTPJSON(http.MethodPost, sendPath, body, scanLimits())
		known = problem == nil && slices.ContainsFunc(op.Texts, func(t a2a.Text) bool { return t.Kind == a2a.KindText })
	}
	return document{body: body, texts: op.Texts, redact: func(words map[int]string) ([]byte, error) {
		redacted, err := a2a.RedactRequest(op, http.MethodPost, sendPath, body, words)
		return redacted.Body, err
	}}, known
}

// readAnswer reads an answer to a message that was sent, or a card.
func readAnswer(body []byte, d inspect.Direction) (document, bool) {
	calls := []a2a.Operation{{Binding: a2a.JSONRPC, Method: a2a.SendMessage}, {Binding: a2a.HTTPJSON, Method: a2a.SendMessage}}
	if d == inspect.Card {
		calls = []a2a.Operation{{Binding: a2a.HTTPJSON, Method: a2a.GetAgentCard}}
	}
	for _, op := range calls {
		a, problem := a2a.ParseAnswer(op.Binding, op.Method, body, scanLimits())
		if problem != nil || a.Kind == a2a.AnswerUnknown || a.Kind == a2a.AnswerEmpty {
			continue
		}
		return document{body: body, texts: a.Texts, redact: func(words map[int]string) ([]byte, error) {
			redacted, _, err := a2a.RedactAnswer(op, a, body, words)
			return redacted, err
		}}, true
	}
	return document{}, false
}

// spliced returns a body with other words in the places of strings.
func spliced(body []byte, texts []a2a.Text, words map[int]string) []byte {
	var out []byte
	at := int32(0)
	for _, i := range slices.Sorted(maps.Keys(words)) {
		out = append(append(out, body[at:texts[i].Start]...), strictjson.Quote(words[i])...)
		at = texts[i].End
	}
	return append(out, body[at:]...)
}

// judge returns the verdict on a document. What an answer repeats of its caller's words is judged as they were.
func (doc document) judge(j scanJudge, side scanSide) scanVerdict {
	said, repeated := doc.texts, []a2a.Text(nil)
	index := [2][]int{}
	if side.direction == inspect.Response {
		said = nil
		for i, t := range doc.texts {
			if t.Author == a2a.AuthorUser {
				repeated, index[1] = append(repeated, t), append(index[1], i)
			} else {
				said, index[0] = append(said, t), append(index[0], i)
			}
		}
	}
	v := j.judge(said, side)
	doc.place(&v, index[0])
	if len(repeated) > 0 {
		w := j.judge(repeated, scanSide{inspect.Request, side.ring})
		doc.place(&w, index[1])
		v.merge(w)
	}
	return v
}

// place says where in the document the findings stand. The index has the places of the texts that were judged, if those
// were not all.
func (doc document) place(v *scanVerdict, index []int) {
	move := func(i int) int {
		if i < 0 || index == nil {
			return i
		}
		return index[i]
	}
	for i := range v.cuts {
		v.cuts[i].Text, v.cuts[i].Last = move(v.cuts[i].Text), move(v.cuts[i].Last)
	}
	for i := range v.Findings {
		f := &v.Findings[i]
		f.text, f.last = move(f.text), move(f.last)
		whole := ""
		if f.Place = &whole; f.text < 0 {
			continue
		}
		t := doc.texts[f.text]
		whole, f.Key = t.Pointer(doc.body), t.Key
		if f.last != f.text {
			f.To = &scanEnd{doc.texts[f.last].Pointer(doc.body), f.lastEnd}
		}
	}
}
