package attack

import (
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// Identities of connections.
const (
	ambers    = "spiffe://mesh.example/ns/a/sa/amber"
	mallorys  = "spiffe://mesh.example/ns/m/sa/mallory"
	nobodys   = "spiffe://mesh.example/ns/x/sa/x"
	elsewhere = "spiffe://mallory.example/ns/a/sa/amber"
	proxies   = "spiffe://mesh.example/ns/gateways/*"
)

// connected binds amber and mallory to their workloads.
func connected(w *world) *replica {
	r := w.replicas[0]
	for name, id := range map[agent.ID]string{amber: ambers, mallory: mallorys} {
		w.replace(r, name, func(g *registry.Registration) { g.Workloads = []string{id} })
	}
	return r
}

// TestConnectionsOfOthers brings amber's signed request over connections that are not amber's.
func TestConnectionsOfOthers(t *testing.T) {
	t.Parallel()
	for name, peer := range map[string]string{
		"another-agents": mallorys, "unknown": nobodys, "other-trust-domain": elsewhere, "beside-the-proxies": "spiffe://mesh.example/ns/gateways",
		"no-identity-that-can-be-read": "spiffe:amber",
	} {
		t.Run(name, func(t *testing.T) {
			under(t, func(w *world) { w.hops = []string{proxies} }, func(w *world) {
				r := connected(w)
				for _, good := range []string{ambers, "spiffe://mesh.example/ns/gateways/sa/envoy"} {
					s := w.sign(pay(amber))
					s.Peer = peer
					r.send(s).denied("hop", "hop-mismatch")
					s = w.sign(pay(amber))
					s.Peer = good
					r.send(s).allowed()
				}
			})
		})
	}
}

// TestConnectionsAlone brings requests without a signature: the connection's own agent is the caller, or nobody.
func TestConnectionsAlone(t *testing.T) {
	under(t, nil, func(w *world) {
		r := connected(w)
		for _, peer := range []string{"", nobodys, elsewhere, ambers + "/x"} {
			s := w.sign(pay(""))
			s.Peer = peer
			r.send(s).denied("identity", "missing")
		}
		s := w.sign(pay(""))
		s.Peer = mallorys
		if c := r.send(s).allowed(); c.x.Caller.Agent != mallory {
			t.Errorf("the caller is %+v", c.x.Caller)
		}
	})
}

// TestConnectionsMakeUpForNothing holds that a connection is no substitute for a signature that does not verify.
func TestConnectionsMakeUpForNothing(t *testing.T) {
	under(t, nil, func(w *world) {
		r := connected(w)
		s := w.sign(pay(mallory))
		s.Peer = mallorys
		s.edit("signature-input", publicKey(mallory).IDs()[0], publicKey(amber).IDs()[0])
		r.send(s).denied("identity", "bad-signature")
		s = w.sign(pay(mallory))
		s.Peer = mallorys
		r.send(s).allowed()
	})
}
