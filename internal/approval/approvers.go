package approval

import (
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
)

// Bounds of approvers.
const (
	// MaxApprovers is how many people can be approvers.
	MaxApprovers = 1000
	maxGroups    = 64
	maxName      = 128
)

// Approver is a person who decides about calls. The zero value is nobody.
type Approver struct {
	// Name tells the person from all others, in votes and in records.
	Name string
	// Owner is what the person is accountable for agents as; empty for none. Nobody decides about calls of agents whose
	// owner is this, or the person's name.
	Owner agent.Owner
	// Groups are what policies ask.
	Groups []string
	// Key is the did:key of the Ed25519 key with which the person signs ballots; empty for none.
	Key string
	// Token is whom the person's bearer tokens are about; the zero value for none.
	Token agent.Subject
}

// Approvers are the people who decide. They are immutable; nil has none.
type Approvers struct {
	list    []*Approver
	keys    map[string]*Approver
	tokens  map[agent.Subject]*Approver
	members map[string][]*Approver
}

// Compile checks approvers, with every problem reported at once. Two of them share neither name nor key nor token: one
// person would count as two.
func Compile(list []Approver) (*Approvers, error) {
	a := &Approvers{keys: map[string]*Approver{}, tokens: map[agent.Subject]*Approver{}, members: map[string][]*Approver{}}
	var problems []error
	if len(list) > MaxApprovers {
		problems = append(problems, fmt.Errorf("approvers: must be at most %d", MaxApprovers))
	}
	for i, given := range list {
		by := given
		by.Groups = slices.Compact(slices.Sorted(slices.Values(given.Groups)))
		for _, problem := range a.add(&by) {
			problems = append(problems, fmt.Errorf("approvers[%d].%w", i, problem))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return a, nil
}

// add takes one approver in, and returns what is wrong with it.
func (a *Approvers) add(by *Approver) []error {
	var problems []error
	switch {
	case !printable(by.Name):
		problems = append(problems, fmt.Errorf("name: must be 1 to %d bytes of text", maxName))
	case slices.ContainsFunc(a.list, func(other *Approver) bool { return sameName(other.Name, by.Name) }):
		problems = append(problems, errors.New("name: must not be that of another approver"))
	}
	if by.Owner != "" && !printable(string(by.Owner)) {
		problems = append(problems, fmt.Errorf("owner: must be at most %d bytes of text", maxName))
	}
	if len(by.Groups) == 0 || len(by.Groups) > maxGroups || !every(by.Groups, policy.IsGroup) {
		problems = append(problems, fmt.Errorf("groups: must be 1 to %d, each of letters, digits, dots, hyphens and underscores, at most 64", maxGroups))
	}
	if by.Key == "" && by.Token == (agent.Subject{}) {
		problems = append(problems, errors.New("key: must be given, or else a token: nothing could prove a vote"))
	}
	if by.Key != "" {
		if _, err := agent.ParseKeyDID(by.Key); err != nil {
			problems = append(problems, fmt.Errorf("key: %w", err))
		} else if a.keys[by.Key] != nil {
			problems = append(problems, errors.New("key: must not be that of another approver"))
		}
		a.keys[by.Key] = by
	}
	if by.Token != (agent.Subject{}) {
		if by.Token.Issuer == "" || by.Token.Name == "" {
			problems = append(problems, errors.New("token: must have an issuer and a subject"))
		} else if a.tokens[by.Token] != nil {
			problems = append(problems, errors.New("token: must not be that of another approver"))
		}
		a.tokens[by.Token] = by
	}
	for _, group := range by.Groups {
		a.members[group] = append(a.members[group], by)
	}
	a.list = append(a.list, by)
	return problems
}

func every(list []string, is func(string) bool) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !is(s) })
}

// printable reports whether a name can be shown as it is.
func printable(s string) bool {
	if s == "" || len(s) > maxName || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if !unicode.IsPrint(c) {
			return false
		}
	}
	return true
}

// Has reports whether anybody is in the group.
func (a *Approvers) Has(group string) bool { return a != nil && len(a.members[group]) > 0 }

// Enough reports whether as many people of the groups as the minimum says could vote, about calls in which agents of the
// excluded owners ask.
func (a *Approvers) Enough(minimum int, groups []string, excluded []agent.Owner) bool {
	if a == nil {
		return false
	}
	asks := Approval{Excluded: excluded, Requirements: []Requirement{{Minimum: minimum, Groups: groups}}}
	able := 0
	for _, by := range a.list {
		if asks.asks(by) && !asks.excludes(by) {
			able++
		}
	}
	return minimum > 0 && able >= minimum
}

// Reader reports whether a verified token is an approver's, who may read what people are asked.
func (a *Approvers) Reader(subject agent.Subject) bool {
	return a != nil && subject != (agent.Subject{}) && a.tokens[subject] != nil
}
