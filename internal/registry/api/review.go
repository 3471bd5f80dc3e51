package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/registry"
)

// verificationBody is what the signatures of a card are worth.
type verificationBody struct {
	Status           agent.CardStatus `json:"status" enum:"unsigned,verified,invalid,unknown-key" doc:"Verified as soon as one signature is, else the worst that any is worth."`
	KeyID            string           `json:"kid,omitempty" doc:"The key, as the signature names it."`
	Algorithm        string           `json:"alg,omitempty" doc:"The algorithm of the signature."`
	Canonicalisation string           `json:"canonicalisation,omitempty" enum:"specified,stripped,verbatim" doc:"The canonical form that the signature covers."`
	Reason           string           `json:"reason,omitempty" doc:"Why the card is not verified."`
}

func verification(v agent.CardVerification) *verificationBody {
	if v.Status == "" {
		return nil
	}
	return &verificationBody{v.Status, v.KeyID, v.Algorithm, v.Canonicalisation, v.Reason}
}

// pendingBody is a changed card that waits.
type pendingBody struct {
	Digest       string             `json:"digest" doc:"Names the card; approving and rejecting repeat it."`
	Changes      []agent.CardChange `json:"changes" doc:"In what it differs from the card in force: interfaces, skills, security, keys, other."`
	Verification *verificationBody  `json:"verification,omitempty" doc:"What its signatures are worth."`
	FoundAt      time.Time          `json:"foundAt" doc:"When the mesh saw it first."`
	Document     cardDocument       `json:"document,omitempty" doc:"The card as the agent serves it."`
}

func pending(card *agent.PendingCard, withDocument bool) *pendingBody {
	if card == nil {
		return nil
	}
	body := &pendingBody{Digest: card.Digest, Changes: card.Changes, Verification: verification(card.Verification), FoundAt: card.Found}
	if withDocument {
		body.Document = cardDocument(card.Card.Raw)
	}
	return body
}

// cardBody is the answer about the card of one agent.
type cardBody struct {
	Name         agent.ID          `json:"name" doc:"The agent."`
	Digest       string            `json:"digest" doc:"Names the card in force."`
	Verification *verificationBody `json:"verification,omitempty" doc:"What its signatures are worth; left out when nobody looked."`
	CardURL      string            `json:"cardUrl,omitempty" doc:"Where it is fetched; left out when it was given inline."`
	Update       *agent.CardUpdate `json:"update,omitempty" doc:"Its last change since the agent was registered."`
	Document     cardDocument      `json:"document" doc:"The card in force, as the agent sent it."`
	Pending      *pendingBody      `json:"pending,omitempty" doc:"A changed card that waits for approval."`
}

type cardInput struct {
	Name string `path:"name" doc:"Name of the agent."`
}

type cardOutput struct {
	ETag string `header:"ETag"`
	Body cardBody
}

type refreshOutput struct {
	ETag string `header:"ETag"`
	Body struct {
		Outcome registry.CardOutcome `json:"outcome" enum:"unchanged,accepted,held,rejected" doc:"What became of the card that was found."`
		Card    cardBody             `json:"card" doc:"The agent's card as it is now."`
	}
}

type digestBody struct {
	Digest string `json:"digest" pattern:"^sha256:[0-9a-f]{64}$" doc:"Digest of the card that was looked at."`
}

type decisionInput struct {
	Name string `path:"name" doc:"Name of the agent."`
	Body digestBody
}

func (s *Server) registerCards() {
	const path = "/v1/agents/{name}/card"
	huma.Register(s.api, huma.Operation{
		OperationID: "get-card", Method: http.MethodGet, Path: path, Summary: "Get an agent's card and the changed one that waits", Errors: []int{401, 404},
	}, s.cardInForce)
	huma.Register(s.api, huma.Operation{
		OperationID: "refresh-card", Method: http.MethodPost, Path: path + ":refresh", Summary: "Fetch an agent's card again",
		Errors: []int{401, 404, 409, 412, 503},
	}, s.refreshCard)
	decision := func(id, word, summary string) huma.Operation {
		return s.withSmallBody(huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: path + ":" + word, Summary: summary, Errors: []int{400, 401, 404, 408, 409, 412, 413, 415, 503},
		})
	}
	huma.Register(s.api, decision("approve-card", "approve", "Put the changed card that waits in force"), s.decide((*registry.Registry).ApproveCard))
	huma.Register(s.api, decision("reject-card", "reject", "Forget the changed card that waits"), s.decide((*registry.Registry).RejectCard))
}

func (s *Server) cardInForce(_ context.Context, in *cardInput) (*cardOutput, error) {
	record, err := s.config.Registry.Get(agent.ID(in.Name))
	if err != nil {
		return nil, s.problem(err)
	}
	return s.cardAnswer(record)
}

func (s *Server) refreshCard(ctx context.Context, in *cardInput) (*refreshOutput, error) {
	record, outcome, err := s.config.Registry.RefreshCard(ctx, agent.ID(in.Name))
	if err != nil {
		return nil, s.problem(err)
	}
	card, err := s.cardAnswer(record)
	if err != nil {
		return nil, err
	}
	out := &refreshOutput{ETag: card.ETag}
	out.Body.Outcome, out.Body.Card = outcome, card.Body
	return out, nil
}

// decide returns the handler of a person's decision about the card that waits.
func (s *Server) decide(
	decision func(*registry.Registry, context.Context, agent.ID, string) (*agent.Record, error),
) func(context.Context, *decisionInput) (*cardOutput, error) {
	return func(ctx context.Context, in *decisionInput) (*cardOutput, error) {
		if _, err := agent.ParseID(in.Name); err != nil {
			return nil, noSuchAgent()
		}
		record, err := decision(s.config.Registry, ctx, agent.ID(in.Name), in.Body.Digest)
		if err != nil {
			return nil, s.problem(err)
		}
		return s.cardAnswer(record)
	}
}

func (s *Server) cardAnswer(record *agent.Record) (*cardOutput, error) {
	digest, err := cards.Digest(record.Card.Raw)
	if err != nil {
		return nil, s.problem(err)
	}
	return &cardOutput{ETag: etag(record.Revision), Body: cardBody{
		Name: record.Name, Digest: digest, Verification: verification(record.Verification), CardURL: record.CardURL,
		Update: record.CardUpdate, Document: cardDocument(record.Card.Raw), Pending: pending(record.Pending, true),
	}}, nil
}
