package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/tests/conformance"
)

// secret is a word that content rules find, whoever says it.
const secret = "AKIAQ3EGRZXYT7WNP2LK"

// ruling is a policy of one rule, a call that it refuses, and one that it lets through.
type ruling struct {
	name string
	// The policy is that of a party, and speaks of what it selects. "$" stands for the calling agent.
	party, selects, rule string
	// passes and refused are what becomes of the two calls: differences from a message that the agent "player" completes.
	passes, refused difference
	want            refusal
	// answers says that the agent is asked, and its answer refused: of a stream, some has passed then.
	answers bool
	// during begins what goes on while calls are refused, and returns how it ends.
	during func(t *testing.T, url string, c *caller) (end func())
	kind   string
}

// difference is what is other about a call.
type difference struct {
	to, says, action string
	// like begins the message's id, and so says what the agent does.
	like   string
	header map[string]string
	// by is who calls: another agent, or the same with a token.
	by string
}

var forbidden = refusal{http: http.StatusForbidden, rpc: -31403, grpc: "7"}

// because is a refusal with a reason.
func (f refusal) because(reason string) refusal {
	f.reason = reason
	return f
}

var (
	busy      = refusal{http: http.StatusTooManyRequests, rpc: -31429, grpc: "8", retry: true}
	oversize  = refusal{http: http.StatusRequestEntityTooLarge, rpc: -31413, grpc: "8"}
	overtime  = refusal{http: http.StatusGatewayTimeout, rpc: -31504, grpc: "4"}
	toApprove = refusal{reason: "APPROVAL_REQUIRED", http: http.StatusForbidden, rpc: -31403, grpc: "7", retry: true}
)

// rulings has each kind of rule, in the hands of each party.
var rulings = []ruling{
	{
		name: "permit", kind: "permit", party: "callee", selects: "targets: {agents: [closed]}\n  subjects: {agents: [friend]}", rule: "permit",
		passes: difference{to: "closed", by: "friend"}, refused: difference{to: "closed"}, want: forbidden.because("POLICY_PERMITS_NOTHING"),
	},
	{
		name: "forbid", party: "caller", selects: "subjects: {agents: [$]}", rule: "forbid: {actions: [del*]}",
		passes: difference{action: "report"}, refused: difference{action: "delete"}, want: forbidden.because("POLICY_FORBIDS"),
	},
	{
		name: "read-only", party: "organisation", selects: "subjects: {agents: [$]}", rule: "read_only", kind: "read_only",
		passes: difference{to: "reader"}, want: forbidden.because("POLICY_READ_ONLY"),
	},
	{
		name: "rate-limit", party: "gateway", selects: "subjects: {agents: [$]}", kind: "rate_limit",
		rule: "rate_limit: {requests: 1, per: 24h, burst: 12, by: pair}", want: busy.because("POLICY_RATE_EXCEEDED"),
	},
	{
		name: "concurrency", party: "callee", selects: "targets: {agents: [player]}\n  subjects: {agents: [$]}", rule: "concurrency: 1",
		want: busy.because("POLICY_CALLS_WAITING"), during: holdOpen,
	},
	{
		name: "approval", party: "callee", selects: "targets: {agents: [player]}\n  subjects: {agents: [$]}", kind: "require_approval",
		rule:   "require_approval: {actions: [pay], undeclared: true, groups: [finance]}",
		passes: difference{action: "report"}, want: toApprove,
	},
	{
		name: "body", party: "caller", selects: "subjects: {agents: [$]}", rule: "max_body: 1KiB", kind: "max_body",
		refused: difference{says: strings.Repeat("la ", 400)}, want: oversize.because("POLICY_BODY_TOO_LARGE"),
	},
	{
		name: "time", party: "organisation", selects: "subjects: {agents: [$]}", rule: "time_limit: 1s", kind: "time_limit",
		refused: difference{like: conformance.HoldPrefix}, want: overtime.because("POLICY_TIME_EXCEEDED"), answers: true,
	},
	{
		name: "assurance", party: "callee", selects: "targets: {agents: [player]}\n  subjects: {agents: [$]}", kind: "require_assurance",
		rule: "require_assurance: mesh", refused: difference{by: "token"}, want: forbidden.because("POLICY_ASSURANCE_TOO_LOW"),
	},
	{
		name: "trust", party: "gateway", selects: "subjects: {agents: [$]}", rule: "min_trust: {trust: 900, actions: [pay]}", kind: "min_trust",
		refused: difference{action: "pay"}, want: forbidden.because("POLICY_TRUST_TOO_LOW"),
	},
	{
		name: "ring", party: "callee", selects: "targets: {agents: [player]}\n  subjects: {agents: [$, senior]}", rule: "require_ring: 1",
		kind: "require_ring", passes: difference{by: "senior"}, want: forbidden.because("POLICY_RING_TOO_LOW"),
	},
	{
		name: "content-of-requests", party: "caller", selects: "subjects: {agents: [$]}", kind: "content",
		rule:    "content: {classes: [prompt-injection], at_least: medium, in: [request]}",
		refused: difference{says: injecting}, want: forbidden.because("POLICY_CONTENT"),
	},
	{
		name: "content-of-answers", party: "caller", selects: "subjects: {agents: [$]}", kind: "content",
		rule:    "content: {classes: [secret], at_least: high, in: [answer]}",
		refused: difference{like: conformance.EchoPrefix, header: map[string]string{"A2A-Extensions": secret}}, want: forbidden.because("POLICY_CONTENT"), answers: true,
	},
	{
		name: "cedar", party: "organisation", selects: "subjects: {agents: [$]}",
		rule:    `cedar: forbid (principal, action, resource) when { context.declared && context.action == "erase" && context.hops == 0 };`,
		refused: difference{action: "erase"}, want: forbidden.because("POLICY_FORBIDS"),
	},
}

