package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/identity"
)

// steady keeps the rings of agents that are refused again and again, and has content rules refuse nothing by themselves.
const steady = generous + `trust: {weight: 1000, badFactor: 1}
content: {mode: flag}
`

// document is a policy of one rule, or of several lines of them, with what selects calls before the rules.
func document(name, party, selects, rules string) string {
	if selects != "" {
		selects = "  " + selects + "\n"
	}
	return fmt.Sprintf("apiVersion: ringfence.dev/v1\nkind: Policy\nmetadata: {name: %s}\nspec:\n  party: %s\n%s  rules:\n    - %s\n",
		name, party, selects, rules)
}

// policies sends a request about policies, whose body is YAML, and returns the status, the ETag and the body.
func (m *mesh) policies(t *testing.T, method, path, body string, fields ...string) (status int, tag, answer string) {
	t.Helper()
	r, err := http.NewRequest(method, m.ready.APIURL+"/v1/policies"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+m.ready.Token)
	r.Header.Set("Content-Type", "application/yaml")
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("ETag"), string(read)
}

// put writes a policy that has to come into force.
func (m *mesh) put(t *testing.T, name, text string) {
	t.Helper()
	status, _, answer := m.policies(t, http.MethodPut, "/"+name, text)
	if status != http.StatusCreated && status != http.StatusOK || !strings.Contains(answer, `"inForce":true`) {
		t.Fatalf("writing the policy %s: %d %s\n%s", name, status, answer, text)
	}
}

// spokenStep is an operation as matrix_wire_test.go has it, with other words.
type spokenStep struct {
	step

	// text takes the place of what the message says.
	text string
	// action is one that the message declares.
	action string
	// token is a bearer token in place of a signature.
	token string
	// begun is told when something of the answer is there.
	begun func()
}

const saidByStep = "Will it rain?"

// said returns the step in the words of a wire.
func (w wire) said(s spokenStep) request {
	r := w.render(s.step)
	if s.text != "" {
		r.body = strings.Replace(r.body, saidByStep, s.text, 1)
	}
	if s.action != "" {
		declared := fmt.Sprintf(`"metadata":{"https://ringfence.dev/ext/action/v1":{"action":%q}},"messageId":`, s.action)
		r.body = strings.Replace(r.body, `"messageId":`, declared, 1)
	}
	return r
}

// doors are where an agent is called over each wire of its card, and its gRPC by path.
func (m *mesh) doors(t *testing.T, name string) map[wire]string {
	t.Helper()
	m.routed(t, name)
	base := m.ready.GatewayURL + "/agents/" + name
	_, body, err := get(base + "/.well-known/agent-card.json")
	if err != nil {
		t.Fatal(err)
	}
	var card struct {
		SupportedInterfaces []struct{ URL, ProtocolBinding, ProtocolVersion string }
	}
	if err := json.Unmarshal([]byte(body), &card); err != nil {
		t.Fatal(err)
	}
	at := map[wire]string{{"1.0", "GRPC"}: base, {"0.3", "GRPC"}: base}
	for _, i := range card.SupportedInterfaces {
		if i.ProtocolBinding != "GRPC" {
			at[wire{i.ProtocolVersion, i.ProtocolBinding}] = i.URL
		}
	}
	return at
}

// says sends a step over a wire and returns what came of it.
func (c *caller) says(at map[wire]string, w wire, s spokenStep) (heard, error) {
	r := w.said(s)
	sent := spoken{url: at[w] + r.path, media: "application/json", body: r.body}
	switch w.binding {
	case "JSONRPC":
		sent.body = fmt.Sprintf(`{"jsonrpc":"2.0","id":"call-1","method":%q,"params":%s}`, r.method, r.body)
		r.method = http.MethodPost
	case "GRPC":
		message, err := encodeProto(r)
		if err != nil {
			return heard{}, err
		}
		sent.url, sent.media, sent.body = at[w]+r.method, "application/grpc", string(a2a.AppendFrame(nil, message))
		r.method = http.MethodPost
	}
	return sent.try(func(base http.RoundTripper) http.RoundTripper {
		if s.token == "" {
			base = &identity.Transport{Signer: c.signer, Base: base}
		}
		return edits{base, s.begun, func(sent *http.Request) {
			sent.Method = r.method
			sent.Header.Del("A2A-Version")
			for name, value := range r.header {
				sent.Header.Set(name, value)
			}
			if s.token != "" {
				sent.Header.Set("Authorization", "Bearer "+s.token)
			}
		}}
	})
}

// edits changes requests before they are signed and sent, and tells of the first bytes of answers.
type edits struct {
	base  http.RoundTripper
	begun func()
	edit  func(*http.Request)
}

func (e edits) RoundTrip(r *http.Request) (*http.Response, error) {
	e.edit(r)
	response, err := e.base.RoundTrip(r)
	if err == nil && e.begun != nil {
		response.Body = &noticed{ReadCloser: response.Body, first: sync.OnceFunc(e.begun)}
	}
	return response, err
}

type noticed struct {
	io.ReadCloser

	first func()
}

func (n *noticed) Read(p []byte) (int, error) {
	read, err := n.ReadCloser.Read(p)
	if read > 0 {
		n.first()
	}
	return read, err
}

// passed returns what is wrong with an answer that should be an agent's own, to a message.
func (h heard) passed(w wire) error {
	switch {
	case h.err != nil:
		return h.err
	case h.status != http.StatusOK || h.reason != "" || w.binding == "GRPC" && h.grpc != "0":
		return fmt.Errorf("%s is refused: %+v", w, h)
	case !strings.Contains(h.body, "Hello from TCK"):
		return fmt.Errorf("%s is not answered by the agent: %+v", w, h)
	}
	return nil
}

// denied returns what is wrong with an answer that should be the refusal of a request, or of an answer that is not a
// stream. A stream over JSON-RPC has it as its one event.
func (f refusal) denied(w wire, stream bool, h heard) error {
	if h.err == nil && w.binding == "JSONRPC" && stream != (strings.HasPrefix(h.body, "data: {") && strings.HasSuffix(h.body, "}\n\n")) {
		return fmt.Errorf("%s: %q is not what callers of the method read", w, h.body)
	}
	if strings.Count(h.body, "data: ") > 1 {
		return fmt.Errorf("%s: more than one event: %q", w, h.body)
	}
	if err := f.told(w.binding, h); err != nil {
		return fmt.Errorf("%s: %w", w, err)
	}
	return nil
}

// ended returns what is wrong with a stream that the refusal should have ended when some of it had passed.
func (f refusal) ended(w wire, h heard) error {
	if w.binding == "GRPC" {
		// A stream of messages under way ends without a status (envoy-notes.md).
		if h.status != http.StatusOK || h.grpc != "" || h.body == "" {
			return fmt.Errorf("%s does not end behind some message: %+v", w, h)
		}
		return nil
	}
	events := strings.Split(strings.TrimSpace(h.body), "\n\n")
	if h.err != nil || h.status != http.StatusOK || len(events) < 2 || h.reason != f.reason || !strings.Contains(events[len(events)-1], `"error":{`) {
		return errors.New(w.String() + " does not end with an event that says why: " + fmt.Sprintf("%+v", h))
	}
	return nil
}
