package attack

import (
	"net/http"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/registry"
)

// acting returns a call on behalf of others.
func acting(c call, field string) call { return c.with("Agent-Delegation", field) }

// root is a link from dolomite to amber that may be passed on twice.
func root(w *world) string {
	return w.chain(grant{from: dolomite, to: amber, capabilities: []agent.Capability{"read:*"}, depth: 2, lifetime: 10 * time.Minute})
}

// TestForgedDelegations presents chains that no holder could have made by the rules.
func TestForgedDelegations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		from   agent.ID // who presents it
		field  func(w *world) string
		factor string
		reason string
	}{
		{"spliced-by-an-outsider", mallory, func(w *world) string {
			parent := root(w)
			return w.below(parent, mallory, mallory).after(parent)
		}, "delegation", "delegation-spliced"},
		{"spliced-with-the-holders-name", mallory, func(w *world) string {
			parent := root(w)
			f := w.below(parent, amber, mallory)
			f.key = privateKey(mallory)
			return f.after(parent)
		}, "delegation", "delegation-bad-signature"},
		{"widened-capabilities", mallory, func(w *world) string {
			parent := root(w)
			return w.below(parent, amber, mallory).claim("authorization_details", granting("*:*")).after(parent)
		}, "delegation", "delegation-widened"},
		{"widened-verb", mallory, func(w *world) string {
			parent := root(w)
			return w.below(parent, amber, mallory).claim("authorization_details", granting("read:*", "write:basalt")).after(parent)
		}, "delegation", "delegation-widened"},
		{"widened-depth", mallory, func(w *world) string {
			parent := root(w)
			return w.below(parent, amber, mallory).claim("del_max_depth", 3).after(parent)
		}, "delegation", "delegation-widened"},
		{"widened-time", mallory, func(w *world) string {
			parent := root(w)
			return w.below(parent, amber, mallory).claim("exp", time.Now().Unix()+601).after(parent)
		}, "delegation", "delegation-widened"},
		{"widened-audience", mallory, func(w *world) string {
			parent := w.chain(grant{from: dolomite, to: amber, capabilities: []agent.Capability{"read:*"}, depth: 1, lifetime: 10 * time.Minute, audience: []agent.ID{basalt}})
			return w.below(parent, amber, mallory).claim("aud", "cobalt").after(parent)
		}, "delegation", "delegation-wrong-audience"},
		{"deeper-than-allowed", mallory, func(w *world) string {
			parent := w.chain(grant{from: dolomite, to: amber, capabilities: []agent.Capability{"read:*"}, lifetime: 10 * time.Minute})
			return w.below(parent, amber, mallory).claim("del_max_depth", 0).after(parent)
		}, "delegation", "delegation-too-deep"},
		{"root-dropped", mallory, func(w *world) string {
			parent := root(w)
			return cutChain(w.below(parent, amber, mallory).after(parent), 1)
		}, "delegation", "delegation-broken-hash"},
		{"middle-dropped", mallory, func(w *world) string {
			field := w.chain(grant{from: dolomite, to: amber, depth: 2}, grant{from: amber, to: cobalt, depth: 1}, grant{from: cobalt, to: mallory})
			return cutChain(field, 0, 2)
		}, "delegation", "delegation-broken-hash"},
		{"reordered", amber, func(w *world) string {
			return cutChain(w.chain(grant{from: dolomite, to: amber, depth: 1}, grant{from: amber, to: mallory}), 1, 0)
		}, "delegation", "delegation-broken-hash"},
		{"put-below-another-root", mallory, func(w *world) string {
			first := w.chain(grant{from: dolomite, to: amber, depth: 1}, grant{from: amber, to: mallory})
			wider := w.chain(grant{from: dolomite, to: amber, capabilities: []agent.Capability{"*:*"}, depth: 1})
			return wider + "~" + cutChain(first, 1)
		}, "delegation", "delegation-broken-hash"},
		{"last-link-dropped", mallory, func(w *world) string {
			return cutChain(w.chain(grant{from: dolomite, to: amber, depth: 1}, grant{from: amber, to: mallory}), 0)
		}, "delegation", "delegation-wrong-holder"},
		{"given-to-another", mallory, root, "delegation", "delegation-wrong-holder"},
		{"for-another-audience", amber, func(w *world) string {
			return w.chain(grant{from: dolomite, to: amber, audience: []agent.ID{basalt}})
		}, "delegation", "delegation-wrong-audience"},
		{"self-made-root-in-anothers-name", mallory, func(w *world) string {
			f := w.below("", dolomite, mallory)
			f.key = privateKey(mallory)
			return f.after("")
		}, "delegation", "delegation-bad-signature"},
		{"root-by-a-stranger", mallory, func(w *world) string {
			return w.below("", "stranger", mallory).after("")
		}, "delegation", "delegation-unknown-issuer"},
		{"root-deeper-than-its-ring", mallory, func(w *world) string {
			return w.chain(grant{from: obsidian, to: mallory})
		}, "delegation", "delegation-too-deep"},
		{"chain-deeper-than-its-rings", mallory, func(w *world) string {
			return w.chain(grant{from: amber, to: basalt, depth: 3}, grant{from: basalt, to: cobalt, depth: 2}, grant{from: cobalt, to: mallory, depth: 1})
		}, "delegation", "delegation-too-deep"},
		{"alg-none", mallory, func(w *world) string { return w.below("", dolomite, mallory).head("alg", "none").after("") }, "delegation", "delegation-malformed"},
		{"alg-hs256", mallory, func(w *world) string { return w.below("", dolomite, mallory).head("alg", "HS256").after("") }, "delegation", "delegation-malformed"},
		{"token-of-another-kind", mallory, func(w *world) string { return w.below("", dolomite, mallory).head("typ", "JWT").after("") }, "delegation", "delegation-malformed"},
		{"condition-that-nobody-reads", mallory, func(w *world) string { return w.below("", dolomite, mallory).claim("nbf", 1).after("") }, "delegation", "delegation-malformed"},
		{"over-long-life", mallory, func(w *world) string {
			return w.below("", dolomite, mallory).claim("exp", time.Now().Unix()+25*3600).after("")
		}, "delegation", "delegation-malformed"},
		{"expired", mallory, func(w *world) string {
			field := w.chain(grant{from: dolomite, to: mallory, lifetime: 5 * time.Second})
			w.pass(5 * time.Second)
			return field
		}, "delegation", "delegation-expired"},
		{"from-the-future", mallory, func(w *world) string {
			return w.below("", dolomite, mallory).claim("iat", time.Now().Unix()+60).after("")
		}, "delegation", "delegation-not-yet-valid"},
		{"out-of-what-was-granted", mallory, func(w *world) string {
			return w.chain(grant{from: dolomite, to: mallory, capabilities: []agent.Capability{"read:basalt"}})
		}, "scope", "out-of-scope"},
		{"nothing-granted", mallory, func(w *world) string {
			return w.below("", dolomite, mallory).claim("authorization_details", granting()).after("")
		}, "scope", "out-of-scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			under(t, nil, func(w *world) {
				r := w.replicas[0]
				// The control comes first: who forges links is quarantined. It is the same chain by the rules.
				honest := w.chain(grant{from: dolomite, to: amber, capabilities: []agent.Capability{"read:*"}, depth: 1}, grant{from: amber, to: mallory, capabilities: []agent.Capability{"read:*"}})
				if got := r.send(w.sign(acting(ask(mallory), honest))).allowed(); len(got.x.Chain.Holders) != 3 {
					t.Errorf("the chain is %+v", got.x.Chain)
				}
				r.send(w.sign(acting(ask(c.from), c.field(w)))).denied(c.factor, c.reason)
			})
		})
	}
}

