package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/store"
)

// waiting is an API about approvals, with the keys of its approvers in files.
type waiting struct {
	t      *testing.T
	url    string
	ledger *approval.Ledger
	memory *store.Memory
	review approvalReview
	keys   map[string]string
}

// signedBy is a context key: the agent whose signature let a request of a test in.
type signedBy struct{}

func openApprovals(t *testing.T) *waiting {
	t.Helper()
	w := &waiting{t: t, memory: store.NewMemory(time.Now), keys: map[string]string{}}
	t.Cleanup(func() { w.memory.Close() })
	bucket, err := w.memory.Bucket(t.Context(), approval.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	people := []approval.Approver{{Name: "dan", Groups: []string{"finance"}, Token: agent.Subject{Issuer: "https://login.example", Name: "dan"}}}
	for _, name := range []string{"ada", "eve", "guy"} {
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte(name[:1]), ed25519.SeedSize))
		w.keys[name] = filepath.Join(t.TempDir(), name+".pem")
		if err := identity.SaveKey(w.keys[name], key); err != nil {
			t.Fatal(err)
		}
		by := approval.Approver{Name: name, Groups: []string{"finance"}, Key: agent.NewKey(key.Public().(ed25519.PublicKey)).DID}
		switch name {
		case "eve":
			by.Owner = "trading"
		case "guy":
			by.Groups = []string{"garden"}
		}
		people = append(people, by)
	}
	approvers, err := approval.Compile(people)
	if err != nil {
		t.Fatal(err)
	}
	w.ledger, err = approval.Open(t.Context(), approval.Config{
		Bucket: bucket, Random: rand.Reader, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.ledger.Close)
	w.review = approvalReview{
		ledger: w.ledger, approvers: approvers, now: time.Now, logger: slog.New(slog.DiscardHandler),
		subject: func(_ context.Context, raw string, _ time.Time) (agent.Subject, error) {
			name, ok := strings.CutPrefix(raw, "token-of-")
			if !ok {
				return agent.Subject{}, errors.New("no token of an issuer")
			}
			return agent.Subject{Issuer: "https://login.example", Name: name}, nil
		},
		epoch: func() string { return "e1" },
		agent: func(ctx context.Context) (agent.ID, bool) { id, ok := ctx.Value(signedBy{}).(agent.ID); return id, ok },
	}
	mux := http.NewServeMux()
	w.review.register(bareAPI(mux))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *waiting) ask(name string) approval.Approval {
	w.t.Helper()
	return w.askBy(name, "e1")
}

// askBy asks for policies of an epoch; those of e1 are in force.
func (w *waiting) askBy(name, epoch string) approval.Approval {
	w.t.Helper()
	c := approval.Case{
		Digest: base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte(name[:1]), 32)), Caller: "broker", Callee: "ledger",
		Holders: []agent.ID{"concierge", "broker"}, Method: a2a.SendMessage, Skill: "pay\x1b[2J", Excluded: []agent.Owner{"trading"},
		Epoch: epoch, Decision: "d-1", Requirements: []policy.Requirement{{
			Ref: policy.Ref{Party: policy.CalleeParty, Policy: "payments"}, Minimum: 2, Groups: []string{"finance"}, Timeout: time.Hour,
		}},
	}
	a, err := w.ledger.Ask(w.t.Context(), c, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *waiting) run(token string, args ...string) (string, error) {
	w.t.Helper()
	return execute(w.t, approvalsCommand(), append(args, "--api", w.url, "--token", token)...)
}

