package approval

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gowebpki/jcs"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/strictjson"
)

// maxDepth is the deepest nesting of a body that is hashed. Package a2a reads none that is deeper.
const maxDepth = 1000

// digestForm names what is hashed, so that digests of another form never mean this one.
const digestForm = "ringfence-approval-1"

// Request is one call, as far as people approve it. Another call is one that differs in any of it.
type Request struct {
	Method  a2a.Method
	Binding a2a.Binding
	// Verb is the HTTP verb, in upper case. HTTP+JSON requires it: what A2A does not define is told apart by it.
	Verb string
	// Interface is the URL of the callee's interface that is used, and Tenant the tenant of that; empty for none.
	Interface, Tenant string
	// Path is that below the entrance, with the query.
	Path string
	// Extensions are those that the request has the callee activate, sorted, each with the field that says so.
	Extensions []string
	// Body is the whole body, as it was sent.
	Body []byte
	// Callee is called, Caller calls, which has its name since Since. Holders are those in whose name, from the root to the
	// caller.
	Callee, Caller agent.ID
	Since          time.Time
	Holders        []agent.ID
	// Descent is how the chain became known, Gate the gate that was invoked, empty without one.
	Descent, Gate string
	// Epoch is that of the policies.
	Epoch string
}

// The errors of requests that have no digest.
var (
	errNobody    = errors.New("a call without caller, callee, method or policy epoch cannot be approved")
	errBinding   = errors.New("a call of an unknown binding cannot be approved")
	errText      = errors.New("a call that names something in text that is not Unicode cannot be approved")
	errAmbiguous = errors.New("a body that is not JSON which everybody reads alike cannot be approved")
	errEnvelope  = errors.New("a body that is no JSON-RPC request cannot be approved")
)

// Digest returns the base64url SHA-256 of a call. Calls have the same one exactly when they differ in nothing but the id
// of their JSON-RPC envelope and, in bodies that are JSON, in white space, in the order of members and in how characters of
// strings are escaped. What is hashed is RFC 8785 of the call, in which a number of a body stands as it is written: as the
// IEEE double that RFC 8785 makes of it, 9007199254740993 would be another number. So 1 and 1.0 differ.
//
// A call that readers could take for different ones, or that nobody makes, has an error instead.
func Digest(r Request) (string, error) {
	if r.Method == "" || r.Callee == "" || r.Caller == "" || r.Epoch == "" {
		return "", errNobody
	}
	members := []strictjson.Member{{Name: "form", Value: strictjson.Quote(digestForm)}}
	for _, text := range []struct{ name, value string }{
		{"method", string(r.Method)},
		{"binding", r.Binding.String()},
		{"interface", r.Interface},
		{"tenant", r.Tenant},
		{"path", r.Path},
		{"callee", string(r.Callee)},
		{"caller", string(r.Caller)},
		{"since", r.Since.UTC().Format(time.RFC3339)},
		{"descent", r.Descent},
		{"gate", r.Gate},
		{"epoch", r.Epoch},
	} {
		if !utf8.ValidString(text.value) {
			return "", errText
		}
		members = append(members, strictjson.Member{Name: text.name, Value: strictjson.Quote(text.value)})
	}
	holders, sound := quoted(r.Holders)
	extensions, readable := quoted(r.Extensions)
	if !sound || !readable {
		return "", errText
	}
	members = append(members, strictjson.Member{Name: "holders", Value: holders}, strictjson.Member{Name: "extensions", Value: extensions})
	content, err := r.content()
	if err != nil {
		return "", err
	}
	form, err := jcs.Transform(strictjson.ObjectOf(append(members, content...)))
	if err != nil {
		return "", errAmbiguous
	}
	sum := sha256.Sum256(form)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// quoted returns texts as a JSON array, and whether all of them are Unicode.
func quoted[T ~string](texts []T) (strictjson.Value, bool) {
	values := make([]strictjson.Value, len(texts))
	for i, text := range texts {
		if !utf8.ValidString(string(text)) {
			return nil, false
		}
		values[i] = strictjson.Quote(string(text))
	}
	return strictjson.ArrayOf(values), true
}

// content returns what the binding of the call carries.
func (r Request) content() ([]strictjson.Member, error) {
	switch r.Binding {
	case a2a.JSONRPC:
		body, err := literal(r.Body, true)
		return []strictjson.Member{{Name: "body", Value: body}}, err
	case a2a.HTTPJSON:
		if r.Verb == "" || !utf8.ValidString(r.Verb) {
			return nil, errBinding
		}
		members := []strictjson.Member{{Name: "verb", Value: strictjson.Quote(r.Verb)}}
		if len(r.Body) == 0 {
			return members, nil
		}
		body, err := literal(r.Body, false)
		return append(members, strictjson.Member{Name: "body", Value: body}), err
	case a2a.GRPC:
		message := strictjson.Quote(base64.StdEncoding.EncodeToString(r.Body))
		return []strictjson.Member{{Name: "message", Value: message}}, nil
	default:
		return nil, errBinding
	}
}

// literal returns a body as JSON without numbers: each string has an s in front, and a number is a string of its digits
// with an n in front, so that no two bodies become one. Of an envelope, which has to be an object, the id is left out.
func literal(body []byte, envelope bool) (strictjson.Value, error) {
	decoder := jsontext.NewDecoder(bytes.NewReader(body))
	var out bytes.Buffer
	encoder := jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true))
	if envelope && decoder.PeekKind() != '{' {
		return nil, errEnvelope
	}
	for first := true; first || decoder.StackDepth() > 0; first = false {
		within, place := decoder.StackIndex(decoder.StackDepth())
		named := within == '{' && place%2 == 0
		token, err := decoder.ReadToken()
		if err != nil || decoder.StackDepth() > maxDepth {
			return nil, errAmbiguous
		}
		if envelope && named && decoder.StackDepth() == 1 && token.Kind() == '"' && token.String() == "id" {
			if err := decoder.SkipValue(); err != nil {
				return nil, errAmbiguous
			}
			continue
		}
		switch token.Kind() {
		case '"':
			token = jsontext.String("s" + token.String())
		case '0':
			token = jsontext.String("n" + token.String())
		}
		if err := encoder.WriteToken(token); err != nil {
			return nil, fmt.Errorf("writing the body anew: %w", errAmbiguous)
		}
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errAmbiguous
	}
	return strictjson.Value(bytes.TrimSpace(out.Bytes())), nil
}