// TestHandmadeLink shows that links made by hand are good where nothing is wrong with them.
func TestHandmadeLink(t *testing.T) {
	under(t, nil, func(w *world) {
		parent := root(w)
		field := w.below(parent, amber, mallory).claim("del_max_depth", 2).after(parent)
		w.replicas[0].send(w.sign(acting(ask(mallory), field))).allowed()
	})
}

// TestDelegationsWithoutProof presents a good chain without the signature of whom it was given to.
func TestDelegationsWithoutProof(t *testing.T) {
	under(t, believing, func(w *world) {
		r := speaking(w)
		w.replace(r, mallory, func(g *registry.Registration) { g.Workloads = []string{mallorys} })
		field := root(w)
		s := w.bring(issued(acme))
		s.set("agent-delegation", field)
		r.send(s).denied("delegation", "delegation-unsigned")
		s = w.sign(acting(ask(""), field))
		s.Peer = mallorys
		r.send(s).denied("delegation", "delegation-unsigned")
		s = w.sign(acting(ask(amber), field))
		s.strip("agent-delegation")
		r.send(s).denied("identity", "malformed")
		s = w.sign(acting(ask(amber), field))
		s.set("agent-delegation", root(w))
		r.send(s).denied("identity", "bad-signature")
		r.send(w.sign(acting(ask(amber), field))).allowed()
	})
}

