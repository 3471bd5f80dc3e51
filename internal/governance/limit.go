package governance

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/policy"
)

// Meter counts what agents use. It must be safe for concurrent use.
type Meter interface {
	// Take counts a call of the agent in the ring unless that exceeds the limits, and says after how long it would not;
	// 0 for never.
	Take(name agent.ID, ring agent.Ring, l limit.Limits, now time.Time) (wait time.Duration, ok bool)
	// Enter counts a call as under way unless as many are; Leave counts it off.
	Enter(name agent.ID, ring agent.Ring, most int) bool
	Leave(name agent.ID, ring agent.Ring)
}

// rateStage bounds how often an agent calls. A call in a lower ring than the agent's own counts in both, so that acting
// for others never lets it call more often.
type rateStage struct {
	meter  Meter
	limits limit.Table
}

func (s rateStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.Caller.Anonymous() {
		return allow()
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
	v := deny(TooOften, GatewaySide, "rate-exceeded", "the agent calls more often than its ring allows; try again later")
	v.RetryAfterSeconds, v.Excused = max(1, int((wait+time.Second-1)/time.Second)), excused
	return v
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
	limits limit.Table
}

func (s concurrencyStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.Caller.Anonymous() || !x.carried || x.inside {
		return allow()
	}
	if s.meter == nil {
		return Verdict{}
	}
	ring := x.Authority.Ring
	if x.inside = s.meter.Enter(x.Caller.Agent, ring, s.limits.Of(ring).Concurrent); x.inside {
		x.insideRing = ring
		return allow()
	}
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
