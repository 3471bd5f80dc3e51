package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
)

// Bounds of one registration.
const (
	maxDIDs         = 32 // those that are given, without what is minted
	maxSidecars     = 32
	maxWorkloads    = 32
	maxSubjects     = 64
	maxCapabilities = 256
	maxCardKeys     = 16
	maxOwner        = 256 // bytes
	maxReason       = 256 // bytes
)

// Registration is what an administrator says about an agent. Exactly one of Card and CardURL is given.
type Registration struct {
	// Name is the agent's name in the mesh.
	Name string
	// Card is the AgentCard as JSON; nil when it is to be fetched.
	Card []byte
	// CardURL is where the card is found: the card itself, or the agent's base URL.
	CardURL string
	// CardKeys are the keys that may sign the card, each a JWK or a did:key as JSON. Where there are any, no other
	// key may.
	CardKeys []json.RawMessage
	// DIDs are the agent's did:key and did:web identifiers; a did:mesh may stand beside the did:key it was minted from.
	DIDs []string
	// Sidecars are the did:keys of the sidecars that sign for the agent.
	Sidecars []string
	// Workloads are the SPIFFE IDs under which the agent's connections are authenticated.
	Workloads []string
	// Subjects are those of bearer tokens that speak for the agent.
	Subjects []agent.Subject
	// Owner answers for the agent.
	Owner string
	// Capabilities bound what the agent may ask of others. Nil takes the configured default, empty grants none.
	Capabilities []string
	// RingCeiling is the ring, 0 to 3, up to which the administrator vouches for the agent: it starts there.
	// Nil vouches for nothing: the agent starts in ring 3 and can rise to ring 1.
	RingCeiling *int
	// RequiredRing is the least privileged ring, 0 to 3, that may call the agent; nil is 3, which asks for none.
	RequiredRing *int
	// RequiredTrust is the lowest score, 0 to 1000, that may call the agent.
	RequiredTrust int
	// Effect is what an operation on the agent does: read, write or admin; empty means write.
	Effect string
	// SkillEffects overrides Effect by skill id of the card.
	SkillEffects map[string]string
}

// Validate returns every problem that shows without fetching a card or looking at other agents, each one as an
// agent.FieldError whose path is the field's name in the API.
func (g Registration) Validate() error {
	_, err := g.record(Defaults{})
	return err
}

// record returns the record the registration asks for. When the card is to be fetched, it is missing.
func (g Registration) record(defaults Defaults) (*agent.Record, error) {
	d := draft{record: &agent.Record{
		Name: agent.ID(g.Name), Owner: agent.Owner(g.Owner), CardURL: g.CardURL, Status: agent.Active,
		Capabilities: slices.Clone(defaults.Capabilities),
	}}
	if _, err := agent.ParseID(g.Name); err != nil {
		d.fail("name", err.Error())
	}
	if len(g.Owner) > maxOwner || !utf8.ValidString(g.Owner) || containsControl(g.Owner) {
		d.fail("owner", fmt.Sprintf("must have at most %d bytes and no control characters", maxOwner))
	}
	d.card(g)
	d.cardKeys(g.CardKeys)
	d.dids(g.DIDs)
	d.sidecars(g.Sidecars)
	d.workloads(g.Workloads)
	d.subjects(g.Subjects)
	d.capabilities(g.Capabilities)
	d.ceiling(g.RingCeiling)
	d.requirements(g.RequiredRing, g.RequiredTrust)
	d.record.Effect = d.effect("effect", g.Effect)
	d.skillEffects(g.SkillEffects)
	if g.Card != nil && d.record.Card.Raw != nil {
		d.problems = append(d.problems, skillProblems(d.record)...)
	}
	return d.record, errors.Join(d.problems...)
}

func containsControl(s string) bool {
	for _, c := range s {
		if unicode.IsControl(c) {
			return true
		}
	}
	return false
}

