package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/trustbridge"
)

// household is a mesh that is used by commands: a concierge and a broker in ring 2, a clerk in ring 3, and a weather
// agent that only reads and a ledger that writes, for them to call.
type household struct {
	*mesh
	t    *testing.T
	keys map[string]string
}

func newHousehold(t *testing.T, settings string) *household {
	t.Helper()
	h := &household{mesh: upWith(t, "up", "", settings), t: t, keys: map[string]string{}}
	weather, ledger := agentURL(t, "weather"), agentURL(t, "ledger")
	for name, ceiling := range map[string]string{"concierge": "2", "broker": "2", "clerk": ""} {
		h.keys[name] = filepath.Join(h.dir, name+".pem")
		ringfence(t, false, "identity", "new", "--out", h.keys[name])
		args := []string{"register", name, "--card-url", weather, "--key", h.keys[name]}
		if ceiling != "" {
			args = append(args, "--ring-ceiling", ceiling)
		}
		h.command(false, args...)
	}
	h.command(false, "register", "weather", "--card-url", weather, "--effect", "read")
	h.command(false, "register", "ledger", "--card-url", ledger)
	h.routed(t, "weather")
	h.routed(t, "ledger")
	return h
}

// command runs a command that uses the API of the mesh.
func (h *household) command(fails bool, args ...string) string {
	h.t.Helper()
	return ringfence(h.t, fails, append(args, "--ready-file", filepath.Join(h.dir, "ready.json"))...)
}

func (h *household) delegate(from, to string, more ...string) string {
	h.t.Helper()
	return strings.TrimSpace(ringfence(h.t, false, append([]string{"delegate", "--key", h.keys[from], "--to", h.keys[to]}, more...)...))
}

// calls has an agent call another, and wants the output to have a part.
func (h *household) calls(from, to, part string, more ...string) {
	h.t.Helper()
	if out := h.call(false, from, to, more...); !strings.Contains(out, part) {
		h.t.Errorf("%s calls %s %v: %s, not %s", from, to, more, out, part)
	}
}

// refused has an agent call another, and wants that to be refused for a reason. It returns the record that says so.
func (h *household) refused(from, to, reason string, more ...string) audit.Record {
	h.t.Helper()
	out := h.call(true, from, to, more...)
	r := h.latest(from, to)
	if r.Decision != "deny" || r.Reason != reason {
		h.t.Errorf("%s calls %s %v: %+v, not %s\n%s", from, to, more, r, reason, out)
	}
	return r
}

func (h *household) call(fails bool, from, to string, more ...string) string {
	h.t.Helper()
	return ringfence(h.t, fails, append([]string{"call", "--key", h.keys[from], h.ready.GatewayURL + "/agents/" + to, "5 EUR"}, more...)...)
}

// latest returns the latest record of a call between two agents.
func (h *household) latest(from, to string) audit.Record {
	h.t.Helper()
	return h.record(h.t, from+" calling "+to, func(r audit.Record) bool {
		return string(r.Caller) == from && string(r.Callee) == to && r.Phase == ""
	})
}

// authority is what a record says of the rights of a caller, without what differs from run to run.
func authority(t *testing.T, r audit.Record) audit.Authority {
	t.Helper()
	if r.Authority == nil {
		t.Fatalf("the record says nothing of authority: %+v", r)
	}
	a := *r.Authority
	a.Until = nil
	return a
}