// TestRevokedHolders revokes each holder of a chain that was verified, and remembered, before.
func TestRevokedHolders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		revoke func(w *world) error
		reason string
	}{
		"root-revoked": {func(w *world) error {
			_, err := w.replicas[0].agents.SetStatus(w.Context(), dolomite, agent.Revoked, "gone")
			return err
		}, "holder-inactive"},
		"root-quarantined": {func(w *world) error {
			_, err := w.replicas[0].agents.SetStatus(w.Context(), dolomite, agent.Quarantined, "odd")
			return err
		}, "holder-inactive"},
		"root-deleted": {func(w *world) error { return w.replicas[0].agents.Delete(w.Context(), dolomite, 0) }, "delegation-unknown-issuer"},
		"key-of-the-root-revoked": {func(w *world) error {
			return w.replicas[0].agents.RevokeKey(w.Context(), dolomite, publicKey(dolomite).DID, "lost")
		}, "delegation-unknown-issuer"},
		"middle-revoked": {func(w *world) error {
			_, err := w.replicas[0].agents.SetStatus(w.Context(), amber, agent.Revoked, "gone")
			return err
		}, "holder-inactive"},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, nil, func(w *world) {
				w.start()
				w.pass(2 * time.Second)
				field := w.chain(grant{from: dolomite, to: amber, depth: 1}, grant{from: amber, to: mallory})
				for _, r := range w.replicas {
					r.send(w.sign(acting(ask(mallory), field))).allowed()
				}
				w.must(c.revoke(w))
				for _, r := range w.replicas {
					r.send(w.sign(acting(ask(mallory), field))).denied("delegation", c.reason)
				}
			})
		})
	}
}

// streaming begins a call whose answer streams, with a first event through.
func (w *world) streaming(r *replica, c call) *conversation {
	w.Helper()
	c.body = meshtest.Invoke("SendStreamingMessage", "rain?")
	open := w.begin(r, r, w.sign(c)).allowed()
	open.start(http.StatusOK, "text/event-stream")
	open.say(open.event("one"), false)
	if open.got() == "" {
		w.Fatal("the answer does not begin")
	}
	return open
}

// TestDelegationsEndMidStream has a delegation end, and be taken back, while an answer streams.
func TestDelegationsEndMidStream(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end    func(w *world)
		reason string
	}{
		"expires": {func(w *world) { w.pass(time.Minute) }, "delegation-expired"},
		"root-revoked": {func(w *world) {
			_, err := w.replicas[1].agents.SetStatus(w.Context(), dolomite, agent.Revoked, "gone")
			w.must(err)
		}, "holder-inactive"},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, nil, func(w *world) {
				r := w.replicas[0]
				w.start()
				w.pass(2 * time.Second)
				own := w.streaming(r, ask(amber))
				open := w.streaming(r, acting(ask(amber), w.chain(grant{from: dolomite, to: amber, lifetime: 30 * time.Second})))
				c.end(w)
				open.cut("delegation", c.reason)
				own.say(own.event("two"), false)
				own.allowed().close()
			})
		})
	}
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// strict has a call without delegation judged with the rights of all that its caller serves.
func strict(w *world) { w.missing = governance.StrictMissing }

