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
	"context"
	"fmt"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
)

const (
	shardCount = 64
	// maxServed bounds how many calls of one agent are told apart. What is beyond counts in one lump until it is over.
	maxServed = 4096
	// maxHolders bounds the agents of the lump that are looked at as they stand later.
	maxHolders = 256
	// maxSpare is how many calls an agent may have begun for what it served to be of use to another one.
	maxSpare = 256
)

// Served is a call that an agent serves.
type Served struct {
	// Trace is the trace id of the request, 32 lower-case hexadecimal digits; empty when it carried none.
	Trace string
	// Holders are the agents on whose behalf it is, from the root to the immediate caller.
	Holders []agent.ID
	// Authority is what they may do together.
	Authority authority.Authority
	// Many reports that it stands for calls that are not told apart: then it may have carried every trace, and Holders are
	// in no order.
	Many bool
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
	spare  *serving // of an agent that serves nothing, for the next one that does; may be nil
	_      [64]byte // keeps neighbours off one cache line
}

// Call is one call that is served. Its fields are those of the ledger's shard.
type Call struct {
	served Served
	callee agent.ID
	ledger *Ledger
	told   *told // what other processes know of it; nil when they need not
	ended  bool
	broken bool // ended without an answer that tells what goes on
	lumped bool
	apart  bool            // it is told apart: it stands in the chains of what its callee serves
	until  time.Time       // once ended: when it no longer counts, whatever becomes of its tasks
	tasks  map[string]bool // tasks that go on when the answer has ended
	links  [chains]link
}

// NewLedger returns an empty ledger of a mesh of one process. Linger is how long a task that goes on after the answer
// counts as served unless it is seen to end, and how long a call that broke off does.
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
	of := s.serving(callee)
	of.sweep(now)
	of.begun++
	if of.count >= maxServed {
		of.pool(c)
		return c
	}
	of.add(c)
	return c
}

// End notes that the call was answered. The tasks are those it started that go on; while any does, the agent still
// serves the call, until each has been seen to end or the ledger's time for that is over.
func (c *Call) End(running []string, now time.Time) { c.end(running, false, now) }

// Break notes that the call is over without an answer that tells what goes on: its caller went away, or it was cut off.
// The agent need not have noticed, so that it counts as serving the call until the ledger's time for that is over.
func (c *Call) Break(now time.Time) { c.end(nil, true, now) }

// Shared reports whether other processes may serve calls of which this one heard only when the call began: then what was
// judged before has to be judged once more. A nil call is not shared.
func (c *Call) Shared() bool { return c != nil && c.ledger.shared != nil }

func (c *Call) end(running []string, broken bool, now time.Time) {
	goesOn := broken || len(running) > 0
	switch {
	case !c.ends(running, broken, now) || c.told == nil:
	case goesOn:
		c.ledger.shared.lingers(c.told, running, now.Add(c.ledger.linger))
	default:
		c.ledger.shared.forget(c.told)
	}
}

// ends reports whether the call had not ended before.
func (c *Call) ends(running []string, broken bool, now time.Time) bool {
	s := c.ledger.shard(c.callee)
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.agents[c.callee]
	if of == nil || c.ended {
		return false
	}
	c.ended, c.broken = true, broken
	goesOn := broken || len(running) > 0
	switch {
	case c.lumped:
		of.lumpOpen--
		if goesOn {
			of.lumped = now.Add(c.ledger.linger)
		}
	case goesOn:
		of.goesOn(c, running, now.Add(c.ledger.linger))
	default:
		of.drop(c)
	}
	of.settle(s, c.callee, now)
	return true
}

func (c *Call) over(now time.Time) bool { return c.ended && now.After(c.until) }

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
	over = of.finished(task)
	of.settle(s, callee, now)
	return over
}

// drop forgets a call of which only tasks went on.
func (l *Ledger) drop(c *Call, now time.Time) {
	s := l.shard(c.callee)
	s.mu.Lock()
	defer s.mu.Unlock()
	if of := s.agents[c.callee]; of != nil && c.ended {
		of.drop(c)
		of.settle(s, c.callee, now)
	}
}

// Traced returns the calls that the agent serves at the moment now, the given one excepted, and that carried the trace, or
// may have: first those of this process in the order in which they began, then those of others in the order in which the
// shared memory has them. An empty trace matches none. What others have written and cannot be read counts as a call without
// any authority, and may have carried every trace.
func (l *Ledger) Traced(name agent.ID, trace string, now time.Time, besides *Call) []Served {
	if trace == "" {
		return nil
	}
	s := l.shard(name)
	s.mu.Lock()
	of := s.serves(name)
	traced := of.traces[trace].at(byTrace, now, besides)
	if of.lumps(now) {
		traced = append(traced, of.lump)
	}
	s.mu.Unlock()
	if l.shared != nil {
		traced = append(traced, l.shared.others.traced(name, trace, now)...)
	}
	return traced
}

// All returns the calls that the agent serves at the moment now, the given one excepted, in the order of Traced.
func (l *Ledger) All(name agent.ID, now time.Time, besides *Call) []Served {
	s := l.shard(name)
	s.mu.Lock()
	of := s.serves(name)
	all := of.calls.at(byCallee, now, besides)
	if of.lumps(now) {
		all = append(all, of.lump)
	}
	s.mu.Unlock()
	if l.shared != nil {
		all = append(all, l.shared.others.all(name, now)...)
	}
	return all
}

// Any reports whether All returns any.
func (l *Ledger) Any(name agent.ID, now time.Time, besides *Call) bool {
	s := l.shard(name)
	s.mu.Lock()
	of := s.serves(name)
	found := of.lumps(now) || of.calls.any(now, besides)
	s.mu.Unlock()
	return found || l.shared != nil && l.shared.others.any(name, now)
}
