package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/vouch"
)

type verifyQuestion struct {
	DID                  string   `json:"did" minLength:"1" maxLength:"512" doc:"The agent that is asked about, by any DID of its keys."`
	RequiredScore        int      `json:"requiredScore,omitempty" minimum:"0" maximum:"1000" doc:"The lowest trust score."`
	RequiredCapabilities []string `json:"requiredCapabilities,omitempty" maxItems:"32" doc:"What the agent must be allowed to ask of others, as verb:resource."`
	RequiredRing         *int     `json:"requiredRing,omitempty" minimum:"0" maximum:"3" doc:"The least privileged ring; absent asks for none."`
}

type verifyInput struct{ Body verifyQuestion }

type verifyAnswer struct {
	Verified bool           `json:"verified" doc:"Whether every requirement is met."`
	Agent    agent.ID       `json:"agent,omitempty" doc:"The agent's name; absent when no registered agent holds the DID."`
	DID      string         `json:"did" doc:"The DID that was asked about."`
	Score    int            `json:"score" doc:"Its trust score at present."`
	Ring     int            `json:"ring" doc:"Its ring at present."`
	Status   string         `json:"status,omitempty" doc:"active, quarantined, revoked, or stopped for one that may do nothing at present."`
	Reasons  []vouch.Reason `json:"reasons" doc:"Every requirement that is not met."`
}

type verifyOutput struct{ Body verifyAnswer }

// peerReview answers what agents ask about each other before they call.
type peerReview struct {
	// lookup returns what the mesh knows of the agent that holds a DID at the moment now; the zero Subject for none.
	lookup func(did string, now time.Time) vouch.Subject
	now    func() time.Time
}

func (v peerReview) register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "verify-agent", Method: http.MethodPost, Path: "/v1/verify",
		Summary: "Say whether an agent meets what a peer requires of it, and what is missing", Errors: []int{401, 422},
	}, v.verify)
}

func (v peerReview) verify(_ context.Context, in *verifyInput) (*verifyOutput, error) {
	question, problems := in.Body.question()
	if len(problems) > 0 {
		return nil, huma.Error422UnprocessableEntity("validation failed", problems...)
	}
	answer := vouch.Evaluate(question, v.lookup(in.Body.DID, v.now()))
	reasons := answer.Reasons
	if reasons == nil {
		reasons = []vouch.Reason{}
	}
	return &verifyOutput{verifyAnswer{
		Verified: answer.Verified, Agent: answer.Agent, DID: in.Body.DID, Score: int(answer.Score), Ring: answer.Ring.Number(),
		Status: string(answer.Status), Reasons: reasons,
	}}, nil
}

// question returns what is asked, and each field that cannot be read.
func (q verifyQuestion) question() (question vouch.Question, problems []error) {
	fail := func(path string, err error) {
		problems = append(problems, &huma.ErrorDetail{Location: "body." + path, Message: err.Error()})
	}
	if q.RequiredScore < 0 || q.RequiredScore > int(agent.MaxTrust) {
		fail("requiredScore", fmt.Errorf("must be 0 to %d", agent.MaxTrust))
	}
	question.Score = agent.Trust(q.RequiredScore)
	if q.RequiredRing != nil {
		ring, err := agent.RingFromNumber(*q.RequiredRing)
		if err != nil {
			fail("requiredRing", err)
		}
		question.Ring = ring
	}
	if len(q.RequiredCapabilities) > vouch.MaxCapabilities {
		fail("requiredCapabilities", fmt.Errorf("must list at most %d", vouch.MaxCapabilities))
	}
	for i, text := range q.RequiredCapabilities {
		capability, err := agent.ParseCapability(text)
		if err != nil {
			fail(fmt.Sprintf("requiredCapabilities[%d]", i), err)
			continue
		}
		question.Capabilities = append(question.Capabilities, capability)
	}
	return question, problems
}
