//go:build unix

package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/nonce"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
)

// The benchmarks decide signed JSON-RPC requests of 1 KiB, of an agent in ring 2 to one whose operations write, with all
// that `ringfence up` decides with: the store, content rules, the decision log, metrics. Only Envoy and the transport are
// missing. No two requests are alike. CPU is that of the whole process: what is done beside the request counts too.

const benchedPath = "/agents/ledger"

// benched is a mesh that serves decisions.
type benched struct {
	governor *governance.Governor
	signer   identity.Signer
	public   ed25519.PublicKey
	made     int
}

func newBenched(b *testing.B, mode string) *benched {
	b.Helper()
	c := config.Default()
	c.DataDir, c.Log.Level, c.Content.Mode, c.Content.Answers = b.TempDir(), "error", mode, mode
	for _, address := range []*string{&c.Listen.Gateway, &c.Listen.API, &c.Listen.GRPC, &c.Listen.Cards} {
		*address = "127.0.0.1:0"
	}
	c.Rings.Ring2.Rate, c.Rings.Ring2.Burst, c.Rings.Ring2.Concurrent = 1_000_000, 1_000_000, 1_000_000
	c.Delegation.Linger = time.Millisecond // calls of which nobody hears the end would fill the memory of what agents serve
	private, err := identity.NewKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	public, _ := private.Public().(ed25519.PublicKey)
	m := &benched{public: public, signer: identity.Signer{
		Key: private, KeyID: agent.NewKey(public).IDs()[0], Now: time.Now, Random: bufio.NewReader(rand.Reader),
	}}
	var agents *registry.Registry
	app := fx.New(
		modules(c, servicesOnly, "", ""), fx.Populate(&m.governor, &agents), fx.Decorate(begunBefore),
		fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }),
	)
	if err := app.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := app.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	})
	ring := int(agent.User.Number())
	for name, g := range map[string]registry.Registration{
		"caller": {DIDs: []string{agent.NewKey(public).DID}, RingCeiling: &ring}, "ledger": {},
	} {
		g.Name = name
		g.Card = fmt.Appendf(nil, `{"name":%q,"description":"Answers.","version":"1","capabilities":{},"defaultInputModes":["text/plain"],
			"defaultOutputModes":["text/plain"],"skills":[{"id":"answer","name":"Answer","description":"Answers.","tags":["bench"]}],
			"supportedInterfaces":[{"url":"https://agents.example/rpc","protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}`, name)
		if _, err := agents.Register(b.Context(), g); err != nil {
			b.Fatal(err)
		}
	}
	return m
}

// begunBefore has the memory of nonces begin a minute ago: what a process looks up on disk in its first seconds is not what a
// request costs.
func begunBefore(s store.Store) (*nonce.Guard, error) {
	ahead, err := s.Bucket(context.Background(), aheadBucket)
	if err != nil {
		return nil, err
	}
	before := time.Now().Add(-time.Minute)
	return nonce.Open(context.Background(), nonce.Config{Local: identity.NewReplay(before, 1<<20), Ahead: ahead}, before)
}

// made is one request, and the fields and body of its answer.
type made struct {
	request      governance.Request
	body, answer []byte
}

// make signs as many requests as the benchmark decides in one go.
func (m *benched) make(b *testing.B, n int) []made {
	b.Helper()
	requests := make([]made, n)
	for i := range requests {
		m.made++
		id := fmt.Sprintf("%012d", m.made)
		head := `{"jsonrpc":"2.0","id":"` + id + `","method":"SendMessage","params":{"message":{"messageId":"` + id + `","role":"ROLE_USER","parts":[{"text":"Request ` + id + `. `
		const tail = `"}]}}}`
		body := []byte(head + strings.Repeat("Please look up the forecast for the coming days and tell me whether the walk along the river can take place. ", 10)[:1024-len(head)-len(tail)] + tail)
		header := http.Header{"Content-Type": {"application/json"}, "A2a-Version": {"1.0"}}
		added, err := m.signer.Headers(http.MethodPost, "http://gateway.test"+benchedPath, header, body)
		if err != nil {
			b.Fatal(err)
		}
		fields := identity.Header{
			{Name: "user-agent", Value: "bench"},
			{Name: "accept", Value: "*/*"},
			{Name: "content-type", Value: "application/json"},
			{Name: "content-length", Value: strconv.Itoa(len(body))},
			{Name: "a2a-version", Value: "1.0"},
			{Name: "x-forwarded-proto", Value: "http"},
			{Name: "x-request-id", Value: "0b5e2b0c-94ea-4b0c-8c15-" + id},
		}
		for name, values := range added {
			fields = append(fields, identity.Field{Name: strings.ToLower(name), Value: values[0]})
		}
		requests[i] = made{
			request: governance.Request{
				Method: http.MethodPost, Scheme: "http", Authority: "gateway.test", Path: benchedPath, Header: fields, Form: governance.PathForm,
			},
			body:   body,
			answer: []byte(`{"jsonrpc":"2.0","id":"` + id + `","result":{"message":{"messageId":"a","role":"ROLE_AGENT","parts":[{"text":"It will be dry, with little wind."}]}}}`),
		}
	}
	return requests
}