// theatre is a mesh with an agent that speaks everything, under the names player, reader, which only reads, and closed.
type theatre struct {
	*mesh
	doors  map[string]map[wire]string
	tokens issuer
}

func newTheatre(t *testing.T) *theatre {
	t.Helper()
	tokens := newIssuer(t, "https://issuer.example")
	th := &theatre{mesh: upWith(t, "up", "", steady+"identity: {issuers: ["+tokens.settings(t)+"]}\n"), doors: map[string]map[wire]string{}, tokens: tokens}
	agent := conformanceAgent(t)
	for name, effect := range map[string]string{"player": "write", "reader": "read", "closed": "write"} {
		th.register(t, map[string]any{"name": name, "cardUrl": agent.URL, "effect": effect})
	}
	for _, name := range []string{"player", "reader", "closed"} {
		th.doors[name] = th.mesh.doors(t, name)
	}
	return th
}

// joins registers an agent that calls others, and may do so with tokens too.
func (th *theatre) joins(t *testing.T, name string, ceiling int) *caller {
	t.Helper()
	c := newCaller(t)
	th.register(t, map[string]any{
		"name": name, "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{c.did}, "ringCeiling": ceiling,
		"subjects": []map[string]string{{"issuer": th.tokens.url, "subject": name}},
	})
	return c
}

// TestPolicyRules has each kind of rule refuse calls, and let others through, in both generations, over every binding,
// for single answers and streams.
func TestPolicyRules(t *testing.T) {
	t.Parallel()
	th := newTheatre(t)
	others := map[string]*caller{"friend": th.joins(t, "friend", 2), "senior": th.joins(t, "senior", 1)}
	for _, r := range rulings {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.play(t, th, others)
		})
	}
}

func (r ruling) play(t *testing.T, th *theatre, others map[string]*caller) {
	c := th.joins(t, "c-"+r.name, 2)
	named := func(text string) string { return strings.ReplaceAll(text, "$", "c-"+r.name) }
	th.put(t, "p-"+r.name, document("p-"+r.name, r.party, named(r.selects), named(r.rule)))
	say := func(d difference, w wire, op string, part string) (heard, error) {
		s := spokenStep{step: step{op: op, header: d.header}, text: d.says, action: d.action}
		s.message = fmt.Sprintf("%s-%s-%s-%s-%s", first(d.like, "tck-complete-task"), r.name, w.name(), op, part)
		by := c
		switch d.by {
		case "token":
			s.token = th.tokens.token(t, "c-"+r.name, meshAudience)
		case "":
		default:
			by = others[d.by]
		}
		return by.says(th.doors[first(d.to, "player")], w, s)
	}
	each := func(what string, d difference, judge func(w wire, stream bool, h heard) error) {
		var calls sync.WaitGroup
		for _, w := range wires {
			for _, op := range []string{"send", "stream"} {
				one := func() {
					h, err := say(d, w, op, what)
					if err == nil {
						err = judge(w, op == "stream", h)
					}
					if err != nil {
						t.Errorf("%s %s of what %s: %v", w, op, what, err)
					}
				}
				if r.kind == "time_limit" {
					calls.Go(one) // each takes a while
				} else {
					one()
				}
			}
		}
		calls.Wait()
	}
	passes := func(w wire, _ bool, h heard) error { return h.passed(w) }
	each("passes", r.passes, passes)
	if r.during != nil {
		end := r.during(t, th.doors["player"][wires[0]], c)
		defer end()
	}
	var decision string
	each("is-refused", r.refused, func(w wire, stream bool, h heard) error {
		if strings.Contains(h.body, "p-"+r.name) {
			return errors.New("the caller is told which policy it was")
		}
		if r.answers && stream {
			return r.want.ended(w, h)
		}
		if w == wires[0] {
			decision = h.decision
		}
		return r.want.denied(w, stream, h)
	})
	r.recorded(t, th.mesh, decision)
}

// recorded looks for the rule in the record of a refusal.
func (r ruling) recorded(t *testing.T, m *mesh, decision string) {
	t.Helper()
	want := fmt.Sprintf("\"policy p-%s rules[0] %s\"", r.name, first(r.kind, strings.SplitN(r.rule, ":", 2)[0]))
	if r.kind == "permit" {
		want = fmt.Sprintf("\"policy p-%s\"", r.name) // it is the party that is closed, by the document
	}
	eventually(t, "the refusal is recorded", func() error {
		status, answer, err := m.tryAPI(http.MethodGet, "/v1/decisions/"+decision, "")
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("%d %s %w", status, answer, err)
		}
		var found struct {
			audit.Record
			Answer *audit.Record
		}
		if err := json.Unmarshal([]byte(answer), &found); err != nil {
			return err
		}
		if !strings.Contains(answer, want) || found.Epoch == "" || found.Call == nil {
			return fmt.Errorf("no %q in %s", want, answer)
		}
		return nil
	})
}

// first returns the first word that is not empty.
func first(words ...string) string {
	for _, word := range words {
		if word != "" {
			return word
		}
	}
	return ""
}

// holdOpen has a call under way until it is ended.
func holdOpen(t *testing.T, url string, c *caller) (end func()) {
	t.Helper()
	response, err := c.open(t, url, "application/json",
		rpc("SendStreamingMessage", fmt.Sprintf(`{"message":{"messageId":"%s-open","role":"ROLE_USER","parts":[{"text":"hello"}]}}`, conformance.HoldPrefix)))
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		response.Body.Close()
		eventually(t, "there is room again", func() error {
			status, answer, err := c.call(url, message("tck-complete-task-room", ""))
			return mismatch(http.StatusOK, "Hello from TCK")(status, answer, err)
		})
	}
}
