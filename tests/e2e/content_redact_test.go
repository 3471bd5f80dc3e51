package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/trustbridge"
)

// morsels hands out what it reads in pieces of a few bytes.
type morsels struct{ io.Reader }

func (m morsels) Read(p []byte) (int, error) { return m.Reader.Read(p[:min(len(p), 777)]) }

// inMorsels sends bodies in pieces, without saying how long they are.
type inMorsels struct{ base http.RoundTripper }

func (m inMorsels) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Body, r.ContentLength = io.NopCloser(morsels{r.Body}), -1
	return m.base.RoundTrip(r)
}

// sends sends a step over a wire, signed in some way.
func (s *stage) sends(w wire, step spokenStep, signing func(http.RoundTripper) http.RoundTripper) (heard, error) {
	body, err := w.bodyOf(step)
	if err != nil {
		return heard{}, err
	}
	r := w.said(step)
	sent := spoken{url: s.at[w] + r.path, media: "application/json", body: body}
	if w.binding == "GRPC" {
		sent.url, sent.media, sent.body = s.at[w]+r.method, "application/grpc", string(a2a.AppendFrame(nil, []byte(body)))
	}
	return sent.try(func(base http.RoundTripper) http.RoundTripper {
		return edits{signing(base), nil, func(r *http.Request) {
			r.Header.Del("A2A-Version")
			for name, value := range w.said(step).header {
				r.Header.Set(name, value)
			}
		}}
	})
}

// token is a secret of one house, for which that has a rule of its own.
const token = "ZANZIBARKEY20261126"

