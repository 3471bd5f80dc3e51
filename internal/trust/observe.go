package trust

import (
	"hash/maphash"
	"log/slog"
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
	known := &History{}
	if h, ok := l.Image().History(s.Agent); ok {
		known = h
	}
	if known.broken {
		l.counts.dropped.Add(1)
		return
	}
	switch known.state.worth(&event, l.config.Rules) {
	case nothing:
		l.counts.suppressed.Add(1)
	case sometime:
		l.push(s.Agent, waiting{event: event, patient: true})
	case atOnce:
		l.push(s.Agent, waiting{event: event, severe: l.hold(s.Agent, &event)})
	}
}

// hold has the agent out at once if the event is severe, and returns the number that stands for the event then, else 0.
func (l *Ledger) hold(name agent.ID, e *Event) uint64 {
	if !e.Severe {
		return 0
	}
	number, ok := l.held.hold(name, e)
	if !ok {
		l.config.Logger.Error("more agents are quarantined than can be stored; no agent takes part until this process is started again",
			slog.String("agent", string(name)))
	}
	l.changed()
	return number
}

func (l *Ledger) push(name agent.ID, w waiting) {
	if l.queue.push(name, w) {
		return
	}
	l.counts.dropped.Add(1)
	if w.severe > 0 {
		l.held.lost(name, w.severe)
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
