// Package recall remembers what a scan of texts found, so that a message that comes again is judged without a second
// scan. It keeps keyed hashes of texts and never the texts, and it is a memory alone: whatever it has dropped is
// scanned again.
package recall

import (
	"errors"
	"slices"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

// Inspector finds what rules look for. It is pure: equal hashes give equal findings.
type Inspector interface {
	Scan(texts []a2a.Text, opts inspect.Options) []inspect.Finding
	Hash() string
}

var errNoRoom = errors.New("a memory of scans needs room")

// Scanner answers from memory, or else by a scan. It is safe for concurrent use.
type Scanner struct {
	inspector Inspector
	rules     string
	memory    *memory
}

// New returns a Scanner over the inspector that remembers in about so many bytes. Close it to give them back.
func New(inspector Inspector, bytes int64) (*Scanner, error) {
	if bytes <= 0 {
		return nil, errNoRoom
	}
	m, err := newMemory(bytes)
	if err != nil {
		return nil, err
	}
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
	n := name(d.of(s.memory.key[:], s.rules, texts, opts))
	s.memory.digests.Put(d)
	if found, ok := s.memory.get(&n); ok {
		return slices.Clone(found)
	}
	found := s.inspector.Scan(texts, opts)
	if inspect.Conclusive(found) {
		s.memory.set(&n, slices.Clone(found))
	}
	return found
}

// Hash identifies the rules in force.
func (s *Scanner) Hash() string { return s.rules }

// Stats is how often a memory was of use since it was made, over all scanners that share it.
type Stats struct {
	// Hits are scans that were answered from memory, Misses those that were not.
	Hits, Misses uint64
	// Kept are the results that were put into memory, Dropped those that it had no room for, and Evicted those that made
	// room for others.
	Kept, Dropped, Evicted uint64
}

// Stats returns the counts so far.
func (s *Scanner) Stats() Stats {
	var all Stats
	for i := range s.memory.shards {
		all.add(&s.memory.shards[i])
	}
	return all
}

func (s *Stats) add(of *shard) {
	of.mu.Lock()
	defer of.mu.Unlock()
	s.Hits += of.stats.Hits
	s.Misses += of.stats.Misses
	s.Kept += of.stats.Kept
	s.Dropped += of.stats.Dropped
	s.Evicted += of.stats.Evicted
}

// Close gives the memory back, also that of the scanners that share it. Scans that are under way or come later go on
// without it.
func (s *Scanner) Close() {
	for i := range s.memory.shards {
		s.memory.shards[i].close()
	}
}