// draft is a record in the making with everything found wrong so far.
type draft struct {
	record   *agent.Record
	problems []error
}

func (d *draft) fail(path, problem string) {
	d.problems = append(d.problems, agent.FieldError{Path: path, Problem: problem})
}

func (d *draft) card(g Registration) {
	switch {
	case g.Card != nil && g.CardURL != "":
		d.fail("cardUrl", "must be left out when card is given")
	case g.Card == nil && g.CardURL == "":
		d.fail("card", "is required, or cardUrl to fetch it from")
	}
	if g.CardURL != "" {
		if err := checkCardURL(g.CardURL); err != nil {
			d.fail("cardUrl", err.Error())
		}
	}
	if g.Card != nil {
		card, err := agent.ParseCard(g.Card)
		if err != nil {
			d.problems = append(d.problems, err)
		}
		d.record.Card = card
	}
}

func (d *draft) cardKeys(given []json.RawMessage) {
	if len(given) > maxCardKeys {
		d.fail("cardKeys", fmt.Sprintf("must list at most %d keys", maxCardKeys))
		return
	}
	for i, raw := range given {
		if _, err := cards.ParseKey(raw); err != nil {
			d.fail(fmt.Sprintf("cardKeys[%d]", i), err.Error())
		}
	}
	d.record.CardKeys = slices.Clone(given)
}

func (d *draft) capabilities(given []string) {
	if given == nil {
		return
	}
	if len(given) > maxCapabilities {
		d.fail("capabilities", fmt.Sprintf("must list at most %d capabilities", maxCapabilities))
		return
	}
	d.record.Capabilities = make([]agent.Capability, 0, len(given))
	for i, s := range given {
		capability, err := agent.ParseCapability(s)
		if err != nil {
			d.fail(fmt.Sprintf("capabilities[%d]", i), err.Error())
		}
		d.record.Capabilities = append(d.record.Capabilities, capability)
	}
}

func (d *draft) ceiling(given *int) {
	if given == nil {
		d.record.Ceiling, d.record.Base = agent.Supervisor, agent.TrustUnknown
		return
	}
	ring, err := agent.RingFromNumber(*given)
	if err != nil {
		d.fail("ringCeiling", "must be 0, 1, 2 or 3")
	}
	d.record.Ceiling, d.record.Base = ring, agent.VouchedTrust(ring)
}

func (d *draft) requirements(ring *int, trust int) {
	if ring != nil {
		required, err := agent.RingFromNumber(*ring)
		if err != nil {
			d.fail("requiredRing", "must be 0, 1, 2 or 3")
		}
		d.record.RequiredRing = required
	}
	if trust < 0 || trust > int(agent.MaxTrust) {
		d.fail("requiredTrust", "must be 0 to 1000")
	}
	d.record.RequiredTrust = agent.Trust(trust)
}

func (d *draft) effect(path, given string) agent.Effect {
	var effect agent.Effect
	if given != "" && effect.UnmarshalText([]byte(given)) != nil {
		d.fail(path, "must be read, write or admin")
	}
	return effect
}

func (d *draft) skillEffects(given map[string]string) {
	if len(given) == 0 {
		return
	}
	d.record.SkillEffects = make(map[string]agent.Effect, len(given))
	for _, skill := range slices.Sorted(maps.Keys(given)) {
		d.record.SkillEffects[skill] = d.effect(skillPath(skill), given[skill])
	}
}

// skillProblems returns one problem for each skill effect whose skill the card does not have.
func skillProblems(record *agent.Record) []error {
	var problems []error
	for _, skill := range slices.Sorted(maps.Keys(record.SkillEffects)) {
		if _, ok := record.Card.Skill(skill); !ok {
			problems = append(problems, agent.FieldError{Path: skillPath(skill), Problem: "must name a skill of the card"})
		}
	}
	return problems
}

func skillPath(skill string) string {
	return "skillEffects." + skill[:min(len(skill), 64)]
}
