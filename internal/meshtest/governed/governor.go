// Package governed adds to the shared test mesh a governor that decides its calls.
package governed

import (
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/meshtest"
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

// Governor returns a governor of the mesh with default policy, at meshtest.Noon, and where its records go.
func Governor(m *meshtest.Mesh) (*governance.Governor, *Records) {
	records := &Records{}
	return governance.New(governance.Config{
		Snapshot: m.Snapshot,
		Policy: governance.Policy{
			Domain: meshtest.Domain, Limits: a2a.DefaultLimits(), Required: governance.DefaultRings(),
			AnswerLimits: a2a.DefaultLimits(), AnswersHeld: 1 << 30, UnknownTasks: governance.AskAgent,
		},
		Replay:  identity.NewReplay(meshtest.Noon, 1024),
		Scanner: meshtest.Phrases{"ignore all previous instructions": "injection"},
		Now:     func() time.Time { return meshtest.Noon },
		NewID:   func() string { return "decision-1" },
		Record:  records.Record,
	}), records
}
