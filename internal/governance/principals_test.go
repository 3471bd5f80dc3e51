package governance

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/token"
	"ringfence.dev/ringfence/internal/trust"
)

// issuer is one whose tokens need no signature: each is the name of its subject.
type issuer struct{ url, kid string }

func (i issuer) IsFor(raw string) bool { return raw != "of-another" }

func (i issuer) Verify(raw string, now time.Time) (token.Claims, *identity.Refusal) {
	if raw == "expired" {
		return token.Claims{}, &identity.Refusal{Reason: identity.Expired, Detail: "the token has expired"}
	}
	return token.Claims{Issuer: i.url, Subject: raw, KeyID: i.kid, Issued: now, Expires: now.Add(time.Minute)}, nil
}

const workload = "spiffe://mesh.test/ns/prod/sa/caller"

// unsigned returns a call that no signature is under, with a bearer token, of a connection.
func unsigned(bearer, peer string, header http.Header) Request {
	r := Request{
		Method: "POST", Scheme: "http", Authority: "gateway.test:10000", Path: "/agents/ledger", Form: PathForm, Peer: peer,
		Header: identity.Header{{Name: "content-type", Value: "application/json"}},
	}
	if bearer != "" {
		r.Header = append(r.Header, identity.Field{Name: "authorization", Value: "Bearer " + bearer})
	}
	for name, values := range header {
		r.Header = append(r.Header, identity.Field{Name: name, Value: values[0]})
	}
	return r
}

func TestPrincipals(t *testing.T) {
	t.Parallel()
	type want struct{ Reason, Assurance, Reviewed string }
	chain := func(t *testing.T) http.Header {
		return http.Header{"agent-delegation": chainOf(t, link{from: "boss", to: "caller"})["Agent-Delegation"]}
	}
	cases := []struct {
		name         string
		bearer, peer string
		delegated    bool
		then         func(*agent.Record) // what becomes of the caller while its call is under way
		want         want
	}{
		{"token", "sub-1", "", false, nil, want{"", "bearer", ""}},
		{"token-of-a-subject-withdrawn", "sub-1", "", false, func(r *agent.Record) { r.Subjects = nil }, want{"", "bearer", "unknown-caller"}},
		{"token-of-nobody", "sub-2", "", false, nil, want{"unknown-caller", "none", ""}},
		{"expired-token", "expired", "", false, nil, want{"expired", "none", ""}},
		{"token-for-the-callee", "of-another", "", false, nil, want{"missing", "none", ""}},
		{"token-with-a-delegation", "sub-1", "", true, nil, want{"delegation-unsigned", "bearer", ""}},
		{"connection", "", workload, false, nil, want{"", "workload", ""}},
		{"connection-of-a-workload-withdrawn", "", workload, false, func(r *agent.Record) { r.Workloads = nil }, want{"", "workload", "unknown-caller"}},
		{"connection-of-nobody", "", workload + "-2", false, nil, want{"missing", "none", ""}},
		{"connection-with-a-delegation", "", workload, true, nil, want{"delegation-unsigned", "workload", ""}},
		{"token-before-the-connection", "sub-2", workload, false, nil, want{"unknown-caller", "none", ""}},
		{"token-on-the-connection-of-another", "sub-1", "spiffe://mesh.test/ns/prod/sa/weather", false, nil, want{"hop-mismatch", "bearer", ""}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.Add("boss", agent.Supervisor)
			f.tokens = issuer{"https://issuer.test", "did:web:issuer.test#key-1"}
			caller := f.Records["caller"]
			caller.Subjects = []agent.Subject{{Issuer: "https://issuer.test", Name: "sub-1"}}
			caller.Workloads = []string{workload}
			f.Records["weather"].Workloads = []string{"spiffe://mesh.test/ns/prod/sa/weather"}
			var header http.Header
			if c.delegated {
				header = chain(t)
			}
			request := unsigned(c.bearer, c.peer, header)
			g := f.governor()
			x := g.Open(t.Context(), request)
			got := want{Reason: x.Verdict.Reason, Assurance: x.Caller.Assurance.String()}
			if !x.Final {
				x = g.Resume(x.Passage(), request)
				g.Close(t.Context(), x, []byte(meshtest.Send("pay")))
				got.Reason = x.Verdict.Reason
			}
			if c.then != nil {
				c.then(caller)
				got.Reviewed = g.Review(t.Context(), x).Reason
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s\n%+v", diff, x.Verdict)
			}
		})
	}
}

// away is a memory of nonces that cannot be asked.
type away struct{}

func (away) Use(context.Context, identity.Proof, time.Time) error { return context.DeadlineExceeded }

func TestUndecidedReplay(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.replay = away{}
	if x := f.decide(t, pay, ""); x.Verdict.Reason != "replay-undecided" || x.Verdict.Kind != Unavailable {
		t.Errorf("a request that may have been used before gets %+v", x.Verdict)
	}
}

// A signature without nonce can be sent again by whoever has seen it.
func TestOutcomeOfWhatCanBeSentAgain(t *testing.T) {
	t.Parallel()
	x := &Exchange{Caller: identity.Caller{Agent: "caller", Assurance: identity.AssuranceAgent}}
	if x.outcome("").Verified {
		t.Error("a request that anybody may have made counts against its signer")
	}
	if x.Once = true; !x.outcome("").Verified {
		t.Error("a request that only its signer can have made does not count")
	}
}

// TestOutcomes holds that a request counts against its sender only when nobody else can have made it.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name         string
		call         meshtest.Call
		bearer, peer string
		verified     bool
	}{
		{"signed-with-a-nonce", meshtest.Call{From: "caller", To: "/agents/ledger", Body: "{}"}, "", "", true},
		{"connection", meshtest.Call{}, "", workload, true},
		{"token", meshtest.Call{}, "sub-1", "", false},
		{"nobody", meshtest.Call{}, "", "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.tokens = issuer{"https://issuer.test", "k"}
			f.Records["caller"].Subjects = []agent.Subject{{Issuer: "https://issuer.test", Name: "sub-1"}}
			f.Records["caller"].Workloads = []string{workload}
			f.Records["ledger"].RequiredTrust = agent.MaxTrust
			var seen []trust.Outcome
			f.observe = func(o trust.Outcome) { seen = append(seen, o) }
			request := unsigned(c.bearer, c.peer, nil)
			if c.call.From != "" {
				request, _ = f.request(t, c.call)
			}
			f.governor().Open(t.Context(), request)
			if len(seen) != 1 || !seen[0].Denied || seen[0].Verified != c.verified {
				t.Errorf("observed %+v, want one denied outcome with verified %v", seen, c.verified)
			}
		})
	}
}
