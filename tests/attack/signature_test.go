package attack

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/meshtest"
)

// tampering is what an attacker does to a request that amber signed, or makes in its name.
type tampering struct {
	name           string
	honest         call // pay when it has no receiver
	attack         func(w *world, s *wire)
	factor, reason string
}

// run sends the changed request, and then one that nobody changed.
func (a tampering) run(t *testing.T) {
	t.Run(a.name, func(t *testing.T) {
		under(t, nil, func(w *world) {
			if a.honest.to == "" {
				a.honest = pay(amber)
			}
			r := w.replicas[0]
			s := w.sign(a.honest)
			a.attack(w, s)
			r.send(s).denied(a.factor, a.reason)
			r.send(w.sign(a.honest)).allowed()
		})
	})
}

func field(name, value string) func(*world, *wire) {
	return func(_ *world, s *wire) { s.set(name, value) }
}

func strip(names ...string) func(*world, *wire) { return func(_ *world, s *wire) { s.strip(names...) } }

func edit(name, old, with string) func(*world, *wire) {
	return func(_ *world, s *wire) { s.edit(name, old, with) }
}

var nonces = regexp.MustCompile(`nonce="[^"]*"`)

func TestForgedSignatures(t *testing.T) {
	t.Parallel()
	otherWire := func(w *world, s *wire) { s.set("signature", w.sign(pay(amber)).get("signature")) }
	for _, a := range []tampering{
		{"one-bit", call{}, func(_ *world, s *wire) {
			text := []byte(s.get("signature"))
			text[len("agent=:")] ^= 1
			s.set("signature", string(text))
		}, "identity", "bad-signature"},
		{"of-another-request", call{}, otherWire, "identity", "bad-signature"},
		{"zeroes", call{}, field("signature", "agent=:"+strings.Repeat("A", 86)+"==:"), "identity", "bad-signature"},
		{"short", call{}, field("signature", "agent=:AAAA:"), "identity", "bad-signature"},
		{"moved-to-another-agent", call{}, func(_ *world, s *wire) { s.Path = "/agents/cobalt" }, "identity", "bad-signature"},
		{"moved-to-another-host", call{}, func(_ *world, s *wire) { s.Authority = "elsewhere.test:10000" }, "identity", "bad-signature"},
		{"other-verb", call{}, func(_ *world, s *wire) {
			s.Method, s.Path = "PUT", "/agents/basalt/message:send"
		}, "identity", "bad-signature"},
		{"query-added", call{}, func(_ *world, s *wire) { s.Path += "?tenant=x" }, "identity", "uncovered"},
		{"longer-life", call{}, func(_ *world, s *wire) {
			now := time.Now().Unix()
			s.edit("signature-input", fmt.Sprint("expires=", now+60), fmt.Sprint("expires=", now+59))
		}, "identity", "bad-signature"},
		{"another-nonce", call{}, func(w *world, s *wire) {
			s.set("signature-input", nonces.ReplaceAllString(s.get("signature-input"), `nonce="`+w.nonce()+`"`))
		}, "identity", "bad-signature"},
		{"signed-by-nobody-known", call{}, func(_ *world, s *wire) {
			stranger := meshtest.Private("stranger")
			s.by(signature{key: stranger, components: whole, params: fmt.Sprintf(`;created=%d;expires=%d;nonce="%s";keyid="%s";tag="a2a-agent"`,
				time.Now().Unix(), time.Now().Unix()+60, "c3RyYW5nZXItc3RyYW5nZXI", meshtest.Public(stranger).IDs()[0])})
		}, "identity", "unknown-caller"},
	} {
		a.run(t)
	}
}

func TestStrippedSignatures(t *testing.T) {
	t.Parallel()
	for _, a := range []tampering{
		{"both-fields", call{}, strip("signature", "signature-input"), "identity", "missing"},
		{"signature", call{}, strip("signature"), "identity", "malformed"},
		{"signature-input", call{}, strip("signature-input"), "identity", "malformed"},
		{"digest", call{}, strip("content-digest"), "identity", "malformed"},
		{"covered-content-type", call{}, strip("content-type"), "identity", "malformed"},
		{"tag", call{}, edit("signature-input", `;tag="a2a-agent"`, ""), "identity", "malformed"},
		{"keyid", call{}, func(_ *world, s *wire) {
			s.edit("signature-input", fmt.Sprintf(`;keyid="%s"`, publicKey(amber).IDs()[0]), "")
		}, "identity", "malformed"},
		{"created", call{}, func(_ *world, s *wire) {
			s.edit("signature-input", fmt.Sprint(";created=", time.Now().Unix()), "")
		}, "identity", "malformed"},
		{"expires", call{}, func(_ *world, s *wire) {
			s.edit("signature-input", fmt.Sprint(";expires=", time.Now().Unix()+60), "")
		}, "identity", "malformed"},
		{"nonce", call{}, func(_ *world, s *wire) {
			s.set("signature-input", nonces.ReplaceAllString(s.get("signature-input"), ""))
			s.edit("signature-input", ";;", ";")
		}, "identity", "malformed"},
	} {
		a.run(t)
	}
}