// batch is how many requests are signed at once: few enough that none is too old when its turn comes.
const batch = 4096

// each has requests decided, and reports the CPU time and the allocations of one.
func (m *benched) each(b *testing.B, decide func(made) bool) {
	b.Helper()
	b.ReportAllocs()
	var spent time.Duration
	b.ResetTimer()
	for done := 0; done < b.N; done += batch {
		b.StopTimer()
		requests := m.make(b, min(batch, b.N-done))
		runtime.GC() // what making them left is not theirs
		before := cpu(b)
		b.StartTimer()
		for i := range requests {
			if !decide(requests[i]) {
				b.Fatal("denied")
			}
		}
		b.StopTimer()
		spent += cpu(b) - before
		b.StartTimer()
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/1000, "cpu-µs/op")
}

// cpu is what the process has used so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// split decides a request in two phases, as ext_authz and ext_proc bring it.
func (m *benched) split(r made) *governance.Exchange {
	ctx := context.Background()
	opened := m.governor.Open(ctx, r.request)
	passage, err := governance.ParsePassage(opened.Passage().String())
	if err != nil {
		return opened
	}
	x := m.governor.Resume(passage, r.request)
	m.governor.Close(ctx, x, r.body)
	return x
}

// fused decides a request in one go, as ext_authz brings it where the body is in the check.
func (m *benched) fused(r made) bool {
	r.request.Body, r.request.Complete = r.body, true
	x := m.governor.Open(context.Background(), r.request)
	return x.Passage().String() != ""
}

func (m *benched) answered(x *governance.Exchange, answer []byte) bool {
	ctx := context.Background()
	relay := m.governor.Relay(x, governance.Reply{Status: http.StatusOK, Header: identity.Header{
		{Name: "content-type", Value: "application/json"}, {Name: "content-length", Value: strconv.Itoa(len(answer))}, {Name: "date", Value: "Thu, 26 Nov 2026 08:00:00 GMT"},
	}})
	relay.Begin(ctx)
	part := relay.Next(ctx, answer, true)
	relay.End()
	m.governor.Leave(x)
	return part.Passing == governance.Pass
}

func BenchmarkGoverned(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(mostPercent))
	for _, mode := range []string{"enforce", "off"} {
		m := newBenched(b, mode)
		b.Run("content="+mode+"/split", func(b *testing.B) {
			m.each(b, func(r made) bool {
				x := m.split(r)
				m.governor.Leave(x)
				return x.Verdict.Decision == governance.Allow
			})
		})
		b.Run("content="+mode+"/split-answered", func(b *testing.B) {
			m.each(b, func(r made) bool { return m.answered(m.split(r), r.answer) })
		})
		b.Run("content="+mode+"/fused", func(b *testing.B) { m.each(b, m.fused) })
	}
	m := &benched{}
	b.Run("bare-verification", func(b *testing.B) {
		private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
		public, _ := private.Public().(ed25519.PublicKey)
		base := make([]byte, 700)
		signature := ed25519.Sign(private, base)
		m.signer = identity.Signer{Key: private, KeyID: agent.NewKey(public).IDs()[0], Now: time.Now, Random: rand.Reader}
		m.each(b, func(made) bool { return ed25519.Verify(public, base, signature) })
	})
}