func TestApprovalCommands(t *testing.T) {
	t.Parallel()
	w := openApprovals(t)
	if out, err := w.run("t", "list"); err != nil || out != "no approval is there\n" {
		t.Errorf("list of none: %q, %v", out, err)
	}
	a := w.ask("a")
	out, err := w.run("t", "list")
	if err != nil || !strings.Contains(out, a.ID) || !strings.Contains(out, "0/2") || strings.Contains(out, "\x1b") {
		t.Errorf("list: %q, %v", out, err)
	}
	out, err = w.run("t", "show", a.ID)
	if err != nil || !strings.Contains(out, a.Digest) || !strings.Contains(out, "concierge -> broker") || !strings.Contains(out, "2 of finance") {
		t.Errorf("show: %q, %v", out, err)
	}
	if out, err = w.run("t", "approve", a.ID, "--key", w.keys["ada"], "--as", "ada", "--reason", "see ticket 4711"); err != nil || !strings.Contains(out, "ada approve: see ticket 4711") {
		t.Errorf("approve: %q, %v", out, err)
	}
	if out, err = w.run("token-of-dan", "approve", a.ID); err != nil || !strings.Contains(out, "granted") {
		t.Errorf("approve with a token: %q, %v", out, err)
	}
	if again := w.ask("a"); !again.Granted {
		t.Errorf("it does not go on: %+v", again)
	}
	if out, err = w.run("t", "list", "--state", "consumed", "--caller", "broker"); err != nil || !strings.Contains(out, a.ID) || !strings.Contains(out, "2/2") {
		t.Errorf("list of what was used: %q, %v", out, err)
	}
	b := w.ask("b")
	// With the digest, nothing has to be read, so that no token is needed.
	if out, err = w.run("", "deny", b.ID, "--key", w.keys["ada"], "--digest", b.Digest); err != nil || !strings.Contains(out, "denied") {
		t.Errorf("deny: %q, %v", out, err)
	}
	c := w.ask("c")
	if out, err = w.run("t", "withdraw", c.ID); err != nil || out != "" {
		t.Errorf("withdraw: %q, %v", out, err)
	}
	if _, err = w.run("t", "withdraw", a.ID); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("withdraw what was used: %v", err)
	}
}

// TestOutdatedApprovals holds that people are told where their vote is worth nothing, as policies have changed.
func TestOutdatedApprovals(t *testing.T) {
	t.Parallel()
	w := openApprovals(t)
	now, before := w.ask("a"), w.askBy("b", "e0")
	out, err := w.run("t", "list")
	if err != nil || strings.Count(out, "pending, outdated") != 1 || !strings.Contains(out, before.ID+"  pending, outdated") {
		t.Errorf("list: %q, %v", out, err)
	}
	for _, test := range []struct {
		a        approval.Approval
		outdated bool
	}{{now, false}, {before, true}} {
		for _, args := range [][]string{{"show", test.a.ID}, {"approve", test.a.ID, "--key", w.keys["ada"]}} {
			if out, err = w.run("t", args...); err != nil || strings.Contains(out, "outdated: policies have changed") != test.outdated {
				t.Errorf("%v: %q, %v", args, out, err)
			}
		}
	}
	if out, err = w.run("t", "deny", before.ID, "--key", w.keys["ada"]); err != nil || strings.Contains(out, "outdated") {
		t.Errorf("what has ended cannot be outdated: %q, %v", out, err)
	}
}

func TestApprovalVotesThatDoNotCount(t *testing.T) {
	t.Parallel()
	w := openApprovals(t)
	a, b := w.ask("a"), w.ask("b")
	for _, test := range []struct {
		name, token, want string
		args              []string
	}{
		{"administrator", "t", "401", []string{a.ID}},
		{"stranger", "token-of-zoe", "401", []string{a.ID}},
		{"owner", "t", "403", []string{a.ID, "--key", w.keys["eve"]}},
		{"other-group", "t", "403", []string{a.ID, "--key", w.keys["guy"]}},
		{"as-somebody-else", "t", "422", []string{a.ID, "--key", w.keys["ada"], "--as", "dan"}},
		{"other-digest", "t", "409", []string{a.ID, "--key", w.keys["ada"], "--digest", b.Digest}},
		{"other-digest-by-token", "token-of-dan", "409", []string{a.ID, "--digest", b.Digest}},
		{"unknown", "t", "404", []string{a.ID[:len(a.ID)-4] + "aaaa", "--key", w.keys["ada"], "--digest", a.Digest}},
		{"no-id", "t", "404", []string{"x"}},
		{"no-key-file", "t", "loading key", []string{a.ID, "--key", "/nonexistent.pem"}},
		{"two-lines", "t", "one line", []string{a.ID, "--key", w.keys["ada"], "--reason", "a\nb"}},
	} {
		out, err := w.run(test.token, append([]string{"approve"}, test.args...)...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q, %v, want %s", test.name, out, err, test.want)
		}
	}
	if got, err := w.ledger.Get(t.Context(), a.ID, time.Now()); err != nil || len(got.Votes) > 0 {
		t.Errorf("one counts: %+v, %v", got, err)
	}
	if err := w.memory.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.run("t", "approve", a.ID, "--key", w.keys["ada"], "--digest", a.Digest); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("without a store: %v", err)
	}
}

