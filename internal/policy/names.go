package policy

import (
	"fmt"
	"slices"
	"strings"
)

// The names are how documents, records and commands spell the values; an empty one belongs to no value.
var (
	partySpellings    = []string{CallerParty: "caller", GatewayParty: "gateway", CalleeParty: "callee", OrganisationParty: "organisation"}
	modeSpellings     = []string{Enforce: "enforce", Shadow: "shadow"}
	bySpellings       = []string{ByAgent: "agent", ByOwner: "owner", ByPair: "pair", BySkill: "skill", ByTarget: "target"}
	decisionSpellings = []string{Deny: "deny", Approve: "approve", Allow: "allow"}
	severitySpellings = []string{Low: "low", Medium: "medium", High: "high", Critical: "critical"}
	kindSpellings     = []string{
		Permit: "permit", Forbid: "forbid", ReadOnly: "read_only", RateLimit: "rate_limit", Concurrency: "concurrency",
		RequireApproval: "require_approval", MaxBody: "max_body", TimeLimit: "time_limit",
		RequireAssurance: "require_assurance", MinTrust: "min_trust", RequireRing: "require_ring", Content: "content",
		Cedar: "cedar",
	}
)

// String returns caller, gateway, callee or organisation, and unknown for what is no party.
func (p Party) String() string { return spell(partySpellings, p) }

// ParseParty returns the party that documents spell so.
func ParseParty(s string) (Party, error) { return parseName[Party]("party", partySpellings, s) }

// MarshalText writes the party's name.
func (p Party) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText accepts the name of a party.
func (p *Party) UnmarshalText(text []byte) error { return assign(p, text, ParseParty) }

// String returns enforce or shadow, and unknown for what is no mode.
func (m Mode) String() string { return spell(modeSpellings, m) }

// ParseMode returns the mode that documents spell so.
func ParseMode(s string) (Mode, error) { return parseName[Mode]("mode", modeSpellings, s) }

// MarshalText writes the mode's name.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText accepts the name of a mode.
func (m *Mode) UnmarshalText(text []byte) error { return assign(m, text, ParseMode) }

// String returns the kind as documents spell it, such as read_only, and unknown for what is no kind.
func (k Kind) String() string { return spell(kindSpellings, k) }

// ParseKind returns the kind of rule that documents spell so.
func ParseKind(s string) (Kind, error) { return parseName[Kind]("rule", kindSpellings, s) }

// MarshalText writes the kind's name; that of the zero kind, which a reference to no rule has, is empty.
func (k Kind) MarshalText() ([]byte, error) {
	if k == 0 {
		return nil, nil
	}
	return []byte(k.String()), nil
}

// UnmarshalText accepts the name of a kind, and an empty one as the zero kind.
func (k *Kind) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*k = 0
		return nil
	}
	return assign(k, text, ParseKind)
}

// String returns agent, owner, pair, skill or target, and unknown for what is none of them.
func (b By) String() string { return spell(bySpellings, b) }

// ParseBy returns who shares a limit that documents spell so.
func ParseBy(s string) (By, error) { return parseName[By]("by", bySpellings, s) }

// MarshalText writes the name.
func (b By) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText accepts agent, owner, pair, skill and target.
func (b *By) UnmarshalText(text []byte) error { return assign(b, text, ParseBy) }

// String returns deny, approve or allow; what is no decision is told as deny.
func (d Decision) String() string {
	if int(d) < len(decisionSpellings) {
		return decisionSpellings[d]
	}
	return decisionSpellings[Deny]
}

// ParseDecision returns the decision that documents spell so.
func ParseDecision(s string) (Decision, error) {
	return parseName[Decision]("decision", decisionSpellings, s)
}

// MarshalText writes the decision's name.
func (d Decision) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts deny, approve and allow.
func (d *Decision) UnmarshalText(text []byte) error { return assign(d, text, ParseDecision) }

// String returns low, medium, high or critical, and unknown for what is no severity.
func (s Severity) String() string { return spell(severitySpellings, s) }

// ParseSeverity returns the severity that documents spell so.
func ParseSeverity(s string) (Severity, error) {
	return parseName[Severity]("severity", severitySpellings, s)
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts low, medium, high and critical.
func (s *Severity) UnmarshalText(text []byte) error { return assign(s, text, ParseSeverity) }

func spell[T ~uint8](names []string, v T) string {
	if int(v) < len(names) && names[v] != "" {
		return names[v]
	}
	return "unknown"
}

func parseName[T ~uint8](what string, names []string, s string) (T, error) {
	if i := slices.Index(names, s); i >= 0 && s != "" {
		return T(i), nil
	}
	return 0, fmt.Errorf("%s must be %s, not %q", what, alternatives(names), s)
}

// alternatives lists names as a sentence does; the empty ones are left out.
func alternatives(names []string) string {
	names = slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "" })
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func assign[T any](to *T, text []byte, parse func(string) (T, error)) error {
	v, err := parse(string(text))
	if err == nil {
		*to = v
	}
	return err
}
