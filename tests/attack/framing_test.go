package attack

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/meshtest"
)

// framing is what others do to have it look as if an agent misbehaved. Each is done ten times within an hour, which is
// more than an agent may do by mistake.
type framing struct {
	name   string
	setup  func(*world)
	victim agent.ID
	attack func(w *world, r *replica)
}

// intercepted has an attacker on the way change a request that amber signed, and send it first.
func intercepted(change func(w *world, s *wire)) func(*world, *replica) {
	return func(w *world, r *replica) {
		s := w.sign(pay(amber))
		change(w, s)
		if c := r.send(s); c.passed {
			w.Errorf("the changed request passes: %+v", c.records())
		}
	}
}

var framings = []framing{
	{"forged-signature", nil, amber, intercepted(func(_ *world, s *wire) {
		s.set("signature", "agent=:"+strings.Repeat("A", 86)+"==:")
	})},
	{"own-signature-in-anothers-name", nil, amber, intercepted(func(w *world, s *wire) {
		sig := w.plain(mallory, whole...)
		sig.params = strings.Replace(sig.params, publicKey(mallory).IDs()[0], publicKey(amber).IDs()[0], 1)
		s.by(sig)
	})},
	{"stripped-digest", nil, amber, intercepted(func(_ *world, s *wire) { s.strip("content-digest") })},
	{"body-exchanged", nil, amber, intercepted(func(_ *world, s *wire) { s.body = []byte(meshtest.Send(injection)) })},
	{"body-that-cannot-be-read", nil, amber, intercepted(func(_ *world, s *wire) { s.body = []byte(`{"a":1,"a":2}`) })},
	{"sent-to-another-agent", nil, amber, intercepted(func(_ *world, s *wire) { s.Path = "/agents/cobalt" })},
	{"field-repeated", nil, amber, intercepted(func(_ *world, s *wire) {
		s.Header = append(s.Header, identity.Field{Name: "content-type", Value: "text/plain"})
	})},
	{"over-another-connection", func(w *world) { w.hops = []string{proxies} }, amber, intercepted(func(w *world, s *wire) {
		connected(w)
		s.Peer = mallorys
	})},
	// What no signature covers is anybody's on the way.
	{"body-made-too-large", nil, amber, intercepted(func(_ *world, s *wire) {
		s.body = []byte(strings.Repeat(" ", 2<<20))
		s.set("content-length", "2097152")
	})},
	{"length-made-too-large", nil, amber, intercepted(func(_ *world, s *wire) { s.set("content-length", "2097152") })},
	{"length-made-unreadable", nil, amber, intercepted(func(_ *world, s *wire) { s.set("content-length", "many") })},
	{"said-to-be-compressed", nil, amber, intercepted(func(_ *world, s *wire) { s.set("content-encoding", "gzip") })},
	{"type-added", nil, amber, func(w *world, r *replica) {
		c := w.sign(pay(amber))
		c.strip("content-type")
		c.by(w.plain(amber, whole...)) // a sender that signs no more than it has to
		c.set("content-type", "text/plain")
		if r.send(c).passed {
			w.Error("the changed request passes")
		}
	}},
	{"replayed", nil, amber, func(w *world, r *replica) {
		s := w.sign(call{from: amber, to: cobalt, verb: "GET", below: "/tasks/t-1"})
		r.send(s.copy())
		w.pass(time.Second)
		for range 3 {
			if r.send(s.copy()).passed {
				w.Error("the replay passes")
			}
		}
	}},
	{"token-passed-on", believing, amber, func(w *world, r *replica) {
		if record, _ := r.registered(amber); len(record.Subjects) == 0 {
			speaking(w)
		}
		c := ask("").with("Authorization", "Bearer "+issued(acme).String())
		c.body = `{"a":1,"a":2}`
		r.send(w.sign(c)).denied("operation", "duplicate-key")
	}},
	{"read-again-and-again", nil, amber, func(w *world, r *replica) {
		sig := w.plain(amber, "@method", "@authority", "@path")
		sig.params = strings.Replace(nonces.ReplaceAllString(sig.params, ""), ";;", ";", 1)
		s := w.sign(call{to: cobalt, verb: "GET", below: "/tasks/t-1"}).by(sig)
		for range 60 {
			r.send(s.copy())
		}
		r.send(s).denied("rate", "rate-exceeded")
	}},
	{"link-stolen", nil, amber, func(w *world, r *replica) {
		field := w.chain(grant{from: dolomite, to: amber})
		r.send(w.sign(acting(ask(mallory), field))).denied("delegation", "delegation-wrong-holder")
	}},
	{"link-put-below-another", nil, amber, func(w *world, r *replica) {
		link := cutChain(w.chain(grant{from: dolomite, to: amber, depth: 1}, grant{from: amber, to: mallory}), 1)
		r.send(w.sign(acting(ask(mallory), w.chain(grant{from: dolomite, to: amber, depth: 1})+"~"+link))).denied("delegation", "delegation-broken-hash")
	}},
	{"handed-a-widened-chain", nil, amber, func(w *world, r *replica) {
		parent := w.chain(grant{from: dolomite, to: mallory, capabilities: []agent.Capability{"read:*"}, depth: 1})
		field := w.below(parent, mallory, amber).claim("authorization_details", granting("*:*")).after(parent)
		r.send(w.sign(acting(ask(amber), field))).denied("delegation", "delegation-widened")
	}},
	{"callee-fails", nil, amber, answered(http.StatusInternalServerError, "text/plain", "it failed")},
	{"callee-refuses", nil, amber, answered(http.StatusForbidden, "application/json", `{}`)},
	{"callee-says-forbidden-things", nil, amber, answered(http.StatusOK, "application/json", said(injection))},
	{"callee-sends-elsewhere", nil, amber, answered(http.StatusFound, "text/plain", "")},
	{"callee-speaks-of-others-tasks", nil, amber, answered(http.StatusOK, "application/json", `{"jsonrpc":"2.0","id":"r1","result":{`)},
	// Whoever calls an agent has a say in what it does next.
	{"narrowed-by-who-calls-it", strict, cobalt, narrowed("")},
	{"narrowed-by-a-trace", nil, cobalt, narrowed(traceparent)},
	// An agent that repeats what it was told says what its caller wants.
	{"echo", nil, cobalt, answered(http.StatusOK, "application/json", said(injection))},
}

