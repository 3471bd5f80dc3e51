// Package lineage remembers what each agent is serving at the moment, and on whose behalf, so that a call which an agent
// makes while it serves others can be judged with their rights too, though it carries no delegation: agents forward the
// trace of a request (W3C Trace Context) more often than its authority.
package lineage

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
)

const (
	shardCount = 64
	// maxServed bounds how many calls of one agent are told apart. What is beyond counts in one lump until it is over.
	maxServed = 4096
	// sweepAfter is how many calls an agent may have begun before those that are over are looked for.
	sweepAfter = 256
)

// Served is a call that an agent serves.
type Served struct {
	// Trace is the trace id of the request, 32 lower-case hexadecimal digits; empty when it carried none.
	Trace string
	// Holders are the agents on whose behalf it is, from the root to the immediate caller.
	Holders []agent.ID
	// Authority is what they may do together.
	Authority authority.Authority
}

// Ledger knows the calls that agents serve. It is safe for concurrent use.
type Ledger struct {
	linger time.Duration
	shards [shardCount]shard
}

type shard struct {
	mu     sync.Mutex
	agents map[agent.ID]*serving
	_      [64]byte // keeps neighbours off one cache line
}

// serving is what one agent serves.
type serving struct {
	calls map[*Call]struct{}
	begun int
	// lump takes the place of the calls beyond maxServed; it counts until lumped, and while any of them is open.
	lump     Served
	lumped   time.Time
	lumpOpen int
}

// Call is one call that is served. Its fields are those of the ledger's shard.
type Call struct {
	served Served
	number int // in the order in which the callee's calls began
	callee agent.ID
	ledger *Ledger
	ended  bool
	lumped bool
	until  time.Time       // once ended: when it no longer counts, whatever becomes of its tasks
	tasks  map[string]bool // tasks that go on when the answer has ended
}

// NewLedger returns an empty ledger. Linger is how long a task that goes on after the answer counts as served unless it
// is seen to end.
func NewLedger(linger time.Duration) *Ledger { return &Ledger{linger: linger} }

func (l *Ledger) shard(callee agent.ID) *shard {
	hash := uint32(2166136261)
	for i := range len(callee) {
		hash = (hash ^ uint32(callee[i])) * 16777619
	}
	return &l.shards[hash%shardCount]
}

// Begin notes that the callee serves a call from now on, until End.
func (l *Ledger) Begin(callee agent.ID, served Served, now time.Time) *Call {
	c := &Call{served: served, callee: callee, ledger: l}
	s := l.shard(callee)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agents == nil {
		s.agents = map[agent.ID]*serving{}
	}
	of := s.agents[callee]
	if of == nil {
		of = &serving{calls: map[*Call]struct{}{}}
		s.agents[callee] = of
	}
	if of.begun++; of.begun%sweepAfter == 0 || len(of.calls) >= maxServed {
		of.sweep(now)
	}
	if len(of.calls) >= maxServed {
		of.add(c)
		return c
	}
	c.number = of.begun
	of.calls[c] = struct{}{}
	return c
}

// add puts a call with the lump: nothing is told of its trace any more, but what it narrows.
func (s *serving) add(c *Call) {
	c.lumped = true
	if s.lumpOpen == 0 && s.lumped.IsZero() {
		s.lump = Served{Holders: c.served.Holders, Authority: c.served.Authority}
	} else {
		s.lump.Authority = s.lump.Authority.Meet(c.served.Authority)
	}
	s.lumpOpen++
}

// End notes that the call was answered. The tasks are those it started that go on; while any does, the agent still
// serves the call, until each has been seen to end or the ledger's time for that is over.
func (c *Call) End(running []string, now time.Time) {
	s := c.ledger.shard(c.callee)
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.agents[c.callee]
	if of == nil || c.ended {
		return
	}
	c.ended = true
	switch {
	case c.lumped:
		of.lumpOpen--
		if len(running) > 0 {
			of.lumped = now.Add(c.ledger.linger)
		}
	case len(running) > 0:
		c.until, c.tasks = now.Add(c.ledger.linger), make(map[string]bool, len(running))
		for _, id := range running {
			c.tasks[id] = true
		}
	default:
		delete(of.calls, c)
	}
	of.settle(s, c.callee, now)
}

// Finished notes that a task of the callee has ended.
func (l *Ledger) Finished(callee agent.ID, task string, now time.Time) {
	s := l.shard(callee)
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.agents[callee]
	if of == nil {
		return
	}
	for c := range of.calls {
		if delete(c.tasks, task); c.ended && len(c.tasks) == 0 {
			delete(of.calls, c)
		}
	}
	of.settle(s, callee, now)
}

// sweep drops the calls whose time is over.
func (s *serving) sweep(now time.Time) {
	for c := range s.calls {
		if c.over(now) {
			delete(s.calls, c)
		}
	}
}

func (c *Call) over(now time.Time) bool { return c.ended && now.After(c.until) }

// settle forgets an agent that serves nothing. The shard is held.
func (s *serving) settle(in *shard, callee agent.ID, now time.Time) {
	if s.lumpOpen == 0 && now.After(s.lumped) {
		s.lumped = time.Time{}
		if len(s.calls) == 0 {
			delete(in.agents, callee)
		}
	}
}

// Serving returns the calls that the agent serves at the moment now and that carried the trace, and all it serves, each in
// the order in which they began. An empty trace matches none.
func (l *Ledger) Serving(name agent.ID, trace string, now time.Time) (traced, all []Served) {
	s := l.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.agents[name]
	if of == nil {
		return nil, nil
	}
	calls := make([]*Call, 0, len(of.calls))
	for c := range of.calls {
		if !c.over(now) {
			calls = append(calls, c)
		}
	}
	slices.SortFunc(calls, func(a, b *Call) int { return cmp.Compare(a.number, b.number) })
	for _, c := range calls {
		all = append(all, c.served)
		if trace != "" && c.served.Trace == trace {
			traced = append(traced, c.served)
		}
	}
	if of.lumpOpen > 0 || now.Before(of.lumped) {
		all = append(all, of.lump)
	}
	return traced, all
}

// TraceID returns the trace id of a traceparent field (W3C Trace Context section 3.2), empty unless the field is one
// that may be relied on.
func TraceID(traceparent string) string {
	const version, id, parent, flags = 2, 32, 16, 2
	const length = version + 1 + id + 1 + parent + 1 + flags
	if len(traceparent) < length || traceparent[:version] == "ff" || len(traceparent) > length && (traceparent[:version] == "00" || traceparent[length] != '-') {
		return ""
	}
	trace := traceparent[version+1 : version+1+id]
	if !hexadecimal(traceparent[:version]) || traceparent[version] != '-' || !hexadecimal(trace) || traceparent[version+1+id] != '-' ||
		!hexadecimal(traceparent[version+id+2:version+id+2+parent]) || traceparent[version+id+2+parent] != '-' {
		return ""
	}
	for i := range len(trace) {
		if trace[i] != '0' {
			return trace
		}
	}
	return ""
}

func hexadecimal(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
