package governance

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/task"
	"ringfence.dev/ringfence/internal/token"
)

// TestFailingStagesDeny has each stage fail to decide in turn (P7): the call is denied, and the record names the stage.
func TestFailingStagesDeny(t *testing.T) {
	t.Parallel()
	x := newTrial(t)
	for i := range x.stages() {
		steps := x.stages()
		steps[i].stage = silent{}
		if v := x.through(steps).Verdict; v.Decision != Deny || v.Factor != steps[i].name || v.Reason != "undecided" {
			t.Errorf("%s fails: %+v", steps[i].name, v)
		}
	}
	if v := x.through(nil).Verdict; v.Decision != Deny || v.Reason != "undecided" {
		t.Errorf("without stages: %+v", v)
	}
}

// TestFailingAnswerStagesWithhold does the same with the stages of answers.
func TestFailingAnswerStagesWithhold(t *testing.T) {
	t.Parallel()
	for _, failing := range pipeline(Config{}) {
		if failing.when&onAnswer == 0 {
			continue
		}
		f := newFixture()
		f.tasks = &notes{owners: map[task.Ref]task.Owner{}}
		x := f.decide(t, meshtest.Call{From: "caller", To: "/agents/weather", Body: meshtest.Send("rain?")}, "")
		g := f.governor()
		for i := range g.steps {
			if g.steps[i].name == failing.name {
				g.steps[i].stage = silent{}
			}
		}
		r := g.Relay(x, Reply{Status: http.StatusOK, Header: identity.Header{{Name: "content-type", Value: "application/json"}}})
		r.Begin(t.Context())
		part := r.Next(t.Context(), []byte(`{"jsonrpc":"2.0","id":"r1","result":{"messageId":"a","role":"ROLE_AGENT","parts":[{"text":"no"}]}}`), true)
		r.End()
		if part.Passing != Refuse || x.Verdict.Factor != failing.name || x.Verdict.Reason != "undecided" {
			t.Errorf("%s fails: passing %d, %+v", failing.name, part.Passing, x.Verdict)
		}
	}
}

// ending is a context that is over once it was asked a number of times.
type ending struct {
	context.Context
	left atomic.Int64
}