// ownSecrets are the usual settings with that rule.
func ownSecrets(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := os.WriteFile(filepath.Join(dir, "house.yaml"), []byte(`rules:
  - id: house-token
    class: secret
    severity: high
    action: redact
    any: [zanzibarkey*]
    regex: '\bZANZIBARKEY[0-9]{8}\b'
    tests:
      hits: ["log in with ZANZIBARKEY12345678"]
      misses: ["a ZANZIBARKEY has eight digits"]
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return inspecting + fmt.Sprintf("  rulesDir: %q\n", dir)
}

// TestContentInLargeRequests has secrets taken out of bodies that come in many pieces.
func TestContentInLargeRequests(t *testing.T) {
	t.Parallel()
	s := newStage(t, inspecting)
	anna := s.joins(t, "anna", 2)
	words := strings.Repeat("All is well here. ", 3500) + secret + strings.Repeat(" And so it is there.", 3500) + " " + secret + " "
	for _, w := range wires {
		step := spokenStep{step: step{op: "send", message: "large-" + w.name(), header: map[string]string{"X-Note": "kept"}}, text: words}
		h, err := s.sends(w, step, func(base http.RoundTripper) http.RoundTripper {
			return &identity.Transport{Signer: anna.signer, Base: inMorsels{base}}
		})
		if err != nil || h.status != http.StatusOK || !strings.Contains(h.body, "done") {
			t.Errorf("%s: %+v %v", w, h, err)
			continue
		}
		got, _ := s.agent.got(step.message)
		if err := got.is(w, step, withoutSecret(words)); err != nil {
			t.Errorf("%s: the agent is sent something else: %.500s", w, err)
		}
	}
}

// TestContentOnBehalf has one agent call for another: the lower ring of both is that of the message.
func TestContentOnBehalf(t *testing.T) {
	t.Parallel()
	s := newStage(t, strings.Replace(inspecting, "ring3: {", "ring3: {depth: 1, ", 1))
	ids := map[string]*trustbridge.Identity{}
	for name, ring := range map[string]int{"boss": 2, "clerk": 3, "deputy": 1} {
		var err error
		if ids[name], err = trustbridge.NewIdentity(s.joins(t, name, ring).signer.Key); err != nil {
			t.Fatal(err)
		}
	}
	words := "log in with " + secret
	for _, w := range wires {
		for _, root := range []string{"boss", "clerk"} {
			chain, err := ids[root].Delegate(trustbridge.Delegation{To: ids["deputy"].DID(), Capabilities: []string{"call:*"}, Lifetime: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			step := spokenStep{step: step{op: "send", message: root + "-" + w.name(), header: map[string]string{"X-Note": "kept"}}, text: words}
			h, err := s.sends(w, step, func(base http.RoundTripper) http.RoundTripper {
				return &trustbridge.Transport{Identity: ids["deputy"], Delegation: chain, Base: base}
			})
			if err != nil {
				t.Fatal(err)
			}
			got, came := s.agent.got(step.message)
			if root == "clerk" {
				if err := leaks.denied(w, false, h); err != nil || came {
					t.Errorf("for an agent in ring 3: %v, asked %v", err, came)
				}
				continue
			}
			if err := got.is(w, step, withoutSecret(words)); err != nil || !strings.Contains(h.body, "done") {
				t.Errorf("%s: %v %+v", w, err, h)
			}
		}
	}
}

// TestContentThatIsApproved has people approve messages from which something is taken out.
func TestContentThatIsApproved(t *testing.T) {
	t.Parallel()
	j := newJury(t)
	s := newStage(t, inspecting+j.settings)
	anna := s.joins(t, "anna", 2)
	s.put(t, "ask", document("ask", "callee", "targets: {agents: [puppet]}", "require_approval: {groups: [board], methods: [SendMessage, SendStreamingMessage]}"))
	token := j.tokens.token(t, "kim", meshAudience)
	words := marker + ": log in with " + secret
	say := func(w wire, step spokenStep) heard {
		h, err := anna.says(s.at, w, step)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	grant := func(w wire) {
		_, answer := s.api(t, http.MethodGet, "/v1/approvals?state=pending&caller=anna", "")
		var list struct{ Approvals []approved }
		if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list.Approvals) != 1 {
			t.Fatalf("%s: %s %v", w, answer, err)
		}
		if strings.Contains(answer, secret) || strings.Contains(answer, marker) {
			t.Errorf("%s: people are shown %s", w, answer)
		}
		if status, answer := s.approve(t, list.Approvals[0], token); status != http.StatusOK || !strings.Contains(answer, `"granted"`) {
			t.Fatalf("%d %s", status, answer)
		}
	}
	for _, w := range wires {
		step := spokenStep{step: step{op: "send", message: "again-" + w.name(), header: map[string]string{"X-Note": "kept"}}, text: words}
		if err := toApprove.denied(w, false, say(w, step)); err != nil {
			t.Errorf("before: %v", err)
			continue
		}
		grant(w)
		h := say(w, step)
		got, _ := s.agent.got(step.message)
		if err := got.is(w, step, withoutSecret(words)); err != nil || !strings.Contains(h.body, "done") {
			t.Errorf("%s after: %v %+v", w, err, h)
		}
	}
	for _, w := range taskWires {
		held := spokenStep{step: step{op: "send", message: "held-" + w.name(), header: wants}, text: words}
		h := say(w, held)
		found := taskInJSON.FindStringSubmatch(h.body)
		if found == nil || strings.Contains(h.body, secret) {
			t.Errorf("%s: the message does not wait as a task: %+v", w, h)
			continue
		}
		if _, came := s.agent.got(held.message); came {
			t.Errorf("%s: the agent is asked before", w)
		}
		grant(w)
		say(w, spokenStep{step: step{op: "get", task: found[1]}})
		got, _ := s.agent.got(held.message)
		held.header = nil
		want, err := w.bodyOf(held)
		if err != nil {
			t.Fatal(err)
		}
		sent, asked := messageOf(t, got.body), messageOf(t, want)
		if sent != withoutSecret(asked) || got.header.Get("Signature") != "" || got.header.Get("Content-Digest") != "" {
			t.Errorf("%s: the agent is sent %s %v, not %s", w, sent, got.header, withoutSecret(asked))
		}
	}
	s.keepsNothing(t, secret)
}

// messageOf returns the message in the body of a request.
func messageOf(t *testing.T, body string) string {
	t.Helper()
	var call struct {
		Message json.RawMessage
		Params  struct{ Message json.RawMessage }
	}
	if err := json.Unmarshal([]byte(body), &call); err != nil {
		t.Errorf("%v in %q", err, body)
	}
	return string(call.Message) + string(call.Params.Message)
}
