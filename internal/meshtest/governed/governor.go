// Package governed adds to the shared test mesh a governor that decides its calls.
package governed

import (
	"strings"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/delegation"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/killswitch"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/trust"
)

// Records collects decision records.
type Records struct {
	mu   sync.Mutex
	kept []audit.Record
}

// Record keeps one.
func (r *Records) Record(record audit.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, record)
}

// All returns what was kept so far.
func (r *Records) All() []audit.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]audit.Record(nil), r.kept...)
}

// Mesh returns what is known of a test mesh: its agents, and that no kill switch is pulled.
func Mesh(m *meshtest.Mesh) func() governance.Mesh {
	return func() governance.Mesh {
		return governance.Mesh{Agents: m.Snapshot(), Switches: killswitch.ImageOf(), Trust: trust.Silent(trust.DefaultRules()), Policies: NoPolicies()}
	}
}

// NoPolicies returns the set of a mesh in which nobody has written any.
func NoPolicies() *policy.Set {
	set, problems := policy.Compile(nil, nil)
	if len(problems) > 0 {
		panic(problems)
	}
	return set
}

// Governor returns a governor of the mesh with default policy, at meshtest.Noon, and where its records go.
func Governor(m *meshtest.Mesh) (*governance.Governor, *Records) {
	return GovernorWith(m, func(*governance.Config) {})
}

// GovernorWith returns the same, but for what change makes of it.
func GovernorWith(m *meshtest.Mesh, change func(*governance.Config)) (*governance.Governor, *Records) {
	records := &Records{}
	c := governance.Config{
		Mesh: Mesh(m),
		Policy: governance.Policy{
			Domain: meshtest.Domain, Limits: a2a.DefaultLimits(), Required: governance.DefaultRings(),
			AnswerLimits: a2a.DefaultLimits(), AnswersHeld: 1 << 30, UnknownTasks: governance.AskAgent,
			RingLimits: limit.Defaults(), Parties: policy.AllParties,
		},
		Replay:  identity.NewReplay(meshtest.Noon.Add(-time.Minute), 1024),
		Links:   delegation.NewVerifier(1024),
		Meter:   limit.NewMeter(meshtest.Noon),
		Scanner: meshtest.Phrases{"ignore all previous instructions": "injection"},
		Now:     func() time.Time { return meshtest.Noon },
		NewID:   func() string { return "decision-1" },
		Record:  records.Record,
	}
	change(&c)
	return governance.New(c), records
}

// Request returns a call as a proxy sees it before its body, on a route that finds the callee by its path.
func Request(m *meshtest.Mesh, c meshtest.Call) (governance.Request, error) {
	r, err := m.Request(c)
	if err != nil {
		return governance.Request{}, err
	}
	request := governance.Request{Method: r.Method, Scheme: "http", Authority: r.Host, Path: r.URL.RequestURI(), Form: governance.PathForm}
	for name, values := range r.Header {
		for _, value := range values {
			request.Header = append(request.Header, identity.Field{Name: strings.ToLower(name), Value: value})
		}
	}
	return request, nil
}
