package registry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

func TestRegistrationPrincipals(t *testing.T) {
	t.Parallel()
	own, sidecar := key(1), key(2)
	four, minus := 4, -1
	const workload = "spiffe://example.org/weather"
	subject := agent.Subject{Issuer: "https://issuer.example", Name: "weather"}
	tests := []struct {
		name string
		edit func(*registry.Registration)
		want []string
	}{
		{"good", func(g *registry.Registration) {
			g.DIDs, g.Sidecars, g.Workloads = []string{own.DID, "did:web:a.example"}, []string{sidecar.DID}, []string{workload}
			g.Subjects, g.RequiredTrust = []agent.Subject{subject}, 1000
		}, nil},
		{"web-alone", func(g *registry.Registration) { g.DIDs = []string{"did:web:a.example"} }, nil},
		{"everything-at-once", func(g *registry.Registration) {
			g.DIDs = []string{own.DID, "did:web:A", "did:web:a.example", "did:web:a.example"}
			g.Sidecars = []string{own.DID, sidecar.Mesh, sidecar.DID, sidecar.DID}
			g.Workloads = []string{workload, "spiffe://example.org/", workload}
			g.Subjects = []agent.Subject{subject, {Name: "a\nb"}, subject}
			g.RequiredRing, g.RequiredTrust = &four, 1001
		}, []string{
			"dids[1]: must have a host in lower case after did:web, with %3A and a number where it has a port",
			"dids[3]: is listed twice",
			"sidecarDids[0]: is a key of the agent itself",
			"sidecarDids[1]: must begin with did:key and a colon",
			"sidecarDids[3]: is listed twice",
			"spiffeIds[1]: must not have an empty path segment",
			"spiffeIds[2]: is listed twice",
			"subjects[1].issuer: must have 1 to 512 bytes and no control characters",
			"subjects[1].subject: must have 1 to 512 bytes and no control characters",
			"subjects[2]: is listed twice",
			"requiredRing: must be 0, 1, 2 or 3",
			"requiredTrust: must be 0 to 1000",
		}},
		{"negative", func(g *registry.Registration) { g.RequiredRing, g.RequiredTrust = &minus, -1 }, []string{
			"requiredRing: must be 0, 1, 2 or 3", "requiredTrust: must be 0 to 1000",
		}},
		{"too-many", func(g *registry.Registration) {
			g.Sidecars, g.Workloads, g.Subjects = make([]string, 33), make([]string, 33), make([]agent.Subject, 65)
		}, []string{
			"sidecarDids: must list at most 32 keys", "spiffeIds: must list at most 32 identifiers", "subjects: must list at most 64 subjects",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := registration("weather")
			test.edit(&g)
			if diff := cmp.Diff(test.want, problems(g.Validate())); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPrincipalsConflict holds that a principal is given to one agent, whichever field asks for it.
func TestPrincipalsConflict(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	taken := registration("first", key(1).DID, "did:web:a.example")
	taken.Sidecars, taken.Workloads = []string{key(2).DID}, []string{"spiffe://example.org/a"}
	taken.Subjects = []agent.Subject{{Issuer: "i", Name: "a"}}
	must(t, r, taken)
	wants := registration("second", key(2).DID, "did:web:a.example", key(3).DID)
	wants.Sidecars, wants.Workloads = []string{key(4).DID, key(1).DID}, []string{"spiffe://example.org/b", "spiffe://example.org/a"}
	wants.Subjects = []agent.Subject{{Issuer: "i", Name: "a"}, {Issuer: "j", Name: "a"}}
	_, err := r.Register(t.Context(), wants)
	want := []string{"conflict: dids[0]: belongs to another agent; dids[1]: belongs to another agent; sidecarDids[1]: belongs to another agent; " +
		"spiffeIds[1]: belongs to another agent; subjects[0]: belongs to another agent"}
	if diff := cmp.Diff(want, problems(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
