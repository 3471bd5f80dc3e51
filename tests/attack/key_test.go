package attack

import (
	"crypto/ed25519"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/registry"
)

// TestRetiredKeys uses a key after its time, which its successor makes it have.
func TestRetiredKeys(t *testing.T) {
	under(t, nil, func(w *world) {
		first, second := w.replicas[0], w.start()
		w.pass(2 * time.Second)
		next, overlap := meshtest.Private("amber-2"), time.Hour
		_, err := first.agents.AddKey(w.Context(), amber, registry.AddedKey{DID: meshtest.Public(next).DID, Role: agent.AgentKey, Overlap: &overlap})
		w.must(err)
		second.send(w.sign(pay(amber))).allowed()
		w.pass(time.Hour - 2*time.Second)
		held := w.sign(pay(amber)) // made in time, used too late
		first.send(w.sign(pay(amber))).allowed()
		w.pass(3 * time.Second)
		for _, r := range w.replicas {
			r.send(held.copy()).denied("identity", "unknown-caller")
			r.send(w.sign(pay(amber))).denied("identity", "unknown-caller")
			c := pay(amber)
			c.key = next
			r.send(w.sign(c)).allowed()
		}
	})
}

// TestRevokedKeys uses a key after it was revoked in one process: here, in the other, and behind a restart.
func TestRevokedKeys(t *testing.T) {
	under(t, nil, func(w *world) {
		first, second := w.replicas[0], w.start()
		w.pass(2 * time.Second)
		next := meshtest.Private("amber-2")
		_, err := first.agents.AddKey(w.Context(), amber, registry.AddedKey{DID: meshtest.Public(next).DID, Role: agent.AgentKey})
		w.must(err)
		held := w.sign(pay(amber))
		second.send(w.sign(pay(amber))).allowed()
		w.must(first.agents.RevokeKey(w.Context(), amber, publicKey(amber).DID, "stolen"))
		first.send(held.copy()).denied("identity", "unknown-caller")
		second.send(held.copy()).denied("identity", "unknown-caller")
		second.kill()
		third := w.start()
		w.pass(2 * time.Second)
		third.send(w.sign(pay(amber))).denied("identity", "unknown-caller")
		// Nobody can bring it back, under no name and in no role.
		for _, name := range []agent.ID{amber, mallory} {
			for _, role := range []agent.KeyRole{agent.AgentKey, agent.SidecarKey} {
				if _, err := first.agents.AddKey(w.Context(), name, registry.AddedKey{DID: publicKey(amber).DID, Role: role}); err == nil {
					t.Errorf("%s has the revoked key again", name)
				}
			}
		}
		c := pay(amber)
		c.key = next
		third.send(w.sign(c)).allowed()
	})
}

// TestKeysRevokedBetweenPhases revokes the key, and the agent, between the headers of a request and its body.
func TestKeysRevokedBetweenPhases(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		revoke func(w *world) error
		reason string
	}{
		"key": {func(w *world) error {
			return w.replicas[0].agents.RevokeKey(w.Context(), amber, publicKey(amber).DID, "stolen")
		}, "unknown-caller"},
		"agent": {func(w *world) error {
			_, err := w.replicas[0].agents.SetStatus(w.Context(), amber, agent.Revoked, "stolen")
			return err
		}, "caller-inactive"},
		"registration": {func(w *world) error { return w.replicas[0].agents.Delete(w.Context(), amber, 0) }, "caller-inactive"},
		"nothing":      {func(*world) error { return nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, nil, func(w *world) {
				r := w.start()
				w.pass(2 * time.Second)
				s := w.sign(pay(amber))
				x := r.governor.Open(w.Context(), s.Request)
				w.must(c.revoke(w))
				y := &conversation{w: w, r: r}
				y.x = r.governor.Resume(x.Passage(), s.Request)
				r.governor.Close(w.Context(), y.x, s.body)
				y.decided()
				defer y.close()
				if c.reason == "" {
					y.allowed()
					return
				}
				y.denied("standing", c.reason)
			})
		})
	}
}

const webbed = "did:web:agents.example:amber"

// web has amber sign with the key that the host of its did:web lists.
func web(w *world) *replica {
	w.hosts.serves(webbed, map[string]ed25519.PrivateKey{"k1": meshtest.Private("amber-web")})
	r := w.replicas[0]
	w.replace(r, amber, func(g *registry.Registration) { g.DIDs = append(g.DIDs, webbed) })
	w.pass(2 * time.Second)
	return r
}

func byWeb(key string, fragment string) call {
	c := pay(amber)
	c.key, c.keyID = meshtest.Private(agent.ID(key)), webbed+"#"+fragment
	return c
}

