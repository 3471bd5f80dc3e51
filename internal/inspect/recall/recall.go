// Package recall remembers what a scan of texts found, so that a message that comes again is judged without a second
// scan. It keeps keyed hashes of texts and never the texts, and it is a memory alone: whatever it has dropped is
// scanned again.
package recall

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/dgraph-io/ristretto/v2"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

// Inspector finds what rules look for. It is pure: equal hashes give equal findings.
type Inspector interface {
	Scan(texts []a2a.Text, opts inspect.Options) []inspect.Finding
	Hash() string
}

const (
	// entryBytes is about what one remembered scan without findings takes, and findingBytes what a finding adds.
	entryBytes   = 64
	findingBytes = 192
	// countersPerEntry is how many uses the memory counts for each entry that it has room for, and leastCounters the
	// fewest.
	countersPerEntry = 10
	leastCounters    = 1024
	getBuffer        = 64
)

var errNoRoom = errors.New("a memory of scans needs room")

// Scanner answers from memory, or else by a scan. It is safe for concurrent use.
type Scanner struct {
	inspector Inspector
	rules     string
	memory    *memory
}

// memory is what scanners over several sets of rules share.
type memory struct {
	// closing keeps the cache from being closed while it is asked, which it cannot take.
	closing sync.RWMutex
	cache   *ristretto.Cache[[]byte, []inspect.Finding]
	key     [32]byte
	digests sync.Pool
}

// New returns a Scanner over the inspector that remembers in about so many bytes. Close it to give them back.
func New(inspector Inspector, bytes int64) (*Scanner, error) {
	if bytes <= 0 {
		return nil, errNoRoom
	}
	cache, err := ristretto.NewCache(&ristretto.Config[[]byte, []inspect.Finding]{
		NumCounters: max(leastCounters, countersPerEntry*bytes/entryBytes/2),
		MaxCost:     bytes,
		BufferItems: getBuffer,
		Metrics:     true,
		KeyToHash:   halves,
	})
	if err != nil {
		return nil, fmt.Errorf("making a memory of scans: %w", err)
	}
	m := &memory{cache: cache}
	if _, err := rand.Read(m.key[:]); err != nil {
		cache.Close()
		return nil, fmt.Errorf("making the key of a memory of scans: %w", err)
	}
	m.digests.New = func() any { return newDigest() }
	return &Scanner{inspector: inspector, rules: inspector.Hash(), memory: m}, nil
}

// With returns a Scanner over another inspector that shares the memory of s. What one remembers the other never
// returns, unless the rules of both are the same.
func (s *Scanner) With(inspector Inspector) *Scanner {
	return &Scanner{inspector: inspector, rules: inspector.Hash(), memory: s.memory}
}

// Scan returns what the inspector finds. The findings are the caller's own. Findings that are not conclusive are not
// remembered.
func (s *Scanner) Scan(texts []a2a.Text, opts inspect.Options) []inspect.Finding {
	d := s.memory.digests.Get().(*digest)
	defer s.memory.digests.Put(d)
	sum := d.of(s.memory.key[:], s.rules, texts, opts)
	if found, ok := s.memory.get(sum); ok {
		return slices.Clone(found)
	}
	found := s.inspector.Scan(texts, opts)
	if inspect.Conclusive(found) {
		s.memory.set(sum, slices.Clone(found))
	}
	return found
}

func (m *memory) get(sum []byte) ([]inspect.Finding, bool) {
	m.closing.RLock()
	defer m.closing.RUnlock()
	return m.cache.Get(sum)
}

func (m *memory) set(sum []byte, found []inspect.Finding) {
	m.closing.RLock()
	defer m.closing.RUnlock()
	m.cache.Set(sum, found, entryBytes+int64(len(found))*findingBytes)
}

// Hash identifies the rules in force.
func (s *Scanner) Hash() string { return s.rules }

// Stats is how often a memory was of use since it was made, over all scanners that share it.
type Stats struct {
	// Hits are scans that were answered from memory, Misses those that were not.
	Hits, Misses uint64
	// Kept are the results that were put into memory, Dropped those that it had no room for or was too busy to take, and
	// Evicted those that made room for others.
	Kept, Dropped, Evicted uint64
}

// Stats returns the counts so far.
func (s *Scanner) Stats() Stats {
	m := s.memory.cache.Metrics
	return Stats{
		Hits: m.Hits(), Misses: m.Misses(), Kept: m.KeysAdded(), Dropped: m.SetsDropped() + m.SetsRejected(), Evicted: m.KeysEvicted(),
	}
}

// Close gives the memory back, also that of the scanners that share it. Scans that are under way or come later go on
// without it.
func (s *Scanner) Close() {
	s.memory.closing.Lock()
	defer s.memory.closing.Unlock()
	s.memory.cache.Close()
}
