package conformance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// ProtoJSON parsers take the names of the proto file beside those in lowerCamelCase (A2A 1.0 section 5.5). Clients rely
// on it: the TCK over JSON-RPC, and the Python SDK when it speaks HTTP+JSON of 0.3. The Go SDK reads lowerCamelCase
// alone, so the agent renames what it gets.

// rpcCall is a JSON-RPC request.
type rpcCall struct {
	JSONRPC json.RawMessage `json:"jsonrpc,omitempty"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params,omitempty"`
}

// renamed returns the body with the params in lowerCamelCase.
func (c rpcCall) renamed(body []byte) []byte {
	params, changed := renamed(c.Params, nil)
	if !changed {
		return body
	}
	c.Params = params
	written, err := json.Marshal(c)
	if err != nil {
		return body
	}
	return written
}

// restNames renames the bodies of 0.3 over HTTP+JSON, whose proto file calls the message of a request "request".
func restNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				body, _ = renamed(body, map[string]string{"request": "message"})
			}
			// What cannot be read is for the handler to refuse.
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
		}
		next.ServeHTTP(w, r)
	})
}

// nested are the members whose own members have names of the proto file. Metadata and data keep their names.
var nested = []string{"message", "configuration", "config", "pushNotificationConfig"}

// renamed returns an object with its members in lowerCamelCase, those of nested objects too, and reports whether it
// had others. Extra names are replaced as well.
func renamed(object json.RawMessage, extra map[string]string) (json.RawMessage, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil || members == nil {
		return object, false
	}
	changed := false
	for name, value := range members {
		wanted := lowerCamel(name)
		if other, ok := extra[name]; ok {
			wanted = other
		}
		if wanted != name && members[wanted] == nil {
			delete(members, name)
			members[wanted] = value
			changed = true
		}
	}
	for _, name := range nested {
		if inner, differs := renamed(members[name], nil); differs {
			members[name] = inner
			changed = true
		}
	}
	written, err := json.Marshal(members)
	if err != nil || !changed {
		return object, false
	}
	return written, true
}

func lowerCamel(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}