// TestConfusedAlgorithms has signatures name algorithms of which the verifier could be made to take one.
func TestConfusedAlgorithms(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"none", "hmac-sha256", "rsa-v1_5-sha256", "rsa-pss-sha512", "ecdsa-p256-sha256", "Ed25519", ""} {
		tampering{"alg-" + name, call{}, func(w *world, s *wire) {
			sig := w.plain(amber, whole...)
			sig.params = strings.Replace(sig.params, `alg="ed25519"`, fmt.Sprintf(`alg=%q`, name), 1)
			s.by(sig)
		}, "identity", "unsupported"}.run(t)
	}
	tampering{"alg-as-token", call{}, func(w *world, s *wire) {
		sig := w.plain(amber, whole...)
		sig.params = strings.Replace(sig.params, `alg="ed25519"`, `alg=ed25519`, 1)
		s.by(sig)
	}, "identity", "malformed"}.run(t)
}

// TestHandmadeSignature shows that signatures made by hand are good where nothing is wrong with them.
func TestHandmadeSignature(t *testing.T) {
	under(t, nil, func(w *world) {
		s := w.sign(pay(amber))
		w.replicas[0].send(s.by(w.plain(amber, whole...))).allowed()
	})
}

func TestSubstitutedKeys(t *testing.T) {
	t.Parallel()
	as := func(keyID string) func(*world, *wire) {
		return func(w *world, s *wire) {
			sig := w.plain(mallory, whole...)
			sig.params = strings.Replace(sig.params, publicKey(mallory).IDs()[0], keyID, 1)
			s.by(sig)
		}
	}
	for _, a := range []tampering{
		{"own-key-under-another-did-key", call{}, as(publicKey(amber).IDs()[0]), "identity", "bad-signature"},
		{"own-key-under-another-did-mesh", call{}, as(publicKey(amber).Mesh), "identity", "bad-signature"},
		{"own-fragment-under-another-did", call{}, as(publicKey(amber).Mesh + "#" + publicKey(mallory).Fragment()), "identity", "unknown-caller"},
		{"another-fragment-under-own-did", call{}, as(publicKey(mallory).Mesh + "#" + publicKey(amber).Fragment()), "identity", "unknown-caller"},
		{"did-web-of-nobody", call{}, as("did:web:agents.example:amber#k1"), "identity", "unknown-caller"},
		{"bare-name", call{}, as("amber"), "identity", "unknown-caller"},
	} {
		a.run(t)
	}
}

// TestClaimedKeys has mallory registered with amber's key: the operator is told, and nobody becomes amber.
func TestClaimedKeys(t *testing.T) {
	under(t, nil, func(w *world) {
		r := w.replicas[0]
		for _, dids := range [][]string{{publicKey(amber).DID}, {publicKey(mallory).DID, publicKey(amber).DID}} {
			g := registration(mallory)
			g.DIDs = dids
			if _, err := r.agents.Replace(w.Context(), mallory, g, 0); err == nil {
				t.Errorf("mallory gets the key of amber: %v", dids)
			}
		}
		g := registration(mallory)
		g.Sidecars = []string{publicKey(amber).DID}
		if _, err := r.agents.Replace(w.Context(), mallory, g, 0); err == nil {
			t.Error("mallory gets the key of amber for its sidecar")
		}
		if c := r.send(w.sign(pay(amber))).allowed(); c.x.Caller.Agent != amber {
			t.Errorf("the caller is %+v", c.x.Caller)
		}
	})
}

