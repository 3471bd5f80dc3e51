package lineage

import (
	"cmp"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
)

// serving is what one agent serves in this process.
type serving struct {
	calls  calls
	traces map[string]calls // those that carried a trace, by it
	begun  int
	// lump takes the place of the calls beyond maxServed; it counts until lumped, and while any of them is open.
	lump     Served
	lumped   time.Time
	lumpOpen int
}

// idle is what an agent serves that serves nothing.
var idle = &serving{}

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

// drop forgets a call that is told apart.
func (s *serving) drop(c *Call) {
	delete(s.calls, c)
	if delete(s.traces[c.served.Trace], c); len(s.traces[c.served.Trace]) == 0 {
		delete(s.traces, c.served.Trace)
	}
}

// sweep drops the calls whose time is over.
func (s *serving) sweep(now time.Time) {
	for c := range s.calls {
		if c.over(now) {
			s.drop(c)
		}
	}
}

// settle forgets an agent that serves nothing. The shard is held.
func (s *serving) settle(in *shard, callee agent.ID, now time.Time) {
	if s.lumpOpen == 0 && now.After(s.lumped) {
		s.lumped = time.Time{}
		if len(s.calls) == 0 {
			delete(in.agents, callee)
		}
	}
}

// calls are calls that are told apart.
type calls map[*Call]struct{}

func (c calls) add(call *Call) { c[call] = struct{}{} }

// at returns those of the calls that count at the moment now, one excepted, in the order in which they began.
func (c calls) at(now time.Time, besides *Call) []Served {
	var counting []*Call
	for call := range c {
		if call != besides && !call.over(now) {
			counting = append(counting, call)
		}
	}
	if counting == nil {
		return nil
	}
	slices.SortFunc(counting, func(a, b *Call) int { return cmp.Compare(a.number, b.number) })
	served := make([]Served, len(counting))
	for i, call := range counting {
		served[i] = call.served
	}
	return served
}

// any reports whether one of the calls counts at the moment now, one excepted.
func (c calls) any(now time.Time, besides *Call) bool {
	for call := range c {
		if call != besides && !call.over(now) {
			return true
		}
	}
	return false
}
