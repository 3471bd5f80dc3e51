package rulebook

import (
	"iter"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/policy"
)

// CallOf returns what policies were asked when the record was made. It reports false for records that do not say: those of
// answers, and those of requests that were refused before policies were asked.
func CallOf(r audit.Record) (policy.Call, bool) {
	if r.Call == nil || r.Phase != "" {
		return policy.Call{}, false
	}
	assurance, ok := identity.AssuranceNamed(r.Assurance)
	if !ok {
		return policy.Call{}, false
	}
	var effect agent.Effect
	if err := effect.UnmarshalText([]byte(r.Effect)); err != nil {
		return policy.Call{}, false
	}
	c := policy.Call{
		Caller: r.Caller, CallerOwner: r.Call.CallerOwner, Ring: r.Ring, Trust: r.Trust, Assurance: assurance,
		Origin: r.Call.Origin, Hops: r.Call.Hops, Callee: r.Callee, CalleeOwner: r.Call.CalleeOwner,
		Method: a2a.Method(r.Method), Effect: effect, Skill: r.Skill, Action: r.Call.Action, Bytes: r.Call.Bytes, At: r.Time,
	}
	if r.Authority != nil {
		c.Unchained, c.Descent = r.Authority.Unchained, r.Authority.Descent
	}
	return c, true
}

// Side is what one set says of a recorded call: the decision, leaving aside what is counted, looked up or searched for, the
// rule that decides, and the word for why where that refuses.
type Side struct {
	Decision policy.Decision
	Rule     policy.Ref
	Reason   string
}

// Flip is a recorded call of which two sets say different things.
type Flip struct {
	Record   audit.Record
	Old, New Side
}

// Turn is a pair of decisions.
type Turn struct{ Old, New policy.Decision }

// Comparison says what a change of the policies would have meant for recorded calls.
type Comparison struct {
	// Compared is how many records tell what policies were asked; Untold is how many do not.
	Compared, Untold int
	// Turns counts decisions that are other ones, by what they were and are; Moved counts those that stay and are another
	// rule's.
	Turns map[Turn]int
	Moved int
	// Flips are the calls behind Turns, and Shifts those behind Moved, in the order of the records, as many as were asked
	// for.
	Flips, Shifts []Flip
}

// Flipped is how many decisions are other ones.
func (c Comparison) Flipped() (n int) {
	for _, count := range c.Turns {
		n += count
	}
	return n
}

// Compare returns where two sets differ on recorded calls as far as the parties say, with the first calls of each sort up to
// most. A nil set denies every call.
func Compare(records iter.Seq[audit.Record], before, after *policy.Set, at policy.Parties, most int) Comparison {
	c := Comparison{Turns: map[Turn]int{}}
	for r := range records {
		call, ok := CallOf(r)
		if !ok {
			c.Untold++
			continue
		}
		c.Compared++
		f := Flip{Record: r, Old: SideOf(before, &call, at), New: SideOf(after, &call, at)}
		switch {
		case f.Old.Decision != f.New.Decision:
			c.Turns[Turn{f.Old.Decision, f.New.Decision}]++
			if len(c.Flips) < most {
				c.Flips = append(c.Flips, f)
			}
		case f.Old != f.New:
			c.Moved++
			if len(c.Shifts) < most {
				c.Shifts = append(c.Shifts, f)
			}
		}
	}
	return c
}

// SideOf returns what the parties of a set say of a call. A nil set denies.
func SideOf(set *policy.Set, call *policy.Call, at policy.Parties) Side {
	outcome := set.Evaluate(call, at)
	decision, rule := outcome.Settle(nil)
	s := Side{Decision: decision, Rule: rule}
	if decision == policy.Deny {
		s.Reason = outcome.Refusal.Reason
	}
	return s
}