// TestDisputedKeys has two agents claim a key behind the registry's back: it is nobody's until one of them is left.
func TestDisputedKeys(t *testing.T) {
	under(t, nil, func(w *world) {
		r := w.replicas[0]
		theirs := w.raw(agentsBucket, string(mallory))
		w.put(agentsBucket, string(mallory), strings.ReplaceAll(theirs, publicKey(mallory).DID, publicKey(amber).DID))
		r.send(w.sign(pay(amber))).denied("identity", "unknown-caller")
		w.put(agentsBucket, string(mallory), theirs)
		r.send(w.sign(pay(amber))).allowed()
	})
}

// TestUncoveredComponents leaves each component out of the signature that it has to cover.
func TestUncoveredComponents(t *testing.T) {
	t.Parallel()
	fields := map[string]string{
		"authorization": "Bearer x", "agent-delegation": "x.y.z", "agent-gate": "pay", "a2a-version": "1.0", "a2a-extensions": "https://e.example/x",
		"x-a2a-extensions": "https://e.example/x",
	}
	for _, left := range append([]string{"@query"}, whole...) {
		tampering{strings.Trim(left, "@"), call{}, func(w *world, s *wire) {
			components := []string{}
			if left == "@query" {
				s.Path += "?x=y"
			}
			for _, name := range whole {
				if name != left {
					components = append(components, name)
				}
			}
			s.by(w.plain(amber, components...))
		}, "identity", "uncovered"}.run(t)
	}
	for name, value := range fields {
		tampering{name + "-signed-without", call{}, func(w *world, s *wire) {
			s.set(name, value)
			s.by(w.plain(amber, whole...))
		}, "identity", "uncovered"}.run(t)
		tampering{name + "-added", call{}, field(name, value), "identity", "uncovered"}.run(t)
	}
	tampering{"nothing-covered", call{}, func(w *world, s *wire) {
		s.by(w.plain(amber, "content-type"))
	}, "identity", "uncovered"}.run(t)
}

func TestTamperedBodies(t *testing.T) {
	t.Parallel()
	body := func(text string) func(*world, *wire) { return func(_ *world, s *wire) { s.body = []byte(text) } }
	for _, a := range []tampering{
		{"another-body", call{}, body(meshtest.Send("pay 9")), "digest", "digest-mismatch"},
		{"no-body", call{}, body(""), "digest", "digest-mismatch"},
		{"longer-body", call{}, body(meshtest.Send("pay 5") + " "), "digest", "digest-mismatch"},
		{"another-body-with-its-digest", call{}, func(_ *world, s *wire) {
			s.body = []byte(meshtest.Send("pay 9"))
			s.set("content-digest", identity.DigestOf(s.body))
		}, "identity", "bad-signature"},
		{"two-digests", call{}, func(_ *world, s *wire) {
			s.body = []byte(meshtest.Send("pay 9"))
			s.set("content-digest", s.get("content-digest")+", sha-512="+strings.TrimPrefix(identity.DigestOf(s.body), "sha-256="))
		}, "identity", "bad-signature"},
		{"weak-digest-alone", call{}, func(w *world, s *wire) {
			s.set("content-digest", "md5=:AAAAAAAAAAAAAAAAAAAAAA==:")
			s.by(w.plain(amber, whole...))
		}, "digest", "digest-mismatch"},
		{
			"body-on-a-request-without",
			call{from: amber, to: cobalt, verb: "GET", below: "/tasks/t1"},
			body(meshtest.Send("pay 9")),
			"digest", "body-unsigned",
		},
	} {
		a.run(t)
	}
}

func TestWindows(t *testing.T) {
	t.Parallel()
	window := func(created, expires int64) func(*world, *wire) {
		return func(w *world, s *wire) {
			now := time.Now().Unix()
			sig := w.plain(amber, whole...)
			sig.params = strings.Replace(sig.params, fmt.Sprintf("created=%d;expires=%d", now, now+60), fmt.Sprintf("created=%d;expires=%d", now+created, now+expires), 1)
			s.by(sig)
		}
	}
	for _, a := range []tampering{
		{"expired", call{}, func(w *world, _ *wire) { w.pass(61 * time.Second) }, "identity", "expired"},
		{"expired-a-second-ago", call{}, window(-61, -1), "identity", "expired"},
		{"from-the-future", call{}, window(11, 60), "identity", "not-yet-valid"},
		{"over-long", call{}, window(0, 61), "identity", "malformed"},
		{"a-day-long", call{}, window(-10, 86400), "identity", "malformed"},
		{"backwards", call{}, window(5, 4), "identity", "malformed"},
		{"empty", call{}, window(0, 0), "identity", "malformed"},
	} {
		a.run(t)
	}
}
