package a2a

import (
	"bytes"
	"errors"
	"slices"
	"strings"
)

// ErrUnnameable is a request in which an id of a task cannot be replaced, so that all readers would find the new one: an
// id that does not fit the path or the resource name, or a method of which A2A does not say where it names tasks.
var ErrUnnameable = errors.New("the request cannot name the task that it is for")

// Request is a request as it goes on, in place of another one.
type Request struct {
	// Verb and Path are those of HTTP. An empty one stays as it is.
	Verb, Path string
	// ContentType is that of the body; an empty one stays as it is.
	ContentType string
	Body        []byte
	// Operation is what the request asks for.
	Operation Operation
}

// RenameTask returns a request with the ids of tasks replaced for which names has others, all else byte for byte. The
// request must be the one of which op was read; verb and path are those of HTTP, the path as it was read. Ids count
// wherever a request of the method could have them: in the path, in resource names, in a message and the references of
// it, in push configurations; in JSON wherever another version has them too.
//
// The result is read once more: it asks for the same as before but for the ids, or the error is ErrUnnameable.
func RenameTask(op Operation, verb, path string, body []byte, names map[string]string) (Request, error) {
	r := Request{Verb: verb, Path: path, Body: body, Operation: op}
	if !op.named(names) {
		return r, nil
	}
	if op.Method == OtherMethod {
		return Request{}, ErrUnnameable
	}
	switch op.Binding {
	case JSONRPC:
		r.Body = renameInParams(body, &jsonrpcRoot, &op, names)
	case HTTPJSON:
		r.Path = renameInPath(verb, path, names)
		if len(body) > 0 {
			r.Body = renameInParams(body, &paramsRoot, &op, names)
		}
	case GRPC:
		r.Body = renameInFrame(body, &op, names)
	}
	if p := r.read(op.Binding); p != nil || !op.becomes(&r.Operation, names) {
		return Request{}, ErrUnnameable
	}
	return r, nil
}

// read reads the request within what its own size allows.
func (r *Request) read(b Binding) (p *Problem) {
	lim := ownLimits(r.Body)
	switch b {
	case JSONRPC:
		r.Operation, p = ParseJSONRPC(r.Body, lim)
	case HTTPJSON:
		r.Operation, p = ParseHTTPJSON(r.Verb, r.Path, r.Body, lim)
	case GRPC:
		r.Operation, p = ParseGRPC(r.Path, r.Body, lim)
	default:
		p = problem(badSyntax, b)
	}
	return p
}

// ownLimits are limits for a body that was read before within others.
func ownLimits(body []byte) Limits {
	return Limits{Bytes: len(body), Depth: maxDepth, Members: len(body)}
}

// renamed returns the name that takes the place of one which is an id, or the resource name of 0.3 that has one:
// tasks/{id}, with or without what follows.
func renamed(name string, names map[string]string) (string, bool) {
	if to, ok := names[name]; ok && name != "" {
		return to, true
	}
	rest, ok := strings.CutPrefix(name, "tasks/")
	if !ok {
		return name, false
	}
	id, _, _ := strings.Cut(rest, "/")
	to, ok := names[id]
	if !ok {
		return name, false
	}
	return "tasks/" + to + rest[len(id):], true
}

// named reports whether the operation speaks of a task that has another name.
func (op *Operation) named(names map[string]string) bool {
	_, found := renamed(op.TaskID, names)
	for _, list := range [...][]string{op.References, op.Mentions} {
		for _, name := range list {
			if _, ok := renamed(name, names); ok {
				found = true
			}
		}
	}
	return found
}

// becomes reports whether after asks for the same but for the ids. The mentions are left to the parser: it leaves out
// those that equal the task, of which others come and go with the names.
func (op *Operation) becomes(after *Operation, names map[string]string) bool {
	same := func(before, now string) bool {
		want, _ := renamed(before, names)
		return want == now
	}
	return op.Method == after.Method && op.Wire == after.Wire && op.Generation == after.Generation &&
		bytes.Equal(op.RequestID, after.RequestID) && op.Tenant == after.Tenant &&
		same(op.TaskID, after.TaskID) && op.ContextID == after.ContextID && op.MessageID == after.MessageID &&
		op.Skill == after.Skill && op.Action == after.Action && slices.Equal(op.Extensions, after.Extensions) &&
		slices.EqualFunc(op.References, after.References, same)
}
