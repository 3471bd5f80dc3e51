package attack

import (
	"net/http"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/killswitch"
)

// TestKillSwitches pulls a switch in one process: the other denies what comes, and cuts off what is under way.
func TestKillSwitches(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kill   killswitch.Switch
		reason string
	}{
		"caller": {killswitch.Switch{Scope: killswitch.Agent, Name: string(amber)}, "caller-inactive"},
		"callee": {killswitch.Switch{Scope: killswitch.Agent, Name: string(cobalt)}, "callee-inactive"},
		"owner":  {killswitch.Switch{Scope: killswitch.Owner, Name: "owner of amber"}, "caller-inactive"},
		"mesh":   {killswitch.Switch{Scope: killswitch.Mesh}, "callee-inactive"},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, nil, func(w *world) {
				first, second := w.replicas[0], w.start()
				w.pass(2 * time.Second)
				streaming := w.streaming(second, ask(amber))
				waiting := w.begin(second, second, w.sign(ask(amber))).allowed()
				held := w.begin(second, second, w.sign(ask(amber))).allowed()
				held.start(http.StatusOK, "application/json")
				held.say(`{"jsonrpc":"2.0",`, false)
				other := w.streaming(second, ask(mallory))
				c.kill.Reason, c.kill.By = "incident in the vault", "Grace"
				_, err := first.switches.Pull(w.Context(), c.kill)
				w.must(err)
				second.send(w.sign(ask(amber))).denied("standing", c.reason)
				first.send(w.sign(ask(amber))).denied("standing", c.reason)
				for _, open := range []*conversation{streaming, waiting, held} {
					open.cut("standing", c.reason)
				}
				if name == "caller" || name == "owner" {
					other.say(other.event("two"), false)
					other.allowed().close()
				} else {
					other.cut("standing", c.reason)
				}
				w.must(first.switches.Lift(w.Context(), c.kill.Scope, c.kill.Name))
				for _, r := range w.replicas {
					r.send(w.sign(ask(amber))).allowed()
				}
			})
		})
	}
}

// TestKilledHolders stops the root of a delegation: what was delegated stops with it.
func TestKilledHolders(t *testing.T) {
	under(t, nil, func(w *world) {
		first, second := w.replicas[0], w.start()
		w.pass(2 * time.Second)
		field := w.chain(grant{from: dolomite, to: amber})
		open := w.streaming(second, acting(ask(amber), field))
		_, err := first.switches.Pull(w.Context(), killswitch.Switch{Scope: killswitch.Agent, Name: string(dolomite)})
		w.must(err)
		open.cut("delegation", "holder-inactive")
		second.send(w.sign(acting(ask(amber), field))).denied("delegation", "holder-inactive")
		second.send(w.sign(ask(amber))).allowed()
	})
}