// TestBallotHasToSayTheSame holds that a request cannot say anything around a ballot that the ballot does not.
func TestBallotHasToSayTheSame(t *testing.T) {
	t.Parallel()
	w := openApprovals(t)
	a := w.ask("a")
	key, err := identity.LoadKey(w.keys["ada"])
	if err != nil {
		t.Fatal(err)
	}
	evidence, err := approval.Sign(key, approval.Statement{Approval: a.ID, Digest: a.Digest, Choice: approval.Deny, Reason: "no"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, said := range map[string]approvalDecision{
		"other-decision": {Decision: approval.Approve, Digest: a.Digest, Evidence: evidence},
		"other-digest":   {Decision: approval.Deny, Digest: w.ask("b").Digest, Evidence: evidence},
		"other-reason":   {Decision: approval.Deny, Digest: a.Digest, Reason: "yes", Evidence: evidence},
	} {
		_, err := w.review.decide(t.Context(), &decideInput{ID: a.ID, Body: said})
		if err == nil || !strings.Contains(err.Error(), "does not say") {
			t.Errorf("%s: %v", name, err)
		}
	}
	out, err := w.review.decide(t.Context(), &decideInput{ID: a.ID, Body: approvalDecision{Decision: approval.Deny, Digest: a.Digest, Evidence: evidence}})
	if err != nil || out.Body.Votes[0].Reason != "no" {
		t.Errorf("the same: %+v, %v", out, err)
	}
}

func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	w := openApprovals(t)
	const list, get, decide, remove = "GET /v1/approvals", "GET /v1/approvals/{id}", "POST /v1/approvals/{id}/decisions", "DELETE /v1/approvals/{id}"
	for _, test := range []struct {
		pattern, authorization string
		want                   bool
	}{
		{decide, "", true},
		{list, "", false},
		{list, "Bearer token-of-dan", true},
		{get, "Bearer token-of-dan", true},
		{get, "Bearer token-of-zoe", false},
		{get, "Bearer dan", false},
		{remove, "Bearer token-of-dan", false},
		{"GET /v1/agents", "Bearer token-of-dan", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", test.authorization)
		if got := w.review.admits(test.pattern, r); got != test.want {
			t.Errorf("%s with %q: %t", test.pattern, test.authorization, got)
		}
	}
}

func TestAgentSeesItsOwn(t *testing.T) {
	t.Parallel()
	a := brief(approval.Approval{ID: "x", State: approval.Granted, Digest: "d", Caller: "broker", Votes: []approval.Vote{{Approver: "ada"}}})
	text, err := json.Marshal(a)
	if want := `{"id":"x","state":"granted","expiresAt":"0001-01-01T00:00:00Z"}`; err != nil || string(text) != want {
		t.Errorf("it sees %s, %v", text, err)
	}
}

func TestApprovalsAreCounted(t *testing.T) {
	t.Parallel()
	w := openApprovals(t)
	w.ask("a")
	w.ask("b")
	if _, err := w.ledger.Cancel(t.Context(), w.ask("c").ID, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newApprovalStates(w.ledger, time.Now))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, metric := range families[0].GetMetric() {
		got[metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
	}
	want := map[string]float64{"pending": 2, "granted": 0, "consumed": 0, "denied": 0, "expired": 0, "withdrawn": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", families[0].GetName(), diff)
	}
}
