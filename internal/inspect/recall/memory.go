package recall

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"ringfence.dev/ringfence/internal/inspect"
)

const (
	// entryBytes is what one remembered scan without findings takes at most, its share of an index that is less than half
	// full counted in, and findingBytes what a finding adds.
	entryBytes   = 64
	findingBytes = 192
	// maxShards is how many parts a memory has, which are asked independently of each other, and leastShard the least that
	// is worth a part of its own.
	maxShards  = 64
	leastShard = 16 << 10
)

// name is that of a scan: a keyed hash of all that its findings depend on.
type name [sumBytes]byte

// memory is what scanners over several sets of rules share. It works in the calls that ask it and in no others, so that
// what it costs is what a call costs.
type memory struct {
	key     [32]byte
	digests sync.Pool
	shards  []shard
}

// shard is a part of a memory. It has two generations: what is new or of use goes into the young one, and when that is
// full, what is still in the old one is forgotten and the young one becomes old. So whatever is asked for again before
// half of the shard has been filled is still there.
type shard struct {
	mu         sync.Mutex
	young, old generation
	// room is for how many bytes each generation has room; of a memory that is closed, none.
	room  int64
	stats Stats
	_     [64]byte // keeps neighbours off one cache line
}

// generation is a set of remembered scans. It is filled once and then emptied, and keeps its index for the next time.
type generation struct {
	// entries tells by name where the findings are, 0 where there are none. It holds no pointers: the garbage collector
	// does not look at it, however long it is.
	entries  map[name]uint32
	findings [][]inspect.Finding
	bytes    int64
}

func newMemory(bytes int64) (*memory, error) {
	m := &memory{shards: make([]shard, min(max(bytes/leastShard, 1), maxShards))}
	if _, err := rand.Read(m.key[:]); err != nil {
		return nil, fmt.Errorf("making the key of a memory of scans: %w", err)
	}
	m.digests.New = func() any { return newDigest() }
	for i := range m.shards {
		m.shards[i].room = bytes / int64(len(m.shards)) / 2
	}
	return m, nil
}

func (m *memory) shard(n *name) *shard {
	return &m.shards[binary.LittleEndian.Uint32(n[:])%uint32(len(m.shards))]
}

// get returns what is remembered under the name. The findings are not the caller's to change.
func (m *memory) get(n *name) ([]inspect.Finding, bool) {
	s := m.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.young.entries[*n]; ok {
		s.stats.Hits++
		return s.young.at(at), true
	}
	at, ok := s.old.entries[*n]
	if !ok {
		s.stats.Misses++
		return nil, false
	}
	s.stats.Hits++
	found := s.old.at(at)
	delete(s.old.entries, *n)
	s.keep(n, found)
	return found, true
}

// set remembers the findings, which nobody may change from now on, if there is room for them at all.
func (m *memory) set(n *name, found []inspect.Finding) {
	s := m.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.young.entries[*n]; ok {
		return // the same scan was under way twice
	}
	if !s.keep(n, found) {
		s.stats.Dropped++
		return
	}
	s.stats.Kept++
}

// keep puts findings into the young generation, and reports whether it has room for them when it is empty. s.mu is held.
func (s *shard) keep(n *name, found []inspect.Finding) bool {
	cost := cost(found)
	if cost > s.room {
		return false
	}
	if s.young.bytes+cost > s.room {
		s.stats.Evicted += uint64(len(s.old.entries))
		s.old.empty()
		s.young, s.old = s.old, s.young
	}
	s.young.add(n, found, cost)
	return true
}

// close gives the room back.
func (s *shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.young, s.old, s.room = generation{}, generation{}, 0
}

func cost(found []inspect.Finding) int64 { return entryBytes + int64(len(found))*findingBytes }

func (g *generation) at(n uint32) []inspect.Finding {
	if n == 0 {
		return nil
	}
	return g.findings[n-1]
}

func (g *generation) add(n *name, found []inspect.Finding, cost int64) {
	if g.entries == nil {
		g.entries = map[name]uint32{}
	}
	at := uint32(0)
	if len(found) > 0 {
		g.findings = append(g.findings, found)
		at = uint32(len(g.findings))
	}
	g.entries[*n] = at
	g.bytes += cost
}

func (g *generation) empty() {
	clear(g.entries)
	clear(g.findings)
	g.findings, g.bytes = g.findings[:0], 0
}
