package api

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
)

// cardDocument is an AgentCard as it stands in bodies.
type cardDocument json.RawMessage

// MarshalJSON returns the card as received.
func (c cardDocument) MarshalJSON() ([]byte, error) { return c, nil }

// Schema describes a card by reference to A2A, which defines it.
func (cardDocument) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "An AgentCard of A2A 1.0, of 0.3, or of both shapes at once."}
}

// registrationBody describes the body of a registration; decodeRegistration reads it.
type registrationBody struct {
	Name          string            `json:"name" minLength:"1" maxLength:"63" pattern:"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" example:"weather" doc:"Name in the mesh: one DNS label."`
	Card          cardDocument      `json:"card,omitempty" doc:"The AgentCard. Exactly one of card and cardUrl is given."`
	CardURL       string            `json:"cardUrl,omitempty" format:"uri" doc:"Where the card is: the card itself, or the agent's base URL. Fetched from public addresses and allowed networks alone."`
	CardKeys      []any             `json:"cardKeys,omitempty" maxItems:"16" doc:"Keys that may sign the card, each a JWK with a kid or a did:key. Where there are any, no other key may."`
	DIDs          []string          `json:"dids,omitempty" doc:"did:key and did:web identifiers of the agent. A did:mesh is minted for each did:key."`
	Sidecars      []string          `json:"sidecarDids,omitempty" maxItems:"32" doc:"did:keys of the sidecars that sign for the agent."`
	Workloads     []string          `json:"spiffeIds,omitempty" maxItems:"32" doc:"SPIFFE IDs under which the agent's connections are authenticated."`
	Subjects      []agent.Subject   `json:"subjects,omitempty" maxItems:"64" doc:"Subjects of bearer tokens that speak for the agent, each with its issuer."`
	Owner         string            `json:"owner,omitempty" maxLength:"256" doc:"Who answers for the agent."`
	Capabilities  []string          `json:"capabilities,omitempty" doc:"What the agent may ask of others, as verb:resource. Left out: the configured default. Empty: nothing."`
	RingCeiling   int               `json:"ringCeiling,omitempty" minimum:"0" maximum:"3" doc:"The ring up to which you vouch for the agent; it starts there. Left out: it starts in ring 3 and can rise to ring 1."`
	RequiredRing  int               `json:"requiredRing,omitempty" minimum:"0" maximum:"3" doc:"The least privileged ring that may call the agent. Left out: 3, which asks for none."`
	RequiredTrust int               `json:"requiredTrust,omitempty" minimum:"0" maximum:"1000" doc:"The lowest trust score that may call the agent. Left out: 0."`
	Effect        string            `json:"effect,omitempty" enum:"read,write,admin" doc:"What an operation on the agent does. Left out: write."`
	SkillEffects  map[string]string `json:"skillEffects,omitempty" doc:"Effects by skill id of the card; they can only be stronger than effect."`
}

