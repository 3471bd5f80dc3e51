package cards

import (
	"bytes"
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/strictjson"
)

// Assessed is a card with what its signatures are worth.
type Assessed struct {
	Card         agent.Card
	Verification agent.CardVerification
}

// Members of a card by the class of change that they belong to; what is not listed belongs to OtherChange.
var (
	securityMembers = []string{"securitySchemes", "securityRequirements", "security"}
	placeMembers    = []string{"supportedInterfaces", "url", "preferredTransport", "additionalInterfaces", "protocolVersion"}
)

// Changes returns the classes in which a card differs from the one in force, in the order of their constants. What
// is compared is what the cards mean: how they are written does not count, nor do the bytes of signatures. A card
// that is no longer verified has other keys, whatever its signatures name.
func Changes(before, after Assessed) []agent.CardChange {
	was, is := read(before.Card.Raw), read(after.Card.Raw)
	moved := !slices.Equal(before.Card.Interfaces, after.Card.Interfaces)
	differs := map[agent.CardChange]bool{
		agent.InterfacesChange: moved,
		agent.SkillsChange:     !bytes.Equal(was.skills, is.skills),
		agent.SecurityChange:   !bytes.Equal(was.security, is.security),
		agent.KeysChange:       !slices.Equal(was.keys, is.keys) || before.Verification.Verified() && !after.Verification.Verified(),
		agent.OtherChange:      !bytes.Equal(was.other, is.other) || !moved && !bytes.Equal(was.places, is.places),
	}
	var changes []agent.CardChange
	for _, class := range []agent.CardChange{
		agent.InterfacesChange, agent.SkillsChange, agent.SecurityChange, agent.KeysChange, agent.OtherChange,
	} {
		if differs[class] {
			changes = append(changes, class)
		}
	}
	return changes
}

// meaning is what a card says, by class, in canonical form. A part that has none is nil.
type meaning struct {
	skills, security, places, other []byte
	keys                            []string
}

func read(raw []byte) meaning {
	document, err := strictjson.Parse(raw)
	if err != nil {
		return meaning{}
	}
	var m meaning
	var security, places, other []strictjson.Member
	var skills []strictjson.Value
	for _, member := range cardMessage.present(document).Members() {
		switch {
		case member.Name == "skills":
			var required []strictjson.Value
			skills, required = splitSkills(member.Value)
			security = append(security, strictjson.Member{Name: member.Name, Value: strictjson.ArrayOf(required)})
		case slices.Contains(securityMembers, member.Name):
			security = append(security, member)
		case slices.Contains(placeMembers, member.Name):
			places = append(places, member)
		case member.Name != "signatures":
			other = append(other, member)
		}
	}
	// Both cards pass through here alike, so that a part without a canonical form equals only another such part.
	m.skills, _ = canonical(strictjson.ArrayOf(skills))
	m.security, _ = canonical(strictjson.ObjectOf(security))
	m.places, _ = canonical(strictjson.ObjectOf(places))
	m.other, _ = canonical(strictjson.ObjectOf(other))
	m.keys = signers(document)
	return m
}

// splitSkills returns the skills without what they require of callers, and what those that require something do.
func splitSkills(list strictjson.Value) (skills, required []strictjson.Value) {
	for _, skill := range list.Elements() {
		var rest, needs []strictjson.Member
		for _, member := range skill.Members() {
			switch {
			case slices.Contains(securityMembers, member.Name):
				needs = append(needs, member)
			default:
				if member.Name == "id" {
					needs = append(needs, member)
				}
				rest = append(rest, member)
			}
		}
		skills = append(skills, strictjson.ObjectOf(rest))
		if len(needs) > 1 {
			required = append(required, strictjson.ObjectOf(needs))
		}
	}
	return skills, required
}

// signers returns who the card's signatures say they are by, sorted.
func signers(document strictjson.Value) []string {
	signatures, err := parseSignatures(document)
	if err != nil {
		return []string{"unreadable"}
	}
	var names []string
	for _, s := range signatures {
		if s.problem != nil {
			names = append(names, "unreadable")
			continue
		}
		names = append(names, strings.Join([]string{s.kid, string(normal(s.alg)), s.jku}, "\x00"))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
