package a2a

import (
	"bytes"
	"errors"
	"strings"
)

// MaxHeld is the largest body of a message that can be held, in bytes.
const MaxHeld = 256 << 10

// The errors of messages that are held and sent later.
var (
	// ErrNotHeld is a request that is no message, or one over the gRPC binding.
	ErrNotHeld = errors.New("only a message over JSON-RPC or HTTP+JSON can wait")
	// ErrHeldTooLarge is a message with a body of more than MaxHeld bytes.
	ErrHeldTooLarge = errors.New("the message is too large to wait")
	// ErrOtherForm is a request over another binding, in another version of A2A or for another tenant than the message
	// was sent: there is no answer to the one that would be an answer to the other.
	ErrOtherForm = errors.New("the task waits for a request over the binding, of the version and for the tenant of its message")
	// ErrNotResuming is a request that neither reads a task nor subscribes to it.
	ErrNotResuming = errors.New("the request does not ask how the task goes on")
	// ErrHeldUnsound is what is no message that was held.
	ErrHeldUnsound = errors.New("the held message cannot be read")
)

// Held is what is kept of a message, to be sent later. It is plain JSON. The zero value is none.
type Held struct {
	Binding    string `json:"binding"`
	Generation string `json:"generation"`
	Tenant     string `json:"tenant,omitempty"`
	// Path is that of HTTP+JSON, relative to the agent's interface, with its query.
	Path string `json:"path,omitempty"`
	// ContentType is the one with which the message came.
	ContentType string `json:"contentType,omitempty"`
	Body        []byte `json:"body"`
}

// Hold keeps the message of which op was read. Nothing of it shares memory with the request.
func Hold(op Operation, path, contentType string, body []byte) (Held, error) {
	message := op.Method == SendMessage || op.Method == SendStreamingMessage
	if !message || spellingOf(op.Binding, op.Generation) == unspelled {
		return Held{}, ErrNotHeld
	}
	if len(body) > MaxHeld {
		return Held{}, ErrHeldTooLarge
	}
	h := Held{
		Binding: op.Binding.String(), Generation: op.Generation.String(), Tenant: strings.Clone(op.Tenant),
		ContentType: strings.Clone(contentType), Body: bytes.Clone(body),
	}
	if op.Binding == HTTPJSON {
		h.Path = strings.Clone(path)
	}
	return h, nil
}

// Resume returns the held message in the place of the request of which op was read, so that the answer to the one can be
// made that to the other (TaskOfSent): sent for a whole answer if op reads the task, for a stream if op subscribes to it,
// and with the JSON-RPC id of op. All else of the message is byte for byte what was held.
//
// What a JSON-RPC message has in its path stays that of op. The result is read once more, so that what is sent is what
// was held, or the error is ErrHeldUnsound.
func (h Held) Resume(op Operation) (Request, error) {
	if h.Binding != op.Binding.String() || h.Generation != op.Generation.String() || h.Tenant != op.Tenant ||
		spellingOf(op.Binding, op.Generation) == unspelled {
		return Request{}, ErrOtherForm
	}
	method := SendMessage
	switch op.Method {
	case GetTask:
	case SubscribeToTask:
		method = SendStreamingMessage
	default:
		return Request{}, ErrNotResuming
	}
	r := Request{Verb: "POST", ContentType: h.ContentType, Body: h.Body}
	if r.ContentType == "" {
		r.ContentType = "application/json"
	}
	if op.Binding == HTTPJSON {
		r.Path = resumedPath(h.Path, method)
	} else {
		r.Body = resumedBody(h.Body, method, &op)
	}
	p := r.read(op.Binding)
	if p != nil || r.Operation.Method != method || r.Operation.Generation != op.Generation || r.Operation.Tenant != h.Tenant {
		return Request{}, ErrHeldUnsound
	}
	return r, nil
}

// sendPaths are the last segments of the paths of messages.
var sendPaths = map[Method]string{SendMessage: "/message:send", SendStreamingMessage: "/message:stream"}

// resumedPath returns the path with the last segment for the method, or nothing for one that is of no message.
func resumedPath(path string, method Method) string {
	raw, query, asked := strings.Cut(path, "?")
	for _, last := range sendPaths {
		if before, ok := strings.CutSuffix(raw, last); ok {
			path = before + sendPaths[method]
			if asked {
				path += "?" + query
			}
			return path
		}
	}
	return ""
}

// sendWires are the JSON-RPC names of messages.
var sendWires = map[Generation]map[Method]string{
	V10: {SendMessage: "SendMessage", SendStreamingMessage: "SendStreamingMessage"},
	V03: {SendMessage: "message/send", SendStreamingMessage: "message/stream"},
}

// resumedBody returns the JSON-RPC request with the name of the method and the id of op, or nil for what is none.
func resumedBody(body []byte, method Method, op *Operation) []byte {
	s := scanners.Get().(*scanner)
	defer s.release()
	if s.scan(body, ownLimits(body), &jsonrpcRoot) != sound || s.framing() != sound {
		return nil
	}
	id := splice{s.span(inRequestID), appendRequestID(nil, op.RequestID)}
	if id.End == 0 {
		// Without an id the message was a notification, to which no answer would come.
		behind := int32(s.first) + 1
		id = splice{Span{behind, behind}, append(append([]byte(`"id":`), id.text...), ',')}
	}
	name := splice{s.span(inMethod), appendString(nil, sendWires[op.Generation][method])}
	if name.Start < id.Start {
		return spliced(body, name, id)
	}
	return spliced(body, id, name)
}
