package lineage

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// index holds the calls of other processes by callee. It is safe for concurrent use.
type index struct {
	shards [shardCount]indexShard
	// unowned counts entries of which nobody can say what agent they are about: they count for every one.
	unowned atomic.Int64
}

type indexShard struct {
	mu     sync.Mutex
	agents map[agent.ID]map[string]*elsewhere
	_      [64]byte // keeps neighbours off one cache line
}

// set adds a call, or replaces what was known of it.
func (i *index) set(callee agent.ID, e *elsewhere) {
	s := &i.shards[shardOf(callee)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agents == nil {
		s.agents = map[agent.ID]map[string]*elsewhere{}
	}
	calls := s.agents[callee]
	if calls == nil {
		calls = map[string]*elsewhere{}
		s.agents[callee] = calls
	}
	before := len(calls)
	calls[e.key] = e
	if callee == "" {
		i.unowned.Add(int64(len(calls) - before))
	}
}

func (i *index) remove(callee agent.ID, key string) {
	s := &i.shards[shardOf(callee)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(i, callee, key)
}

func (s *indexShard) remove(i *index, callee agent.ID, key string) {
	calls := s.agents[callee]
	before := len(calls)
	delete(calls, key)
	if callee == "" {
		i.unowned.Add(int64(len(calls) - before))
	}
	if len(calls) == 0 {
		delete(s.agents, callee)
	}
}

// serving adds the calls of other processes that the agent serves to those of this one.
func (i *index) serving(name agent.ID, trace string, now time.Time, traced, all []Served) (alsoTraced, alsoAll []Served) {
	calls := i.calls(nil, name, now)
	if i.unowned.Load() > 0 {
		calls = i.calls(calls, "", now)
	}
	slices.SortFunc(calls, func(a, b *elsewhere) int {
		return cmp.Or(cmp.Compare(a.revision, b.revision), cmp.Compare(a.key, b.key))
	})
	for _, e := range calls {
		all = append(all, e.served)
		if trace != "" && (e.served.Trace == trace || !e.readable()) {
			traced = append(traced, e.served)
		}
	}
	return traced, all
}

func (i *index) calls(calls []*elsewhere, name agent.ID, now time.Time) []*elsewhere {
	s := &i.shards[shardOf(name)]
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.agents[name] {
		if !e.over(now) {
			calls = append(calls, e)
		}
	}
	return calls
}

// finished notes that a task has ended, and returns the calls that are over with it.
func (i *index) finished(callee agent.ID, task string) (over []*elsewhere) {
	s := &i.shards[shardOf(callee)]
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.agents[callee] {
		if !e.tasks[task] {
			continue
		}
		if delete(e.tasks, task); len(e.tasks) == 0 {
			over = append(over, e)
		}
	}
	for _, e := range over {
		s.remove(i, callee, e.key)
	}
	return over
}

// sweep forgets the calls whose time is over: those that a lost memory left no other end.
func (i *index) sweep(now time.Time) {
	for n := range i.shards {
		s := &i.shards[n]
		s.mu.Lock()
		for callee, calls := range s.agents {
			for key, e := range calls {
				if e.over(now) {
					s.remove(i, callee, key)
				}
			}
		}
		s.mu.Unlock()
	}
}

// ends reports whether a call that is known has an end of its own.
func (i *index) ends(callee agent.ID, key string) bool {
	s := &i.shards[shardOf(callee)]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.agents[callee][key]
	return e != nil && e.readable()
}