// TestDelegationByCommands lets agents act for others with nothing but the binary.
func TestDelegationByCommands(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, `rings:
  ring3: {depth: 1}
`)
	narrow := h.delegate("concierge", "broker", "--can", "call:weather", "--depth", "1")
	h.calls("broker", "ledger", "Booked")
	h.calls("broker", "weather", "Tomorrow", "--delegation", narrow)
	want := audit.Authority{
		Descent: "delegated", Chain: []agent.ID{"concierge", "broker"}, Depth: 1,
		Witness: audit.Witness{
			Ring: "holder 0 concierge", Trust: "holder 0 concierge", Scope: "link 0 concierge", Until: "link 0 concierge", Depth: "holder 0 concierge",
		},
	}
	if diff := cmp.Diff(want, authority(t, h.latest("broker", "weather"))); diff != "" {
		t.Errorf("the authority of a delegated call (-want +got)\n%s", diff)
	}
	if r := h.refused("broker", "ledger", "out-of-scope", "--delegation", narrow); !strings.Contains(fmt.Sprint(r.Evidence), "scope of link 0") {
		t.Errorf("a wider call: %+v", r)
	}

	// The clerk may only read, whoever reads and writes for it.
	forClerk := h.delegate("clerk", "broker", "--can", "call:*")
	h.calls("broker", "weather", "Tomorrow", "--delegation", forClerk)
	if r := h.refused("broker", "ledger", "ring-too-low", "--delegation", forClerk); r.Ring.Number() != 3 || authority(t, r).Witness.Ring != "holder 0 clerk" {
		t.Errorf("a deputy: %+v %+v", r, r.Authority)
	}

	// Nobody shows what was given to another, widens what was given, or goes below a link that may not be followed.
	h.refused("concierge", "weather", "delegation-wrong-holder", "--delegation", narrow)
	if out := ringfence(t, true, "delegate", "--key", h.keys["broker"], "--to", h.keys["clerk"], "--can", "call:ledger", "--parent", narrow); !strings.Contains(out, "widened") {
		t.Errorf("widening: %s", out)
	}
	below := h.delegate("broker", "clerk", "--can", "call:weather", "--parent", narrow)
	h.calls("clerk", "weather", "Tomorrow", "--delegation", below)
	if a := authority(t, h.latest("clerk", "weather")); cmp.Diff([]agent.ID{"concierge", "broker", "clerk"}, a.Chain) != "" || a.Depth != 0 {
		t.Errorf("a chain of three: %+v", a)
	}
	if out := ringfence(t, true, "delegate", "--key", h.keys["clerk"], "--to", h.keys["concierge"], "--can", "call:weather", "--parent", below); !strings.Contains(out, "no link below") {
		t.Errorf("going too deep: %s", out)
	}
	if out := ringfence(t, false, "delegate", "inspect", below); strings.Count(out, "call:weather") != 2 {
		t.Errorf("inspecting: %s", out)
	}

	// Cutting off the root ends what was given in its name.
	if status, answer := h.api(t, http.MethodPut, "/v1/kill/agents/concierge", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	h.refused("clerk", "weather", "holder-inactive", "--delegation", below)
	h.calls("clerk", "weather", "Tomorrow")
}

