// Package lineage remembers what each agent is serving at the moment, and on whose behalf, so that a call which an agent
// makes while it serves others can be judged with their rights too, though it carries no delegation: agents forward the
// trace of a request (W3C Trace Context) more often than its authority.
//
// In a mesh of several processes each call is written to a memory that all share before it may reach its callee, and is
// taken out when it is over. A process hears of the calls of others some milliseconds after they are written. Serve makes
// up for that: when it returns, this process knows of every call that any process began to serve before, so that whoever
// judges the caller once more has missed nothing. What is judged without Serve, as requests are that only read, may miss
// what began in those milliseconds.
package lineage

import (
	"cmp"
	"context"
	"fmt"
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
	shared *shared // nil in a mesh of one process
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
	told   *told // what other processes know of it; nil when they need not
	ended  bool
	lumped bool
	until  time.Time       // once ended: when it no longer counts, whatever becomes of its tasks
	tasks  map[string]bool // tasks that go on when the answer has ended
}

// NewLedger returns an empty ledger of a mesh of one process. Linger is how long a task that goes on after the answer
// counts as served unless it is seen to end.
func NewLedger(linger time.Duration) *Ledger { return &Ledger{linger: linger} }

func (l *Ledger) shard(callee agent.ID) *shard { return &l.shards[shardOf(callee)] }

func shardOf(name agent.ID) int {
	hash := uint32(2166136261)
	for i := range len(name) {
		hash = (hash ^ uint32(name[i])) * 16777619
	}
	return int(hash % shardCount)
}

// Serve notes that the callee serves a call from now on, until End, in every process that shares the ledger's memory.
// Limit is how long the call may take. An error says that others may not know of the call, or this process not of
// theirs: then it must not take place.
func (l *Ledger) Serve(ctx context.Context, callee agent.ID, served Served, limit time.Duration, now time.Time) (*Call, error) {
	if l.shared == nil {
		return l.Begin(callee, served, now), nil
	}
	t, err := l.shared.tell(ctx, callee, served, now.Add(limit+l.linger), now)
	if err != nil {
		return nil, fmt.Errorf("telling other processes what %s serves: %w", callee, err)
	}
	c := &Call{served: served, callee: callee, ledger: l, told: t}
	l.shared.bind(t, c)
	return l.begin(c, now), nil
}

// Begin is Serve in this process alone.
func (l *Ledger) Begin(callee agent.ID, served Served, now time.Time) *Call {
	return l.begin(&Call{served: served, callee: callee, ledger: l}, now)
}

func (l *Ledger) begin(c *Call, now time.Time) *Call {
	callee := c.callee
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
	if c.end(running, now) && c.told != nil {
		c.ledger.shared.ended(c.told, running, now.Add(c.ledger.linger))
	}
}

// Shared reports whether other processes may serve calls of which this one heard only when the call began: then what was
// judged before has to be judged once more. A nil call is not shared.
func (c *Call) Shared() bool { return c != nil && c.ledger.shared != nil }

// end reports whether the call had not ended before.
func (c *Call) end(running []string, now time.Time) bool {
	s := c.ledger.shard(c.callee)
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.agents[c.callee]
	if of == nil || c.ended {
		return false
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
	return true
}

// Finished notes that a task of the callee has ended.
func (l *Ledger) Finished(callee agent.ID, task string, now time.Time) {
	over := l.finished(callee, task, now)
	if l.shared != nil {
		l.shared.finished(callee, task, over)
	}
}

// finished returns what others know of the calls that are over with the task.
func (l *Ledger) finished(callee agent.ID, task string, now time.Time) (over []*told) {
	s := l.shard(callee)
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.agents[callee]
	if of == nil {
		return nil
	}
	for c := range of.calls {
		if delete(c.tasks, task); c.ended && len(c.tasks) == 0 {
			delete(of.calls, c)
			if c.told != nil {
				over = append(over, c.told)
			}
		}
	}
	of.settle(s, callee, now)
	return over
}

// drop forgets a call of which only tasks went on.
func (l *Ledger) drop(c *Call, now time.Time) {
	s := l.shard(c.callee)
	s.mu.Lock()
	defer s.mu.Unlock()
	if of := s.agents[c.callee]; of != nil && c.ended {
		delete(of.calls, c)
		of.settle(s, c.callee, now)
	}
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

// Serving returns the calls that the agent serves at the moment now, the given one excepted, and of them those that
// carried the trace: first those of this process in the order in which they began, then those of others in the order in
// which the shared memory has them. An empty trace matches none. What others have written and cannot be read counts as a
// call without any authority, and may have carried every trace.
func (l *Ledger) Serving(name agent.ID, trace string, now time.Time, besides *Call) (traced, all []Served) {
	traced, all = l.serving(name, trace, now, besides)
	if l.shared != nil {
		traced, all = l.shared.others.serving(name, trace, now, traced, all)
	}
	return traced, all
}

func (l *Ledger) serving(name agent.ID, trace string, now time.Time, besides *Call) (traced, all []Served) {
	s := l.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.agents[name]
	if of == nil {
		return nil, nil
	}
	calls := make([]*Call, 0, len(of.calls))
	for c := range of.calls {
		if c != besides && !c.over(now) {
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
