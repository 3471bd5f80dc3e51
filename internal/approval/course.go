package approval

import (
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// seen returns the latest moment at which anything is known to have happened to the approval.
func (a *Approval) seen() time.Time {
	latest := a.Asked
	for _, change := range a.History {
		if change.At.After(latest) {
			latest = change.At
		}
	}
	for _, vote := range a.Votes {
		if vote.At.After(latest) {
			latest = vote.At
		}
	}
	return latest
}

// moment returns the time by which the approval is judged: no clock that is set back makes it younger than it was.
func (a *Approval) moment(now time.Time) time.Time {
	if seen := a.seen(); seen.After(now) {
		return seen
	}
	return now.UTC().Truncate(time.Millisecond)
}

// over reports whether the approval's time has ended.
func (a *Approval) over(now time.Time) bool {
	return !a.moment(now).Before(a.Expires) || a.seen().After(now.Add(MaxSkew))
}

// At returns the approval as it is at the moment now: one whose time is over has expired, though nobody may have noted it.
func (a Approval) At(now time.Time) Approval {
	if a.State.live() && a.over(now) {
		return a.change(Expired, "", now)
	}
	return a
}

// change returns the approval in its next state.
func (a Approval) change(to State, by string, now time.Time) Approval {
	a.History = append(slices.Clip(a.History), Change{State: to, At: a.moment(now), By: by})
	a.State = to
	return a
}

// ended returns since when the approval can change no more.
func (a *Approval) ended() time.Time {
	if len(a.History) == 0 {
		return a.Asked
	}
	return a.History[len(a.History)-1].At
}

// met reports whether every requirement has its approvals, counted from the votes anew.
func (a *Approval) met() bool {
	for i := range a.Requirements {
		if a.Requirements[i].Minimum < 1 || a.approvals(i) < a.Requirements[i].Minimum {
			return false
		}
	}
	return len(a.Requirements) > 0
}

// approvals returns how many people of a requirement's groups approved.
func (a *Approval) approvals(requirement int) int {
	counted := map[string]bool{}
	for _, vote := range a.Votes {
		if vote.Choice == Approve && shares(vote.Groups, a.Requirements[requirement].Groups) {
			counted[vote.Approver] = true
		}
	}
	return len(counted)
}

func shares(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// vote returns the approval with one more vote. Voting the same again changes nothing. A denial still counts when enough
// people have approved, as long as the call has not gone on.
func (a Approval) vote(b Ballot, now time.Time) (Approval, error) {
	by := b.approver
	switch {
	case by == nil:
		return a, ErrUnproven
	case b.Approval != a.ID || b.Digest != a.Digest:
		return a, ErrOther
	case a.excludes(by):
		return a, ErrExcluded
	case !a.asks(by):
		return a, ErrNotAsked
	}
	switch state := a.At(now).State; {
	case a.choice(by) == b.Choice && state == a.State:
		return a, nil
	case state != Pending && (state != Granted || b.Choice != Deny):
		return a, ErrEnded
	}
	a.Votes = append(slices.Clip(a.Votes), Vote{
		Approver: by.Name, Choice: b.Choice, Reason: b.Reason, At: a.moment(now), Groups: slices.Clone(by.Groups), Proof: b.proof,
	})
	a.Requirements = slices.Clone(a.Requirements)
	for i := range a.Requirements {
		a.Requirements[i].Approved = a.approvals(i)
	}
	switch {
	case b.Choice != Approve:
		return a.change(Denied, by.Name, now), nil
	case a.met():
		return a.change(Granted, by.Name, now), nil
	}
	return a, nil
}

// choice returns what the approver said last.
func (a *Approval) choice(by *Approver) Choice {
	for _, vote := range slices.Backward(a.Votes) {
		if vote.Approver == by.Name {
			return vote.Choice
		}
	}
	return ""
}

// excludes reports whether the approver answers for an agent that asks. How a name is written does not matter: it is
// better to leave out one person too many.
func (a *Approval) excludes(by *Approver) bool {
	return slices.ContainsFunc(a.Excluded, func(owner agent.Owner) bool {
		return sameName(string(owner), string(by.Owner)) || sameName(string(owner), by.Name)
	})
}

func sameName(a, b string) bool {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	return a != "" && strings.EqualFold(a, b)
}

func (a *Approval) asks(by *Approver) bool {
	return slices.ContainsFunc(a.Requirements, func(r Requirement) bool { return shares(by.Groups, r.Groups) })
}

// sameTerms reports whether two approvals of one digest ask the same people. They differ where an agent of the chain has
// got another owner, or where the content of the call is found to be worse than before.
func (a *Approval) sameTerms(b *Approval) bool {
	same := func(x, y Requirement) bool {
		return x.Party == y.Party && x.Policy == y.Policy && x.Rule == y.Rule && x.Minimum == y.Minimum && slices.Equal(x.Groups, y.Groups)
	}
	return slices.EqualFunc(a.Requirements, b.Requirements, same) && slices.Equal(a.Excluded, b.Excluded) &&
		a.Caller == b.Caller && a.Callee == b.Callee && a.Method == b.Method && a.Epoch == b.Epoch
}

// course is what comes of asking again.
type course uint8

// The courses. The zero value only says how things stand.
const (
	stays   course = iota // the approval is the answer
	expires               // its time is over, which has to be noted first
	goesOn                // it lets the call go on
	anew                  // a new one begins in its place
)

// asked returns what comes of asking anew, with fresh, where the approval stands.
func (a *Approval) asked(fresh *Approval, now time.Time) course {
	switch {
	case a.State.live() && (a.over(now) || a.Digest == fresh.Digest && !a.sameTerms(fresh)):
		return expires
	case a.State.live() && a.Digest != fresh.Digest:
		return stays
	case a.State == Granted && a.met():
		return goesOn
	case a.State.live():
		return stays
	case a.State == Denied && a.Digest == fresh.Digest && !a.over(now):
		return stays
	}
	return anew
}