// TestDelegationInEveryBinding sends the chain with JSON-RPC, HTTP+JSON and gRPC.
func TestDelegationInEveryBinding(t *testing.T) {
	t.Parallel()
	m := upWith(t, "up", "", generous)
	callee := conformanceAgent(t)
	ids := map[string]*trustbridge.Identity{}
	for _, name := range []string{"anna", "bert"} {
		c := newCaller(t)
		var err error
		if ids[name], err = trustbridge.NewIdentity(c.signer.Key); err != nil {
			t.Fatal(err)
		}
		m.register(t, map[string]any{"name": name, "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{c.did}, "ringCeiling": 2})
	}
	m.register(t, map[string]any{"name": "callee", "cardUrl": callee.URL})
	at := m.entrances(t, "callee")
	for _, c := range []struct{ name, can, want string }{
		{"covered", "call:callee", ""},
		{"not-covered", "call:other", "OUT_OF_SCOPE"},
	} {
		chain, err := ids["anna"].Delegate(trustbridge.Delegation{To: ids["bert"].DID(), Capabilities: []string{c.can}})
		if err != nil {
			t.Fatal(err)
		}
		signing := func(base http.RoundTripper) http.RoundTripper {
			return &trustbridge.Transport{Identity: ids["bert"], Delegation: chain, Base: base}
		}
		for _, binding := range bindings {
			t.Run(c.name+"-"+binding, func(t *testing.T) {
				answer := speak(binding, at[binding], false, 0).say(t, signing)
				if answer.reason != c.want || c.want == "" && (answer.status != http.StatusOK || !strings.Contains(answer.body, "Hello from TCK")) {
					t.Errorf("answered %+v, not %q", answer, c.want)
				}
				r := m.record(t, "the call", func(r audit.Record) bool { return r.ID == answer.decision && r.Phase == "" })
				a := authority(t, r)
				if a.Descent != "delegated" || cmp.Diff([]agent.ID{"anna", "bert"}, a.Chain) != "" || a.Witness.Scope == "" || r.Method != "SendMessage" {
					t.Errorf("recorded as %+v with %+v", r, a)
				}
			})
		}
	}
}

// TestGates opens and closes the way around a chain that says too little.
func TestGates(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "")
	narrow := h.delegate("concierge", "broker", "--can", "call:weather")
	through := []string{"--delegation", narrow, "--gate", "books"}
	h.refused("broker", "ledger", "out-of-scope", "--delegation", narrow)
	h.refused("broker", "ledger", "gate-closed", through...)
	h.command(false, "gate", "declare", "books", "--from", "broker", "--to", "ledger", "--operation", "SendMessage", "--ring", "2", "--by", "Ada")
	h.refused("broker", "ledger", "gate-closed", through...)
	_, answer := h.api(t, http.MethodGet, "/v1/gates/books", "")
	var declared struct{ Digest string }
	if err := json.Unmarshal([]byte(answer), &declared); err != nil {
		t.Fatal(err)
	}
	h.command(false, "gate", "accept", "books", "--digest", declared.Digest, "--by", "Grace")
	h.calls("broker", "ledger", "Booked", through...)
	if a := authority(t, h.latest("broker", "ledger")); a.Descent != "gated" || a.Gate != "books" || a.Witness.Scope != "gate books" {
		t.Errorf("%+v", a)
	}
	h.refused("concierge", "ledger", "gate-closed", "--gate", "books") // it is the broker's
	h.refused("broker", "weather", "gate-closed", through...)          // and leads to the ledger
	h.command(false, "gate", "delete", "books")
	h.refused("broker", "ledger", "gate-closed", through...)
}

// middleman is an agent that, while it serves a call, calls another through the mesh with its own key.
type middleman struct {
	self    *caller
	url     atomic.Pointer[string]
	forward atomic.Bool // whether it sends on the trace that it was called with
	came    chan string // what the other answered
}

func (m *middleman) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct {
		ID json.RawMessage `json:"id"`
	}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	trace := ""
	if m.forward.Load() {
		trace = r.Header.Get("Traceparent")
	}
	m.came <- m.callOn(trace)
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, done(call.ID)) //nolint:errcheck // the client notices
}

// callOn calls the other agent in a trace, and returns the body of the answer.
func (m *middleman) callOn(trace string) string {
	_, answer, err := m.self.traced(*m.url.Load(), trace)
	if err != nil {
		return err.Error()
	}
	return answer
}

// traced sends a message as part of a trace, unless that is empty.
func (c *caller) traced(url, trace string) (int, string, error) {
	body := message("m", "")
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("A2A-Version", "1.0")
	if trace != "" {
		r.Header.Set("Traceparent", trace)
	}
	if err := c.signer.Sign(r, []byte(body)); err != nil {
		return 0, "", err
	}
	return exchange(r)
}