func (e *ending) Err() error {
	if e.left.Add(-1) < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func endingAfter(n int) *ending {
	e := &ending{Context: context.Background()}
	e.left.Store(int64(n))
	return e
}

// TestTimeoutsDeny lets the time run out before each stage in turn, in each phase and in a review (P7).
func TestTimeoutsDeny(t *testing.T) {
	t.Parallel()
	x := newTrial(t)
	for _, when := range []phase{onHeaders, onBody, onReview} {
		var names []string
		for _, s := range pipeline(Config{}) {
			if s.when&when != 0 {
				names = append(names, s.name)
			}
		}
		for i, name := range names {
			config := x.config()
			config.Replay, config.Meter = unspent{}, limit.NewMeter(meshtest.Noon)
			g := New(config)
			e := g.Open(context.Background(), x.request)
			v := e.Verdict
			switch when {
			case onHeaders:
				v = g.Open(endingAfter(i), x.request).Verdict
			case onBody:
				e = g.Resume(e.Passage(), x.request)
				g.Close(endingAfter(i), e, x.body)
				v = e.Verdict
			case onReview:
				e = g.Resume(e.Passage(), x.request)
				g.Close(context.Background(), e, x.body)
				v = g.Review(endingAfter(i), e)
			}
			if v.Decision != Deny || v.Factor != name || v.Reason != "undecided" {
				t.Errorf("phase %d is over before %s: %+v", when, name, v)
			}
		}
	}
}

// failing is a memory, of nonces or of tasks, that cannot be asked.
type failing struct{ notes }

func (*failing) Use(context.Context, identity.Proof, time.Time) error { return errBroken }

func (*failing) Owner(context.Context, agent.ID, task.Ref) (task.Owner, error) {
	return task.Owner{}, errBroken
}

// untokened takes every bearer token for one of an issuer that cannot be asked.
type untokened struct{}

func (untokened) IsFor(string) bool { return true }

func (untokened) Verify(string, time.Time) (token.Claims, *identity.Refusal) {
	return token.Claims{}, &identity.Refusal{Reason: identity.UnknownCaller, Detail: "the issuer's keys are not known"}
}

// TestMissingPartsDeny takes away, or breaks, one of the parts that a decision needs (P7).
func TestMissingPartsDeny(t *testing.T) {
	t.Parallel()
	lost := func(lose func(*Mesh)) func(*Config) {
		return func(c *Config) {
			mesh := c.Mesh()
			lose(&mesh)
			c.Mesh = func() Mesh { return mesh }
		}
	}
	for name, c := range map[string]struct {
		lose   func(*Config)
		factor string
	}{
		"mesh":             {lost(func(m *Mesh) { *m = Mesh{} }), "callee"},
		"agents":           {lost(func(m *Mesh) { m.Agents = nil }), "callee"},
		"trust":            {lost(func(m *Mesh) { m.Trust = nil }), "standing"},
		"switches":         {lost(func(m *Mesh) { m.Switches = nil }), "standing"},
		"changes":          {lost(func(m *Mesh) { m.Behind = time.Nanosecond }), "freshness"},
		"nonces":           {func(c *Config) { c.Replay = &failing{} }, "replay"},
		"tasks":            {func(c *Config) { c.Tasks = &failing{} }, "task"},
		"callbacks":        {func(c *Config) { c.Callbacks = nil }, "callback"},
		"broken-callbacks": {func(c *Config) { c.Callbacks = uncallable{} }, "callback"},
		"limits":           {func(c *Config) { c.Policy.RingLimits = limit.Table{} }, "rate"},
		"bodies":           {func(c *Config) { c.Policy.Limits = a2a.Limits{} }, "operation"},
		"policy":           {func(c *Config) { c.Policy = Policy{} }, "rate"},
	} {
		x := newTrial(t)
		config := x.config()
		c.lose(&config)
		if v := x.by(New(config)).Verdict; v.Decision != Deny || v.Factor != c.factor || v.Reason == "" {
			t.Errorf("without %s: %+v", name, v)
		}
	}
}

// TestBrokenTokensDeny holds that a token which cannot be verified is not taken for none (P7).
func TestBrokenTokensDeny(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.tokens = untokened{}
	request, _ := f.request(t, meshtest.Call{To: "/agents/ledger", Body: meshtest.Send("pay"), Header: http.Header{"Authorization": {"Bearer a.b.c"}}})
	if v := f.governor().Open(t.Context(), request).Verdict; v.Decision != Deny || v.Factor != "identity" {
		t.Errorf("%+v", v)
	}
}

// drawn returns an exchange of which only some is known, as no adapter should ever bring one.
func drawn(random *rand.Rand, x *trial) *Exchange {
	whole := x.through(x.stages())
	e := &Exchange{Moment: meshtest.Noon, Time: meshtest.Noon, Verdict: allow()}
	maybe := func() bool { return random.IntN(3) > 0 }
	if maybe() {
		e.Mesh = whole.Mesh
	}
	if maybe() {
		e.Request = x.request
		if e.Request.Body = x.body; !maybe() {
			e.Request.Body = x.body[:random.IntN(len(x.body)+1)]
		}
		e.Request.Complete = maybe()
	}
	if maybe() {
		if e.Callee, e.Entrance, e.Binding = whole.Callee, whole.Entrance, whole.Binding; !maybe() {
			e.Binding = a2a.Binding(random.IntN(5))
		}
	}
	if maybe() {
		e.Caller, e.Proof = whole.Caller, whole.Proof
		if !maybe() {
			e.Caller.Assurance = identity.Assurance(random.IntN(7))
		}
	}
	if maybe() {
		e.CallerRecord = whole.CallerRecord
	}
	if maybe() {
		e.Operation, e.Effect = whole.Operation, agent.Effect(random.IntN(4))
	}
	e.carried = maybe()
	return e
}

// TestPartsOfExchangesNeverPass has each phase of the pipeline judge exchanges of which only some is known (P7): it does not
// panic, and lets nobody's call through that it lacks a part of.
func TestPartsOfExchangesNeverPass(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(41, 42))
	passed := 0
	trials := []*trial{newTrial(t), lasting(t, 300, 300, 0, 300), newTrial(t, "expiry")}
	for range 3000 {
		x := trials[random.IntN(len(trials))]
		e := drawn(random, x)
		config := x.config()
		config.Replay, config.Meter = unspent{}, limit.NewMeter(meshtest.Noon)
		for _, when := range []phase{onHeaders, onBody, onReview, onAnswer, onFields} {
			one := *e
			New(config).run(context.Background(), &one, when)
			whole := one.Callee != nil && one.CallerRecord != nil && one.Mesh.Agents != nil
			if when == onBody && one.Verdict.Decision == Allow {
				if passed++; !whole {
					t.Fatalf("let through: %+v", one)
				}
			}
		}
	}
	if passed == 0 {
		t.Error("nothing is let through: the test says little")
	}
}
