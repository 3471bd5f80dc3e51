package attack

import (
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// TestSevereEvents has mallory forge a link that nobody makes by mistake: it is out of the mesh, everywhere, until a person
// looks at it, whatever else happens.
func TestSevereEvents(t *testing.T) {
	under(t, func(w *world) { w.still = true }, func(w *world) {
		first, second := w.replicas[0], w.start()
		w.pass(2 * time.Second)
		parent := root(w)
		first.send(w.sign(acting(ask(mallory), w.below(parent, mallory, mallory).after(parent)))).denied("delegation", "delegation-spliced")
		first.settled()
		out := func(when string) {
			t.Helper()
			for _, r := range []*replica{first, second} {
				if r.dead {
					continue
				}
				if s := r.standing(mallory); !s.Latched || s.Ring != agent.Untrusted {
					t.Errorf("%s: mallory has %+v", when, s)
				}
				r.send(w.sign(ask(mallory))).denied("standing", "caller-inactive")
				r.send(w.sign(call{from: amber, to: mallory, body: ask(amber).body})).denied("standing", "callee-inactive")
			}
		}
		out("at once")
		w.pass(48 * time.Hour)
		out("two days later")
		_, err := first.agents.SetStatus(w.Context(), mallory, agent.Quarantined, "looking")
		w.must(err)
		_, err = first.agents.SetStatus(w.Context(), mallory, agent.Active, "done")
		w.must(err)
		out("set active")
		w.replace(first, mallory, func(g *registry.Registration) { g.RingCeiling, g.Owner = number(0), "another owner" })
		first.settled()
		out("registered anew, in ring 0")
		w.must(first.agents.Delete(w.Context(), mallory, 0))
		w.enrol(first, mallory, func(*registry.Registration) {})
		first.settled()
		out("deleted and registered")
		second.kill()
		second = w.start()
		w.pass(2 * time.Second)
		out("restarted")
		first.send(w.sign(ask(amber))).allowed()
		w.must(second.trust.Clear(w.Context(), mallory, "Ada", "a test"))
		for _, r := range []*replica{first, second} {
			r.send(w.sign(ask(mallory))).allowed()
		}
	})
}

// TestSevereEventsWithoutTheStore has mallory forge a link while what is seen of agents cannot be stored: the process that
// saw it must not let mallory in meanwhile.
func TestSevereEventsWithoutTheStore(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*line){
		"unreachable": func(l *line) { l.cut(trustBucket) },
		"disk-full":   func(l *line) { l.fill(trustBucket) },
		"working":     func(*line) {},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, nil, func(w *world) {
				r := w.replicas[0]
				r.settled()
				r.send(w.sign(ask(mallory))).allowed()
				breaks(r.line)
				parent := root(w)
				r.send(w.sign(acting(ask(mallory), w.below(parent, mallory, mallory).after(parent)))).denied("delegation", "delegation-spliced")
				w.pass(2 * time.Second)
				r.send(w.sign(ask(mallory))).denied("standing", "caller-inactive")
				r.send(w.sign(ask(amber))).allowed()
				r.line.mend(trustBucket)
				w.pass(time.Minute)
				r.send(w.sign(ask(mallory))).denied("standing", "caller-inactive")
			})
		})
	}
}