// TestMissingChains has an agent in ring 2 act for one in ring 3 without saying so.
func TestMissingChains(t *testing.T) {
	t.Parallel()
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for mode, untold := range map[string]struct{ answer, descent string }{
		"lenient": {`"done"`, "own"},
		"strict":  {"RING_TOO_LOW", "low-water"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			middle := &middleman{self: newCaller(t), came: make(chan string, 1)}
			server := httptest.NewServer(middle)
			t.Cleanup(server.Close)
			m := upWith(t, "up", "", generous+"delegation: {missing: "+mode+"}\n")
			clerk, boss := newCaller(t), newCaller(t)
			m.register(t, map[string]any{"name": "clerk", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{clerk.did}})
			m.register(t, map[string]any{"name": "boss", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{boss.did}, "ringCeiling": 2})
			m.register(t, map[string]any{"name": "middle", "card": jsonCard(server.URL + "/rpc"), "dids": []string{middle.self.did}, "ringCeiling": 2, "effect": "read"})
			m.register(t, map[string]any{"name": "writer", "card": jsonCard(echo(t))})
			writer, url := m.ready.GatewayURL+"/agents/writer", m.ready.GatewayURL+"/agents/middle"
			middle.url.Store(&writer)
			middle.self.expect(t, writer, message("m", ""), http.StatusOK, `"done"`)
			m.routed(t, "middle")

			check := func(c *caller, forward bool, part, descent string, unchained bool, chain ...agent.ID) {
				t.Helper()
				middle.forward.Store(forward)
				if _, answer, err := c.traced(url, trace); err != nil || !strings.Contains(answer, `"done"`) {
					t.Errorf("the middleman answers %s %v", answer, err)
				}
				if got := <-middle.came; !strings.Contains(got, part) {
					t.Errorf("forwarding %v: the middleman is answered %s, not %s", forward, got, part)
				}
				r := m.record(t, "the middleman's call", func(r audit.Record) bool { return r.Caller == "middle" })
				a := authority(t, r)
				if a.Descent != descent || a.Unchained != unchained || cmp.Diff(chain, a.Chain) != "" {
					t.Errorf("forwarding %v: recorded with %+v", forward, a)
				}
			}
			check(clerk, true, "RING_TOO_LOW", "linked", false, "clerk", "middle")
			check(boss, true, `"done"`, "linked", false, "boss", "middle")
			if mode == "lenient" {
				check(clerk, false, untold.answer, untold.descent, true)
			} else {
				check(clerk, false, untold.answer, untold.descent, true, "clerk", "middle")
			}
			// When it serves nobody, it has its own rights.
			middle.self.expect(t, writer, message("m", ""), http.StatusOK, `"done"`)
		})
	}
}

// TestExplainAgrees describes requests and makes them: the answers are one.
func TestExplainAgrees(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "")
	narrow := h.delegate("concierge", "broker", "--can", "call:weather")
	for _, c := range []struct {
		name, from, to, text, delegation, decision, factor string
		prepare                                            func()
	}{
		{name: "allowed", from: "broker", to: "ledger", text: "5 EUR", decision: "allow"},
		{name: "out-of-scope", from: "broker", to: "ledger", text: "5 EUR", delegation: narrow, decision: "deny", factor: "scope"},
		{name: "ring", from: "clerk", to: "ledger", text: "5 EUR", decision: "deny", factor: "ring"},
		{name: "content", from: "broker", to: "ledger", text: injecting, decision: "deny", factor: "content"},
		{name: "killed", from: "concierge", to: "ledger", text: "5 EUR", decision: "deny", factor: "standing", prepare: func() {
			h.command(false, "kill", "agent", "concierge", "--reason", "drill")
		}},
	} {
		if c.prepare != nil {
			c.prepare()
		}
		more := []string{}
		if c.delegation != "" {
			more = append(more, "--delegation", c.delegation)
		}
		var told struct {
			Decision, Factor, Reason string
			Ring                     int
			Trust                    int
			Authority                *audit.Authority
			Factors                  []struct {
				Factor  string
				Witness bool
			}
		}
		out := h.command(false, append([]string{"explain", "--from", c.from, "--json", c.to, c.text}, more...)...)
		if err := json.Unmarshal([]byte(out), &told); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		table := h.command(false, append([]string{"explain", "--from", c.from, c.to, c.text}, more...)...)
		if want := "deny by " + c.factor; c.factor != "" && !strings.Contains(table, want) {
			t.Errorf("%s: no %q in\n%s", c.name, want, table)
		}
		witnesses := 0
		for _, f := range told.Factors {
			if f.Witness {
				witnesses++
			}
			if f.Witness != (f.Factor == told.Factor) {
				t.Errorf("%s: %s as a witness of %s", c.name, f.Factor, told.Factor)
			}
		}
		if (c.factor != "") != (witnesses == 1) {
			t.Errorf("%s has %d witnesses", c.name, witnesses)
		}
		ringfence(t, c.decision == "deny", append([]string{"call", "--key", h.keys[c.from], h.ready.GatewayURL + "/agents/" + c.to, c.text}, more...)...)
		r := h.latest(c.from, c.to)
		if told.Decision != c.decision || told.Factor != c.factor || r.Decision != told.Decision || r.Factor != told.Factor || r.Reason != told.Reason {
			t.Errorf("%s: explained as %s by %s (%s), decided as %s by %s (%s)", c.name, told.Decision, told.Factor, told.Reason, r.Decision, r.Factor, r.Reason)
		}
		// Between the two, an earlier call of the same agent may have come to its end and raised its score.
		if told.Ring != r.Ring.Number() || told.Trust > int(r.Trust) || (told.Authority == nil) != (r.Authority == nil) {
			t.Errorf("%s: explained in ring %d with %d, decided in ring %s with %d", c.name, told.Ring, told.Trust, r.Ring, r.Trust)
		}
		if told.Authority != nil && r.Authority != nil {
			if diff := cmp.Diff(told.Authority.Witness, r.Authority.Witness); diff != "" {
				t.Errorf("%s: witness (-explained +decided)\n%s", c.name, diff)
			}
		}
	}
}