// said is an answer with a text of the agent.
func said(text string) string {
	return `{"jsonrpc":"2.0","id":"r1","result":{"message":{"messageId":"a","role":"ROLE_AGENT","parts":[{"text":"` + text + `"}]}}}`
}

// answered has amber call cobalt, and get an answer.
func answered(status int, media, body string) func(*world, *replica) {
	return func(w *world, r *replica) {
		c := w.begin(r, r, w.sign(ask(amber)))
		c.reply(status, media, body)
		c.close()
	}
}

// narrowed has somebody in ring 3 call cobalt, and keep it busy while it makes calls of its own.
func narrowed(trace string) func(*world, *replica) {
	return func(w *world, r *replica) {
		theirs, own := ask(obsidian), pay(cobalt)
		if trace != "" {
			theirs, own = theirs.with("Traceparent", trace), own.with("Traceparent", trace)
		}
		c := w.begin(r, r, w.sign(theirs)).allowed()
		r.send(w.sign(own)).denied("ring", "ring-too-low")
		c.close()
	}
}

// TestFraming compares what the store has of the victim, byte for byte, before the attacks and after.
func TestFraming(t *testing.T) {
	t.Parallel()
	for _, f := range framings {
		t.Run(f.name, func(t *testing.T) {
			under(t, f.setup, func(w *world) {
				r := w.replicas[0]
				// The victim has had dealings with everybody it meets here, so that praise of this hour has no room.
				for _, c := range []call{ask(amber), pay(amber), pay(cobalt), ask(obsidian)} {
					r.completed(c)
				}
				r.settled()
				w.pass(2 * time.Second)
				before, stood := w.raw(trustBucket, string(f.victim)), r.standing(f.victim)
				for range 10 {
					f.attack(w, r)
					w.pass(2 * time.Second)
				}
				r.settled()
				if after := w.raw(trustBucket, string(f.victim)); before != after || before == "" {
					t.Errorf("%s is framed: it had %+v, and has %+v", f.victim, stood, r.standing(f.victim))
				}
			})
		})
	}
}

// TestOwnFaults is the control of all framings: what an agent does itself, and signs, counts.
func TestOwnFaults(t *testing.T) {
	under(t, nil, func(w *world) {
		r := w.replicas[0]
		r.settled()
		before := w.raw(trustBucket, string(mallory))
		for range 10 {
			c := ask(mallory)
			c.body = `{"a":1,"a":2}`
			r.send(w.sign(c)).denied("operation", "duplicate-key")
			w.pass(time.Second)
		}
		r.settled()
		if w.raw(trustBucket, string(mallory)) == before || r.standing(mallory).Score >= 400 {
			t.Errorf("ten faults leave %+v", r.standing(mallory))
		}
	})
}
