package attack

import (
	"net/http"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/registry"
)

// booking is a gate from cobalt to basalt: the one way in which cobalt may write for callers in ring 3.
func booking() gate.Declaration {
	return gate.Declaration{
		ID: "booking", From: cobalt, To: basalt, Operations: []string{"SendMessage"}, Ring: agent.User, Until: time.Now().Add(time.Hour).Truncate(time.Second),
	}
}

// declare has the owner of the calling agent say its word.
func (w *world) declare(d gate.Declaration) gate.Gate {
	w.Helper()
	g, err := w.replicas[0].gates.Declare(w.Context(), d, "owner of the calling agent")
	w.must(err)
	return g
}

// accept has the owner of the called agent say its word.
func (w *world) accept(g gate.Gate) {
	w.Helper()
	_, err := w.replicas[0].gates.Accept(w.Context(), g.ID, g.Digest(), "owner of the called agent")
	w.must(err)
}

func through(c call, id string) call { return c.with("Agent-Gate", id) }

// TestGates has cobalt, which serves somebody in ring 3, invoke a gate that is not open to it.
func TestGates(t *testing.T) {
	t.Parallel()
	other := func(c call) func(w *world) call { return func(*world) call { return c } }
	for _, c := range []struct {
		name           string
		attack         func(w *world) call
		factor, reason string
	}{
		{"never-declared", other(through(pay(cobalt), "elsewhere")), "delegation", "gate-closed"},
		{"not-accepted", func(w *world) call {
			d := booking()
			d.ID = "second"
			w.declare(d)
			return through(pay(cobalt), "second")
		}, "delegation", "gate-closed"},
		{"of-another-agent", other(through(pay(mallory), "booking")), "delegation", "gate-closed"},
		{"to-another-agent", other(through(ask(mallory), "booking")), "delegation", "gate-closed"},
		{"declared-anew", func(w *world) call {
			d := booking()
			d.Operations = []string{"SendMessage", "CancelTask"}
			w.declare(d)
			return through(pay(cobalt), "booking")
		}, "delegation", "gate-closed"},
		{"other-operation", func(w *world) call {
			c := through(pay(cobalt), "booking")
			c.body = `{"jsonrpc":"2.0","id":"r1","method":"CancelTask","params":{"id":"t-1"}}`
			return c
		}, "scope", "out-of-scope"},
		{"not-named", other(pay(cobalt)), "ring", "ring-too-low"},
		{"closed-by-time", func(w *world) call {
			w.pass(time.Hour)
			return through(pay(cobalt), "booking")
		}, "delegation", "gate-closed"},
		{"removed", func(w *world) call {
			w.must(w.replicas[1].gates.Remove(w.Context(), "booking"))
			return through(pay(cobalt), "booking")
		}, "delegation", "gate-closed"},
		{"caller-registered-anew", func(w *world) call {
			w.pass(time.Second)
			w.must(w.replicas[0].agents.Delete(w.Context(), cobalt, 0))
			_, err := w.replicas[0].agents.Register(w.Context(), registration(cobalt))
			w.must(err)
			return through(pay(cobalt), "booking")
		}, "delegation", "gate-closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			under(t, strict, func(w *world) {
				r := w.start()
				w.pass(2 * time.Second)
				w.accept(w.declare(booking()))
				served := w.begin(r, r, w.sign(ask(obsidian))).allowed()
				defer served.close()
				if got := r.send(w.sign(through(pay(cobalt), "booking"))).allowed(); got.x.Chain.Descent.String() != "gated" {
					t.Errorf("the chain is %+v", got.x.Chain)
				}
				r.send(w.sign(c.attack(w))).denied(c.factor, c.reason)
			})
		})
	}
}

// TestGatesNeverAmplifyBeyondTheCaller has a gate that says more than the caller holds by itself.
func TestGatesNeverAmplifyBeyondTheCaller(t *testing.T) {
	under(t, strict, func(w *world) {
		r := w.replicas[0]
		d := booking()
		d.Ring = agent.Supervisor
		if _, err := r.gates.Declare(w.Context(), d, "owner"); err == nil {
			t.Error("a gate is declared in a ring above the ceiling of its caller")
		}
		d.Ring, d.From = agent.User, obsidian
		w.accept(w.declare(d))
		r.send(w.sign(through(pay(obsidian), "booking"))).denied("ring", "ring-too-low")
		d.ID, d.From = "second", amber
		w.accept(w.declare(d))
		r.send(w.sign(through(pay(amber), "second"))).allowed()
	})
}

// TestGatesNamedByOthers has somebody on the way add a gate to a request whose proof binds no header fields.
func TestGatesNamedByOthers(t *testing.T) {
	t.Parallel()
	for name, proof := range map[string]func(w *world) *wire{
		"token": func(w *world) *wire { return w.sign(pay("").with("Authorization", "Bearer "+issued(acme).String())) },
		"connection": func(w *world) *wire {
			s := w.sign(pay(""))
			s.Peer = ambers
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, func(w *world) {
				strict(w)
				believing(w)
			}, func(w *world) {
				r := w.replicas[0]
				w.replace(r, cobalt, func(g *registry.Registration) {
					g.Effect, g.Workloads, g.Subjects = "read", []string{ambers}, []agent.Subject{{Issuer: acme, Name: "svc-1"}}
				})
				w.accept(w.declare(booking()))
				r.send(proof(w)).allowed()
				served := w.begin(r, r, w.sign(ask(obsidian))).allowed()
				defer served.close()
				r.send(proof(w)).denied("ring", "ring-too-low")
				s := proof(w)
				s.set("agent-gate", "booking")
				if c := r.send(s); c.passed {
					t.Errorf("a gate that the caller did not name is open: %+v", c.records())
				}
			})
		})
	}
}

// TestGatesCloseMidStream removes a gate while a call through it is under way.
func TestGatesCloseMidStream(t *testing.T) {
	under(t, strict, func(w *world) {
		r := w.replicas[0]
		other := w.start()
		w.pass(2 * time.Second)
		d := booking()
		d.From, d.To, d.Operations = amber, cobalt, []string{"SendStreamingMessage"}
		w.accept(w.declare(d))
		own := w.streaming(r, ask(amber))
		open := w.streaming(r, through(ask(amber), "booking"))
		w.must(other.gates.Remove(w.Context(), "booking"))
		w.pass(2 * time.Second)
		open.cut("delegation", "gate-closed")
		own.reply(http.StatusOK, "text/event-stream", own.event("two"))
		own.close()
	})
}