// TestLaundering has cobalt call on for somebody in ring 3, without a word about that.
func TestLaundering(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		header [2]string // of the onward call
	}{
		{"without-a-trace", [2]string{}},
		{"with-the-trace", [2]string{"Traceparent", traceparent}},
		{"with-another-trace", [2]string{"Traceparent", "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}},
		{"with-a-broken-trace", [2]string{"Traceparent", "00-xx"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			under(t, strict, func(w *world) {
				r := w.replicas[0]
				r.send(w.sign(pay(cobalt))).allowed()
				served := w.begin(r, r, w.sign(ask(obsidian).with("Traceparent", traceparent))).allowed()
				onward := pay(cobalt)
				if c.header[0] != "" {
					onward = onward.with(c.header[0], c.header[1])
				}
				r.send(w.sign(onward)).denied("ring", "ring-too-low")
				served.reply(http.StatusOK, "application/json", `{"jsonrpc":"2.0","id":"r1","result":{}}`)
				served.close()
				r.send(w.sign(onward)).allowed()
			})
		})
	}
}

// TestLaunderingBehindATask goes on for the caller after it was answered, while the task it started runs.
func TestLaunderingBehindATask(t *testing.T) {
	under(t, strict, func(w *world) {
		r := w.replicas[0]
		task := func(state string) string {
			return `{"jsonrpc":"2.0","id":"r1","result":{"task":{"id":"t-1","contextId":"c","status":{"state":"` + state + `"}}}}`
		}
		served := w.begin(r, r, w.sign(ask(obsidian))).allowed()
		served.reply(http.StatusOK, "application/json", task("TASK_STATE_WORKING"))
		served.close()
		w.pass(time.Minute)
		r.send(w.sign(pay(cobalt))).denied("ring", "ring-too-low")
		look := ask(obsidian)
		look.body = `{"jsonrpc":"2.0","id":"r1","method":"GetTask","params":{"id":"t-1"}}`
		seen := w.begin(r, r, w.sign(look)).allowed()
		seen.reply(http.StatusOK, "application/json", `{"jsonrpc":"2.0","id":"r1","result":{"id":"t-1","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"}}}`)
		seen.close()
		r.send(w.sign(pay(cobalt))).allowed()
	})
}

// TestLaunderingThroughAnotherProcess has the onward call take another process than the one that knows what cobalt serves.
func TestLaunderingThroughAnotherProcess(t *testing.T) {
	under(t, strict, func(w *world) {
		first, second := w.replicas[0], w.start()
		w.pass(2 * time.Second)
		served := w.begin(first, first, w.sign(ask(obsidian))).allowed()
		second.send(w.sign(pay(cobalt))).denied("ring", "ring-too-low")
		served.reply(http.StatusOK, "application/json", said("done"))
		served.close()
		w.pass(time.Second)
		second.send(w.sign(pay(cobalt))).allowed()
	})
}

// TestLaunderingBehindABrokenCall has somebody in ring 3 go away before cobalt has answered, which goes on all the same: in
// no process has it more than they until the time is over for which that counts.
func TestLaunderingBehindABrokenCall(t *testing.T) {
	under(t, strict, func(w *world) {
		first, second := w.replicas[0], w.start()
		w.pass(2 * time.Second)
		first.send(w.sign(pay(cobalt))).allowed()
		w.begin(first, first, w.sign(ask(obsidian))).allowed().close()
		w.pass(lingering - time.Second)
		for _, r := range []*replica{first, second} {
			r.send(w.sign(pay(cobalt))).denied("ring", "ring-too-low")
		}
		w.pass(15 * time.Second)
		for _, r := range []*replica{first, second} {
			r.send(w.sign(pay(cobalt))).allowed()
		}
	})
}
