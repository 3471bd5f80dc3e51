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
	agents map[agent.ID]*known
	_      [64]byte // keeps neighbours off one cache line
}

// known is what one agent serves elsewhere, by the keys of the entries.
type known struct {
	calls map[string]*elsewhere
	// traces are those that carried a trace, by it; any are those that may have carried every one.
	traces map[string]map[string]*elsewhere
	any    map[string]*elsewhere
}

// set adds a call, or replaces what was known of it.
func (i *index) set(callee agent.ID, e *elsewhere) {
	s := &i.shards[shardOf(callee)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(i, callee, e.key)
	if s.agents == nil {
		s.agents = map[agent.ID]*known{}
	}
	of := s.agents[callee]
	if of == nil {
		of = &known{calls: map[string]*elsewhere{}, traces: map[string]map[string]*elsewhere{}, any: map[string]*elsewhere{}}
		s.agents[callee] = of
	}
	of.calls[e.key] = e
	switch trace := e.served.Trace; {
	case e.served.Many || !e.readable():
		of.any[e.key] = e
	case trace != "":
		if of.traces[trace] == nil {
			of.traces[trace] = map[string]*elsewhere{}
		}
		of.traces[trace][e.key] = e
	}
	if callee == "" {
		i.unowned.Add(1)
	}
}

func (i *index) remove(callee agent.ID, key string) {
	s := &i.shards[shardOf(callee)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(i, callee, key)
}

func (s *indexShard) remove(i *index, callee agent.ID, key string) {
	of := s.agents[callee]
	if of == nil || of.calls[key] == nil {
		return
	}
	trace := of.calls[key].served.Trace
	delete(of.calls, key)
	delete(of.any, key)
	if delete(of.traces[trace], key); len(of.traces[trace]) == 0 {
		delete(of.traces, trace)
	}
	if callee == "" {
		i.unowned.Add(-1)
	}
	if len(of.calls) == 0 {
		delete(s.agents, callee)
	}
}

// traced returns the calls of other processes that the agent serves and that carried the trace, or may have.
func (i *index) traced(name agent.ID, trace string, now time.Time) []Served {
	return i.find(name, now, func(of *known) []map[string]*elsewhere {
		return []map[string]*elsewhere{of.traces[trace], of.any}
	})
}

// all returns the calls of other processes that the agent serves.
func (i *index) all(name agent.ID, now time.Time) []Served {
	return i.find(name, now, func(of *known) []map[string]*elsewhere { return []map[string]*elsewhere{of.calls} })
}

// find returns those that count of some of what is known, in the order in which the shared memory has them.
func (i *index) find(name agent.ID, now time.Time, of func(*known) []map[string]*elsewhere) []Served {
	calls := i.add(nil, name, now, of)
	if i.unowned.Load() > 0 {
		calls = i.add(calls, "", now, of)
	}
	slices.SortFunc(calls, func(a, b *elsewhere) int {
		return cmp.Or(cmp.Compare(a.revision, b.revision), cmp.Compare(a.key, b.key))
	})
	served := make([]Served, len(calls))
	for n, e := range calls {
		served[n] = e.served
	}
	return served
}

func (i *index) add(calls []*elsewhere, name agent.ID, now time.Time, of func(*known) []map[string]*elsewhere) []*elsewhere {
	s := &i.shards[shardOf(name)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agents[name] == nil {
		return calls
	}
	for _, some := range of(s.agents[name]) {
		for _, e := range some {
			if !e.over(now) {
				calls = append(calls, e)
			}
		}
	}
	return calls
}

// any reports whether the agent serves a call of another process.
func (i *index) any(name agent.ID, now time.Time) bool {
	return i.counts(name, now) || i.unowned.Load() > 0 && i.counts("", now)
}

func (i *index) counts(name agent.ID, now time.Time) bool {
	s := &i.shards[shardOf(name)]
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.agents[name].all() {
		if !e.over(now) {
			return true
		}
	}
	return false
}

// all returns the calls by the keys of their entries; of an agent that is not known, none.
func (k *known) all() map[string]*elsewhere {
	if k == nil {
		return nil
	}
	return k.calls
}

// finished notes that a task has ended, and returns the calls that are over with it.
func (i *index) finished(callee agent.ID, task string) (over []*elsewhere) {
	s := &i.shards[shardOf(callee)]
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.agents[callee].all() {
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
		for callee, of := range s.agents {
			for key, e := range of.calls {
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
	e := s.agents[callee].all()[key]
	return e != nil && e.readable()
}
