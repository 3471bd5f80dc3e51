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
	ended  [lately]ended // the tasks that ended last, the oldest at next
	next   int
	_      [64]byte // keeps neighbours off one cache line
}

// lately is how many tasks that ended are remembered, and rumour for how long: the entry that names one may be heard of
// after its end is. An agent that begins anew may use the names of its tasks again.
const (
	lately = 256
	rumour = 10 * time.Second
)

// ended is a task that has ended.
type ended struct {
	callee agent.ID
	task   string
	at     time.Time
}

// known is what one agent serves elsewhere, by the keys of the entries.
type known struct {
	calls map[string]*elsewhere
	// traces are those that carried a trace, by it; any are those that may have carried every one.
	traces map[string]map[string]*elsewhere
	any    map[string]*elsewhere
}

// set adds a call, or replaces what was known of it. It reports whether all tasks that go on with it ended lately: then it
// is over.
func (i *index) set(callee agent.ID, e *elsewhere, now time.Time) (over bool) {
	s := &i.shards[shardOf(callee)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(i, callee, e.key)
	if s.over(callee, e, now) {
		return true
	}
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
	return false
}

// over takes the tasks out of the call that ended lately, and reports whether it had tasks and none is left.
func (s *indexShard) over(callee agent.ID, e *elsewhere, now time.Time) bool {
	if len(e.tasks) == 0 {
		return false
	}
	for _, task := range s.ended {
		if task.callee == callee && now.Before(task.at.Add(rumour)) {
			delete(e.tasks, task.task)
		}
	}
	return len(e.tasks) == 0
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
func (i *index) finished(callee agent.ID, task string, now time.Time) (over []*elsewhere) {
	s := &i.shards[shardOf(callee)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[s.next], s.next = ended{callee, task, now}, (s.next+1)%lately
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