// TestHostTakenOver has whoever took over the host of a did:web list another key.
func TestHostTakenOver(t *testing.T) {
	t.Parallel()
	for _, swap := range []did.Swap{did.SwapHold, did.SwapPin, did.SwapAccept} {
		for _, fragment := range []string{"k1", "k2"} {
			t.Run(string(swap)+"-"+fragment, func(t *testing.T) {
				under(t, func(w *world) { w.swap = swap }, func(w *world) {
					r := web(w)
					other := w.start()
					w.pass(2 * time.Second)
					r.send(w.sign(byWeb("amber-web", "k1"))).allowed()
					r.send(w.sign(byWeb("mallory-web", "k1"))).denied("identity", "bad-signature")
					w.hosts.serves(webbed, map[string]ed25519.PrivateKey{fragment: meshtest.Private("mallory-web")})
					w.pass(6 * time.Minute)
					for _, r := range []*replica{r, other} {
						// What the host no longer lists counts no more, whoever has the host.
						reason := "unknown-caller"
						if swap == did.SwapAccept && fragment == "k1" {
							reason = "bad-signature"
						}
						r.send(w.sign(byWeb("amber-web", "k1"))).denied("identity", reason)
						taken := r.send(w.sign(byWeb("mallory-web", fragment)))
						if swap == did.SwapAccept {
							taken.allowed() // as the operator chose: whoever has the host has the DID
						} else {
							taken.denied("identity", "unknown-caller")
						}
						r.send(w.sign(pay(amber))).allowed()
					}
				})
			})
		}
	}
}

// TestKeySmuggledIn has the host list another key beside the old one: that is how owners rotate, unless keys are pinned.
func TestKeySmuggledIn(t *testing.T) {
	under(t, func(w *world) { w.swap = did.SwapPin }, func(w *world) {
		r := web(w)
		w.hosts.serves(webbed, map[string]ed25519.PrivateKey{"k1": meshtest.Private("amber-web"), "k2": meshtest.Private("mallory-web")})
		w.pass(6 * time.Minute)
		r.send(w.sign(byWeb("mallory-web", "k2"))).denied("identity", "unknown-caller")
		r.send(w.sign(byWeb("amber-web", "k1"))).allowed()
	})
}

// TestHostGone holds that keys do not outlive their host for longer than the bound.
func TestHostGone(t *testing.T) {
	under(t, nil, func(w *world) {
		r := web(w)
		w.hosts.serves(webbed, nil)
		w.pass(50 * time.Minute)
		r.send(w.sign(byWeb("amber-web", "k1"))).allowed()
		w.pass(15 * time.Minute)
		r.send(w.sign(byWeb("amber-web", "k1"))).denied("identity", "unknown-caller")
		w.hosts.serves(webbed, map[string]ed25519.PrivateKey{"k1": meshtest.Private("amber-web")})
		w.pass(6 * time.Minute)
		r.send(w.sign(byWeb("amber-web", "k1"))).allowed()
	})
}

// TestWebOfAnother has mallory name a did:web that is not its own, or none.
func TestWebOfAnother(t *testing.T) {
	under(t, nil, func(w *world) {
		r := web(w)
		w.hosts.serves("did:web:agents.example:mallory", map[string]ed25519.PrivateKey{"k1": privateKey(mallory)})
		w.pass(6 * time.Minute)
		c := pay(mallory)
		for _, keyID := range []string{webbed + "#k1", "did:web:agents.example:mallory#k1", webbed} {
			c.keyID = keyID
			reason := "unknown-caller"
			if keyID != "did:web:agents.example:mallory#k1" {
				reason = "bad-signature"
			}
			r.send(w.sign(c)).denied("identity", reason)
		}
		r.send(w.sign(pay(mallory))).allowed()
	})
}

// TestRevokedKeysOfWebs has the host go on listing a key that was revoked as one of the agent's.
func TestRevokedKeysOfWebs(t *testing.T) {
	under(t, nil, func(w *world) {
		r := web(w)
		w.hosts.serves(webbed, map[string]ed25519.PrivateKey{"k1": meshtest.Private("amber-web"), "k2": privateKey(amber)})
		w.pass(6 * time.Minute)
		c := pay(amber)
		c.keyID = webbed + "#k2"
		r.send(w.sign(c)).allowed()
		w.must(r.agents.RevokeKey(w.Context(), amber, publicKey(amber).DID, "stolen"))
		r.send(w.sign(c)).denied("identity", "unknown-caller")
		r.send(w.sign(byWeb("amber-web", "k1"))).allowed()
	})
}
