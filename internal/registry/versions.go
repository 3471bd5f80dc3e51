package registry

import (
	"maps"
	"sync"

	"ringfence.dev/ringfence/internal/agent"
)

// cardVersions remembers, for each agent, what its server sent last and at which revision that was decided about:
// a registration made since must be compared anew. It is lost with the process, which costs one fetch.
type cardVersions struct {
	mu    sync.Mutex
	known map[agent.ID]decidedVersion
}

type decidedVersion struct {
	version  CardVersion
	revision uint64
}

// prune forgets the agents that are no longer registered.
func (v *cardVersions) prune(snapshot *Snapshot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	maps.DeleteFunc(v.known, func(name agent.ID, _ decidedVersion) bool {
		_, registered := snapshot.Agent(name)
		return !registered
	})
}

func (v *cardVersions) of(record *agent.Record) CardVersion {
	v.mu.Lock()
	defer v.mu.Unlock()
	if decided := v.known[record.Name]; decided.revision == record.Revision {
		return decided.version
	}
	return CardVersion{}
}

func (v *cardVersions) set(record *agent.Record, version CardVersion) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil {
		v.known = map[agent.ID]decidedVersion{}
	}
	v.known[record.Name] = decidedVersion{version, record.Revision}
}
