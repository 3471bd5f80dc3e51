package governance

import (
	"context"
	"net/http"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/meshtest"
)

// reply has the callee answer with a body of JSON, which breaks off before it is whole unless end is set.
func reply(g *Governor, x *Exchange, status int, body string, end bool) {
	r := g.Relay(x, Reply{Status: status, Header: identity.Header{{Name: "content-type", Value: "application/json"}}})
	r.Begin(context.Background())
	r.Next(context.Background(), []byte(body), end)
	r.End()
}

// TestServing follows one call through the governor: while it is under way, what its callee does is linked to it, and so it
// is afterwards, unless the answer told that nothing goes on.
func TestServing(t *testing.T) {
	t.Parallel()
	const message = `{"jsonrpc":"2.0","id":1,"result":{"message":{"messageId":"a","role":"ROLE_AGENT","parts":[{"text":"done"}]}}}`
	working := func(state string) string {
		return `{"jsonrpc":"2.0","id":1,"result":{"task":{"id":"t","contextId":"c","status":{"state":"TASK_STATE_` + state + `"}}}}`
	}
	for _, c := range []struct {
		name   string
		answer func(*Governor, *Exchange)
		want   Descent
	}{
		{"under-way", nil, Linked},
		{"answered", func(g *Governor, x *Exchange) { reply(g, x, http.StatusOK, message, true) }, Own},
		{"refused", func(g *Governor, x *Exchange) {
			reply(g, x, http.StatusOK, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}`, true)
		}, Own},
		{"task-ended", func(g *Governor, x *Exchange) { reply(g, x, http.StatusOK, working("COMPLETED"), true) }, Own},
		{"task-goes-on", func(g *Governor, x *Exchange) { reply(g, x, http.StatusOK, working("WORKING"), true) }, Linked},
		{"given-up-by-a-proxy-of-the-agent", func(g *Governor, x *Exchange) { reply(g, x, http.StatusGatewayTimeout, message, true) }, Linked},
		{"caller-went-away", func(*Governor, *Exchange) {}, Linked},
		{"cut", func(g *Governor, x *Exchange) { g.Cut(x, deny(TooLong, GatewaySide, "time-exceeded", "too long")) }, Linked},
		{"broke-off-in-the-answer", func(g *Governor, x *Exchange) { reply(g, x, http.StatusOK, message[:20], false) }, Linked},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, shared := range []bool{false, true} {
				f := newFixture()
				f.Add("stranger", agent.Untrusted)
				f.Records["caller"].Effect = agent.EffectRead
				f.lineage, f.replay, f.tasks = lineage.NewLedger(time.Minute), unspent{}, knowing()
				if shared {
					f.lineage, _ = paired(t)
				}
				g := f.governor()
				request, body := f.request(t, meshtest.Call{From: "stranger", To: "/agents/caller", Body: meshtest.Send("help"), Header: http.Header{"Traceparent": {trace}}})
				x := g.Resume(g.Open(t.Context(), request).Passage(), request)
				if g.Close(t.Context(), x, body); x.Verdict.Decision != Allow {
					t.Fatalf("shared %v: the call is denied: %+v", shared, x.Verdict)
				}
				if c.answer != nil {
					c.answer(g, x)
					g.Leave(x)
				}
				request, _ = f.request(t, meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay"), Header: http.Header{"Traceparent": {trace}}})
				y := g.Open(t.Context(), request)
				if linked := c.want == Linked; y.Chain.Descent != c.want || linked && (len(y.Chain.Holders) != 2 || y.Authority.Ring != agent.Untrusted) {
					t.Errorf("shared %v: the onward call has %+v and ring %s", shared, y.Chain, y.Authority.Ring)
				}
			}
		})
	}
}

// TestServingWithoutAnswers decides a request at once, body and all, as for proxies that show no answers.
func TestServingWithoutAnswers(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		f := newFixture()
		f.Add("stranger", agent.Untrusted)
		f.Records["caller"].Effect = agent.EffectRead
		f.lineage = lineage.NewLedger(time.Minute)
		if shared {
			f.lineage, _ = paired(t)
		}
		g := f.governor()
		traced := http.Header{"Traceparent": {trace}}
		request, body := f.request(t, meshtest.Call{From: "stranger", To: "/agents/caller", Body: meshtest.Send("help"), Header: traced})
		request.Body, request.Complete = body, true
		if x := g.Open(t.Context(), request); x.Verdict.Decision != Allow || !x.Final || x.serving != nil {
			t.Fatalf("shared %v: the call is denied, or its end awaited: %+v", shared, x.Verdict)
		}
		request, _ = f.request(t, meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay"), Header: traced})
		if y := g.Open(t.Context(), request); y.Chain.Descent != Linked || y.Authority.Ring != agent.Untrusted {
			t.Errorf("shared %v: the onward call has %+v and ring %s", shared, y.Chain, y.Authority.Ring)
		}
	}
}

// TestDeniedWhenItBeginsIsNotServed denies a whole request by what is heard when it begins to be served: its callee has never
// seen it, and goes on with nothing.
func TestDeniedWhenItBeginsIsNotServed(t *testing.T) {
	t.Parallel()
	f := newFixture()
	bucket, memory, err := volatile()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() })
	if f.lineage, err = sharing(&deaf{Bucket: bucket, wrote: make(chan struct{})}, "this"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.lineage.Close(context.Background()) })
	serveStranger(t, f, bucket)
	request, body := f.request(t, meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")})
	request.Body, request.Complete = body, true
	if x := f.governor().Open(t.Context(), request); x.Verdict.Decision != Deny || x.Chain.Descent != LowWater {
		t.Fatalf("%+v, %+v", x.Verdict, x.Chain)
	}
	if all := f.lineage.All("ledger", meshtest.Noon, nil); len(all) != 0 {
		t.Errorf("%d calls are served", len(all))
	}
}
