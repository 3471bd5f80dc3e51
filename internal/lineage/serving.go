package lineage

import (
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
)

// serving is what one agent serves in this process.
type serving struct {
	// calls are those that are told apart, count how many these are, and begun how many there were since the agent served
	// nothing.
	calls        chain
	count, begun int
	traces       map[string]chain // those of the calls that carried a trace, by it
	ending       chain            // those that have ended and go on, by when they no longer count
	// lump takes the place of the calls beyond maxServed; it counts until lumped, and while any of them is open.
	lump     Served
	lumped   time.Time
	lumpOpen int
}

// idle is what an agent serves that serves nothing.
var idle = &serving{}

// serves returns what the agent serves, for reading. The shard is held.
func (s *shard) serves(name agent.ID) *serving {
	if of := s.agents[name]; of != nil {
		return of
	}
	return idle
}

// serving returns what the agent serves, to add to it. The shard is held.
func (s *shard) serving(name agent.ID) *serving {
	of := s.agents[name]
	if of != nil {
		return of
	}
	if of, s.spare = s.spare, nil; of == nil {
		of = &serving{traces: map[string]chain{}}
	}
	if s.agents == nil {
		s.agents = map[agent.ID]*serving{}
	}
	s.agents[name] = of
	return of
}

// add notes a call that is told apart.
func (s *serving) add(c *Call) {
	c.apart = true
	s.count++
	s.calls.add(byCallee, c)
	if trace := c.served.Trace; trace != "" {
		with := s.traces[trace]
		with.add(byTrace, c)
		s.traces[trace] = with
	}
}

// goesOn notes that a call that is told apart has ended, but for the tasks or what nobody sees.
func (s *serving) goesOn(c *Call, tasks []string, until time.Time) {
	if c.until = until; len(tasks) > 0 {
		c.tasks = make(map[string]bool, len(tasks))
	}
	for _, id := range tasks {
		c.tasks[id] = true
	}
	s.ending.insert(c)
}

// finished drops the calls that are over with the task, and returns what others know of them.
func (s *serving) finished(task string) (over []*told) {
	for c := s.ending.first; c != nil; {
		next := c.links[byEnd].next
		if delete(c.tasks, task); !c.broken && len(c.tasks) == 0 {
			s.drop(c)
			if c.told != nil {
				over = append(over, c.told)
			}
		}
		c = next
	}
	return over
}

// pool puts a call with the lump: its trace is not told apart any more, so that the lump counts for every trace.
func (s *serving) pool(c *Call) {
	c.lumped = true
	var before Served
	if s.lumpOpen > 0 || !s.lumped.IsZero() {
		before = s.lump
	}
	s.lump = before.join(c.served)
	s.lumpOpen++
}

// join returns what stands for the calls that the receiver stands for, if any, and another one. However many there are, it
// stays small.
func (s Served) join(other Served) Served {
	both := Served{Many: true, Holders: s.Holders, Authority: other.Authority}
	if s.Many {
		both.Authority = authority.LowWater(s.Authority, []authority.Authority{other.Authority})
	}
	for _, name := range other.Holders {
		if len(both.Holders) < maxHolders && !slices.Contains(both.Holders, name) {
			both.Holders = append(slices.Clip(both.Holders), name)
		}
	}
	return both
}

// lumps reports whether the lump counts at the moment now.
func (s *serving) lumps(now time.Time) bool { return s.lumpOpen > 0 || now.Before(s.lumped) }

// drop forgets a call that is told apart; any other call stays what it is.
func (s *serving) drop(c *Call) {
	if !c.apart {
		return
	}
	c.apart = false
	s.count--
	s.calls.remove(byCallee, c)
	if trace := c.served.Trace; trace != "" {
		with := s.traces[trace]
		if with.remove(byTrace, c); with.first == nil {
			delete(s.traces, trace)
		} else {
			s.traces[trace] = with
		}
	}
	if !c.until.IsZero() {
		s.ending.remove(byEnd, c)
	}
}

// sweep drops the calls whose time is over. It looks at no other but one.
func (s *serving) sweep(now time.Time) {
	for c := s.ending.first; c != nil && c.over(now); c = s.ending.first {
		s.drop(c)
	}
}

// settle forgets an agent that serves nothing. The shard is held.
func (s *serving) settle(in *shard, callee agent.ID, now time.Time) {
	if s.lumpOpen > 0 || !now.After(s.lumped) {
		return
	}
	s.lumped = time.Time{}
	if s.count > 0 {
		return
	}
	delete(in.agents, callee)
	if s.begun <= maxSpare {
		s.begun, s.lump = 0, Served{}
		in.spare = s
	}
}