// agentBody is the answer about one agent.
type agentBody struct {
	Name          agent.ID          `json:"name" doc:"Name in the mesh."`
	Card          cardDocument      `json:"card" doc:"The AgentCard as received."`
	CardURL       string            `json:"cardUrl,omitempty" doc:"Where the card was fetched."`
	CardKeys      []json.RawMessage `json:"cardKeys,omitempty" doc:"Keys that may sign the card."`
	Verification  *verificationBody `json:"cardVerification,omitempty" doc:"What the signatures of the card are worth; left out when nobody looked."`
	Pending       *pendingBody      `json:"pendingCard,omitempty" doc:"A changed card that waits for approval; left out when none does."`
	CardUpdate    *agent.CardUpdate `json:"cardUpdate,omitempty" doc:"The last change of the card since the agent was registered."`
	DIDs          []string          `json:"dids" doc:"Identifiers of the agent, as registered and as minted."`
	Sidecars      []string          `json:"sidecarDids,omitempty" doc:"did:keys of the sidecars that sign for the agent."`
	Workloads     []string          `json:"spiffeIds,omitempty" doc:"SPIFFE IDs under which the agent's connections are authenticated."`
	Subjects      []agent.Subject   `json:"subjects,omitempty" doc:"Subjects of bearer tokens that speak for the agent."`
	Owner         agent.Owner       `json:"owner,omitempty" doc:"Who answers for the agent."`
	Capabilities  []string          `json:"capabilities" doc:"What the agent may ask of others."`
	RingCeiling   int               `json:"ringCeiling" minimum:"0" maximum:"3" doc:"The most privileged ring the agent may reach."`
	RequiredRing  int               `json:"requiredRing" minimum:"0" maximum:"3" doc:"The least privileged ring that may call the agent."`
	RequiredTrust int               `json:"requiredTrust" minimum:"0" maximum:"1000" doc:"The lowest trust score that may call the agent."`
	Effect        string            `json:"effect" enum:"read,write,admin" doc:"What an operation on the agent does."`
	SkillEffects  map[string]string `json:"skillEffects,omitempty" doc:"Effects by skill id."`
	MeshURL       string            `json:"meshUrl" format:"uri" doc:"The agent's base URL in the mesh."`
	Ring          int               `json:"ring" minimum:"0" maximum:"3" doc:"The ring the agent is in."`
	Trust         int               `json:"trust" minimum:"0" maximum:"1000" doc:"The agent's trust score."`
	Status        agent.Status      `json:"status" enum:"active,quarantined,revoked" doc:"Whether the agent takes part in the mesh."`
	StatusChange  *statusChangeBody `json:"statusChange,omitempty" doc:"The last change of the status by a person; left out when there was none."`
	CreatedAt     time.Time         `json:"createdAt" doc:"When the agent was registered."`
	UpdatedAt     time.Time         `json:"updatedAt" doc:"When the registration last changed."`
}

// statusChangeBody is a change of an agent's status.
type statusChangeBody struct {
	At     time.Time `json:"at" doc:"When it was made."`
	Reason string    `json:"reason" doc:"What the person gave as the reason."`
}

func statusChange(change *agent.StatusChange) *statusChangeBody {
	if change == nil {
		return nil
	}
	return &statusChangeBody{change.At, change.Reason}
}

func (s *Server) body(record *agent.Record) agentBody {
	trust, ring := record.Standing()
	body := agentBody{
		Name: record.Name, Card: cardDocument(record.Card.Raw), CardURL: record.CardURL, CardKeys: record.CardKeys,
		Verification: verification(record.Verification), Pending: pending(record.Pending, false), CardUpdate: record.CardUpdate,
		DIDs:     append([]string{}, record.DIDs...),
		Sidecars: record.Sidecars, Workloads: record.Workloads, Subjects: record.Subjects,
		RequiredRing: record.RequiredRing.Number(), RequiredTrust: int(record.RequiredTrust), StatusChange: statusChange(record.StatusChange),
		Owner: record.Owner, Capabilities: make([]string, len(record.Capabilities)), RingCeiling: record.Ceiling.Number(),
		Effect: record.Effect.String(), MeshURL: s.meshURL(record.Name), Ring: ring.Number(), Trust: int(trust), Status: record.Status,
		CreatedAt: record.Created, UpdatedAt: record.Updated,
	}
	for i, capability := range record.Capabilities {
		body.Capabilities[i] = string(capability)
	}
	if len(record.SkillEffects) > 0 {
		body.SkillEffects = make(map[string]string, len(record.SkillEffects))
	}
	for skill, effect := range record.SkillEffects {
		body.SkillEffects[skill] = effect.String()
	}
	return body
}

func (s *Server) meshURL(name agent.ID) string {
	return strings.TrimSuffix(s.config.PublicURL(), "/") + agent.MeshPrefix + string(name)
}

// etag is the entity tag of a record at a revision.
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// matchTag reports whether the list of an If-None-Match field has the tag, or stands for any. The comparison is
// the weak one (RFC 9110 section 13.1.2).
func matchTag(field, tag string) bool {
	for candidate := range strings.SplitSeq(field, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}

// expected returns the revision an If-Match field lets a write go ahead on: 0 for any. The comparison is the
// strong one: a weak tag matches nothing (RFC 9110 section 13.1.1).
func expected(field string, present uint64) (revision uint64, ok bool) {
	if field == "" {
		return 0, true
	}
	for candidate := range strings.SplitSeq(field, ",") {
		switch candidate = strings.TrimSpace(candidate); {
		case candidate == "*":
			return 0, true
		case present != 0 && candidate == etag(present):
			return present, true
		}
	}
	return 0, false
}
