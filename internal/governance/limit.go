package governance

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/policy"
)

// Meter counts what agents use. It must be safe for concurrent use.
type Meter interface {
	// Take counts a call of the agent in the ring unless that exceeds the limits, and says after how long it would not;
	// 0 for never.
	Take(name agent.ID, ring agent.Ring, l limit.Limits, now time.Time) (wait time.Duration, ok bool)
	// Enter counts a call as under way unless as many are, and returns how many are then, 0 for a call that is not counted;
	// Leave counts it off.
	Enter(name agent.ID, ring agent.Ring, most int) int
	Leave(name agent.ID, ring agent.Ring)
}

// rateStage bounds how often an agent calls. A call in a lower ring than the agent's own counts in both, so that acting
// for others never lets it call more often.
type rateStage struct {
	meter  Meter
	shared Budgets // counts in the place of meter, for all processes of the mesh; nil counts in this one
	limits limit.Table
}

func (s rateStage) Judge(ctx context.Context, x *Exchange) Verdict {
	if x.Caller.Anonymous() {
		return allow()
	}
	if s.shared != nil {
		return s.together(x, s.shared.Take(ctx, s.draws(x), x.Time))
	}
	if s.meter == nil {
		return Verdict{}
	}
	effective, own := x.Authority.Ring, x.Own.Ring
	wait, ok := s.meter.Take(x.Caller.Agent, effective, s.limits.Of(effective), x.Time)
	excused := !ok && own != effective
	if ok && own != effective {
		wait, ok = s.meter.Take(x.Caller.Agent, own, s.limits.Of(own), x.Time)
	}
	if ok {
		return allow()
	}
	return tooOften(wait, excused)
}

func tooOften(wait time.Duration, excused bool) Verdict {
	v := deny(TooOften, GatewaySide, "rate-exceeded", "the agent calls more often than its ring allows; try again later")
	v.RetryAfterSeconds, v.Excused = max(1, int((wait+time.Second-1)/time.Second)), excused
	return v
}

// draws are the rates in which a call counts: that of the ring in which it acts first.
func (s rateStage) draws(x *Exchange) []budget.Draw {
	draws := []budget.Draw{s.draw(x, x.Authority.Ring)}
	if x.Own.Ring != x.Authority.Ring {
		draws = append(draws, s.draw(x, x.Own.Ring))
	}
	return draws
}

func (s rateStage) draw(x *Exchange, ring agent.Ring) budget.Draw {
	l := s.limits.Of(ring)
	return budget.Draw{Key: ringKey("rate", x.Caller.Agent, ring), Limit: l.PerSecond, Per: time.Second, Burst: l.Burst}
}

// ringKey names what an agent may use in a ring. No policy has such a name.
func ringKey(of string, name agent.ID, ring agent.Ring) string {
	return "~" + of + "/" + ring.String() + "/" + string(name)
}

// together is the verdict of the rates that all processes count.
func (s rateStage) together(x *Exchange, result budget.Result) Verdict {
	switch {
	case result.OK:
		return allow()
	case result.Err != nil:
		return uncounted(result.Err)
	}
	return tooOften(result.Wait, result.Refused == 0 && x.Own.Ring != x.Authority.Ring)
}

// sizeStage bounds the bodies of requests by ring: as their header tells, and as they are.
type sizeStage struct {
	limits limit.Table
}

func (s sizeStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.Caller.Anonymous() {
		return allow()
	}
	size := len(x.Request.Body)
	if text, ok := x.Request.Header.Get("content-length"); ok && !x.Request.Complete {
		length, err := strconv.ParseInt(text, 10, 64)
		if err != nil || length < 0 {
			return deny(Invalid, GatewaySide, "length-invalid", "the content-length is no number")
		}
		size = max(size, int(length))
	}
	most := s.limits.Of(x.Authority.Ring).Body
	if size <= most {
		return allow()
	}
	v := deny(TooLarge, GatewaySide, "body-too-large", fmt.Sprintf("a body may have %d bytes in ring %s", most, x.Authority.Ring))
	v.Excused = size <= s.limits.Of(x.Own.Ring).Body
	return v
}

// concurrencyStage bounds how many calls of an agent are under way at once. Only calls whose end is seen are counted.
type concurrencyStage struct {
	meter  Meter
	shared Budgets // as in rateStage
	limits limit.Table
}

func (s concurrencyStage) Judge(ctx context.Context, x *Exchange) Verdict {
	if x.Caller.Anonymous() || !x.carried || x.inside {
		return allow()
	}
	ring := x.Authority.Ring
	if s.shared != nil {
		return s.together(ctx, x, ring)
	}
	if s.meter == nil {
		return Verdict{}
	}
	most := s.limits.Of(ring).Concurrent
	if n := s.meter.Enter(x.Caller.Agent, ring, most); n > 0 {
		x.inside, x.insideRing, x.scarce = true, ring, n > most/2
		return allow()
	}
	return callsWaiting(x, ring)
}

// together counts the call as under way in all processes.
func (s concurrencyStage) together(ctx context.Context, x *Exchange, ring agent.Ring) Verdict {
	draw := budget.Draw{Key: ringKey("calls", x.Caller.Agent, ring), Limit: s.limits.Of(ring).Concurrent}
	for _, drawn := range x.drawn {
		if drawn.Key == draw.Key {
			return allow()
		}
	}
	switch result := s.shared.Take(ctx, []budget.Draw{draw}, x.Moment); {
	case result.OK:
		x.drawn = append(x.drawn, draw)
		return allow()
	case result.Err != nil:
		return uncounted(result.Err)
	}
	return callsWaiting(x, ring)
}

func callsWaiting(x *Exchange, ring agent.Ring) Verdict {
	v := deny(TooOften, GatewaySide, "calls-waiting", "the agent has as many calls under way as its ring allows; try again when one is over")
	v.RetryAfterSeconds, v.Excused = 1, x.Own.Ring != ring
	return v
}

// durationStage ends calls that take longer than the ring in which they began and what policies said then allow, streams with a last event.
type durationStage struct{}

func (durationStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.TimeLimit <= 0 || !x.Moment.After(x.Time.Add(x.TimeLimit)) {
		return allow()
	}
	if x.timed.Policy != "" {
		return ruled(x.timed, policy.ReasonTime, fmt.Sprintf("a call may take %s here", x.TimeLimit))
	}
	return deny(TooLong, GatewaySide, "time-exceeded", fmt.Sprintf("a call may take %s in ring %s", x.TimeLimit, x.Authority.Ring))
}