// TestDelegatedStreamsEnd has streams end with the rights that they were opened with.
func TestDelegatedStreamsEnd(t *testing.T) {
	t.Parallel()
	m := upWith(t, "up", "", generous)
	long, card := newSlow(t, false)
	m.register(t, map[string]any{"name": "slow", "card": card})
	ids := map[string]*trustbridge.Identity{}
	for _, name := range []string{"anna", "bert", "carl"} {
		c := newCaller(t)
		var err error
		if ids[name], err = trustbridge.NewIdentity(c.signer.Key); err != nil {
			t.Fatal(err)
		}
		m.register(t, map[string]any{"name": name, "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{c.did}, "ringCeiling": 2})
	}
	at := m.entrances(t, "slow")
	given := func(from string, lifetime time.Duration, can string) string {
		chain, err := ids[from].Delegate(trustbridge.Delegation{To: ids["bert"].DID(), Capabilities: []string{can}, Lifetime: lifetime})
		if err != nil {
			t.Fatal(err)
		}
		return chain
	}
	var gate struct{ Digest string }
	_, declared := m.api(t, http.MethodPut, "/v1/gates/slow", fmt.Sprintf(`{"from":"bert","to":"slow","operations":["SendStreamingMessage"],"ring":2,"until":%q,"by":"Ada"}`,
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
	if err := json.Unmarshal([]byte(declared), &gate); err != nil || gate.Digest == "" {
		t.Fatalf("%v in %s", err, declared)
	}
	if status, answer := m.api(t, http.MethodPost, "/v1/gates/slow/accept", fmt.Sprintf(`{"digest":%q,"by":"Grace"}`, gate.Digest)); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	for _, c := range []struct {
		name, gate, reason string
		chain              func() string
		method, path       string // of what ends it; nothing but time when empty
	}{
		{name: "its-time-is-over", reason: "DELEGATION_EXPIRED", chain: func() string { return given("anna", 2*time.Second, "call:*") }},
		{name: "a-gate-is-deleted", gate: "slow", reason: "GATE_CLOSED", method: http.MethodDelete, path: "/v1/gates/slow", chain: func() string { return given("anna", time.Hour, "read:nothing") }},
		{name: "the-root-is-killed", reason: "HOLDER_INACTIVE", method: http.MethodPut, path: "/v1/kill/agents/carl", chain: func() string { return given("carl", time.Hour, "call:*") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			chain := c.chain()
			streams := map[string]chan heard{"JSONRPC": make(chan heard, 1), "HTTP+JSON": make(chan heard, 1)}
			for binding, ended := range streams {
				go func() {
					h, err := speak(binding, at[binding], true, 0).try(func(base http.RoundTripper) http.RoundTripper {
						return &trustbridge.Transport{Identity: ids["bert"], Delegation: chain, Gate: c.gate, Base: base}
					})
					h.err = errors.Join(h.err, err)
					ended <- h
				}()
				select {
				case <-long.started:
				case h := <-ended:
					t.Fatalf("the stream does not begin: %+v", h)
				}
			}
			begun := time.Now()
			if c.path != "" {
				if status, answer := m.api(t, c.method, c.path, ""); status >= 300 {
					t.Fatalf("%d %s", status, answer)
				}
			}
			for binding, ended := range streams {
				h := <-ended
				t.Logf("%s ended after %s", binding, time.Since(begun).Round(time.Millisecond))
				if h.reason != c.reason || !strings.Contains(h.body, "TASK_STATE_WORKING") || h.err != nil {
					t.Errorf("%s: %+v", binding, h)
				}
			}
		})
	}
}
