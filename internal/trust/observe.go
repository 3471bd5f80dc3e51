package trust

import (
	"hash/maphash"
	"sync"

	"ringfence.dev/ringfence/internal/agent"
)

// Observe takes what an enforcement point saw. It never blocks: what finds no room is dropped and counted, and what the
// caps would swallow is left out, so that two agents that talk all day cost the store about one write an hour each.
func (l *Ledger) Observe(signals ...Signal) {
	for i := range signals {
		l.observe(&signals[i])
	}
}

func (l *Ledger) observe(s *Signal) {
	weight := l.config.Weights.of(s.Kind)
	if weight == 0 || s.Agent == "" {
		return
	}
	good := s.Kind.Good()
	// A moment that lies ahead would let evidence decay before its time.
	at := min(s.At, l.config.Now().Unix())
	if good && l.recent.seen(s.Agent, s.Counterparty, at/hour) {
		l.counts.suppressed.Add(1)
		return
	}
	event := Event{
		Kind: s.Kind, At: at, Counterparty: s.Counterparty, Class: s.Class, Weight: weight, Count: 1,
		Exchange: s.Exchange, Framable: s.Framable, Severe: l.severe(s),
	}
	switch h, ok := l.Image().History(s.Agent); {
	case ok && h.broken:
		l.counts.dropped.Add(1)
	case ok && !h.state.takes(&event, l.config.Rules):
		l.counts.suppressed.Add(1)
	default:
		l.push(s.Agent, event)
	}
}

func (l *Ledger) push(name agent.ID, event Event) {
	if !l.queue.push(name, event) {
		l.counts.dropped.Add(1)
	}
}

const (
	recentShards = 64
	// recentPairs bounds the pairs that a shard remembers; of others the image alone tells.
	recentPairs = 4096
)

// recent remembers which pairs of agents have had good evidence on its way in this hour. Its zero value remembers none.
type recent struct {
	shards [recentShards]recentShard
}

type recentShard struct {
	mu    sync.Mutex
	hour  int64
	pairs map[pair]struct{}

	_ [64]byte // keeps two shards out of one cache line
}

type pair struct{ agent, counterparty agent.ID }

var recentSeed = maphash.MakeSeed()

// seen reports whether the pair was seen in the hour before, and remembers it.
func (r *recent) seen(name, counterparty agent.ID, hour int64) bool {
	p := pair{name, counterparty}
	s := &r.shards[maphash.Comparable(recentSeed, p)%recentShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hour != hour {
		s.hour = hour
		clear(s.pairs)
	}
	if _, ok := s.pairs[p]; ok {
		return true
	}
	if s.pairs == nil {
		s.pairs = make(map[pair]struct{})
	}
	if len(s.pairs) < recentPairs {
		s.pairs[p] = struct{}{}
	}
	return false
}
