package governance

import (
	"context"
	"time"

	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/policy"
)

// Budgets counts the limits that policies set. It must be safe for concurrent use.
type Budgets interface {
	// Take counts a call in all of the limits or, when one has no room, in none.
	Take(ctx context.Context, draws []budget.Draw, now time.Time) budget.Result
	// Leave counts a call off in those that bound how many are under way.
	Leave(draws []budget.Draw)
}

// budgetStage counts the call in every limit that policies set for it. It stands behind all that could refuse the call
// for what it is, so that only calls that are let through use a limit up, and before people are asked, so that their
// patience is bounded too.
type budgetStage struct {
	budgets Budgets
}

func (s budgetStage) Judge(ctx context.Context, x *Exchange) Verdict {
	if x.judgedBy == "" {
		return Verdict{}
	}
	if len(x.Policy.Budgets) == 0 || x.counted {
		return allow()
	}
	if s.budgets == nil {
		return Verdict{}
	}
	var room [4]budget.Draw
	draws := room[:0]
	var shadows []policy.Budget
	for _, b := range x.Policy.Budgets {
		switch {
		case b.Per == 0 && !x.carried: // nobody tells of the end
		case b.Mode == policy.Shadow:
			shadows = append(shadows, b)
		default:
			draws = append(draws, drawOf(b))
		}
	}
	if x.counted = true; len(shadows) > 0 {
		s.shadow(ctx, x, shadows)
	}
	if len(draws) == 0 {
		return allow()
	}
	result := s.budgets.Take(ctx, draws, x.Moment)
	if result.OK {
		for _, d := range draws {
			if d.Per == 0 {
				x.drawn = append(x.drawn, d)
			}
		}
		return allow()
	}
	return s.refusal(x, draws, result)
}

// shadowWait bounds for how long a call waits for all limits that refuse nobody.
const shadowWait = 100 * time.Millisecond

// shadow counts the call in limits that refuse nobody, each by itself.
func (s budgetStage) shadow(ctx context.Context, x *Exchange, limits []policy.Budget) {
	ctx, cancel := context.WithTimeout(ctx, shadowWait)
	defer cancel()
	for _, b := range limits {
		draw := []budget.Draw{drawOf(b)}
		switch result := s.budgets.Take(ctx, draw, x.Moment); {
		case !result.OK && result.Err == nil:
			x.shadow(b.Ref, reasonOf(b))
		case result.OK && b.Per == 0:
			x.drawn = append(x.drawn, draw[0])
		}
	}
}

func (s budgetStage) refusal(x *Exchange, draws []budget.Draw, result budget.Result) Verdict {
	if result.Err != nil {
		return uncounted(result.Err)
	}
	for _, b := range x.Policy.Budgets {
		if b.Mode == policy.Shadow || result.Refused >= len(draws) || b.Key != draws[result.Refused].Key {
			continue
		}
		message := "more calls than a limit allows; try again later"
		if b.Per == 0 {
			message = "as many calls are under way as a limit allows; try again when one is over"
		}
		v := ruled(b.Ref, reasonOf(b), message)
		v.RetryAfterSeconds = max(1, int((result.Wait+time.Second-1)/time.Second))
		return v
	}
	return Verdict{}
}

// uncounted refuses a call of which nobody can tell whether a limit has room for it.
func uncounted(err error) Verdict {
	v := deny(Unavailable, GatewaySide, "budget-undecided", "whether the limits have room could not be found out in time; try again later")
	v.Evidence, v.RetryAfterSeconds = []string{err.Error()}, 1
	return v
}

func reasonOf(b policy.Budget) string {
	if b.Per == 0 {
		return policy.ReasonConcurrency
	}
	return policy.ReasonRate
}

func drawOf(b policy.Budget) budget.Draw {
	return budget.Draw{Key: b.Key, Limit: b.Limit, Per: b.Per, Burst: b.Burst}
}
