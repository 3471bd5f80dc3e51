package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/registry/api"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/trust"
)

// shownEvents is how many of the last events stand in an agent's trust.
const shownEvents = 10

type trustInput struct {
	Name string `path:"name" doc:"The agent's name."`
}

type trustOutput struct{ Body agentTrust }

// agentTrust is what an agent has earned at present.
type agentTrust struct {
	Agent       agent.ID      `json:"agent" doc:"The agent's name."`
	At          time.Time     `json:"at" doc:"The moment for which the score was computed."`
	Score       int           `json:"score" minimum:"0" maximum:"1000" doc:"The trust score."`
	Ring        int           `json:"ring" minimum:"0" maximum:"3" doc:"The ring that the score, its history and the ceiling give."`
	Ceiling     int           `json:"ceiling" minimum:"0" maximum:"3" doc:"The most privileged ring that an administrator assigned."`
	Base        int           `json:"base" minimum:"0" maximum:"1000" doc:"The score without any evidence."`
	Good        int64         `json:"good" doc:"Good evidence at the moment, in thousandths of a point; one completed call is a point."`
	Bad         int64         `json:"bad" doc:"Bad evidence at the moment, in thousandths of a point."`
	Quarantined bool          `json:"quarantined" doc:"That the agent takes no part until a person clears it."`
	Unreadable  bool          `json:"unreadable,omitempty" doc:"That what is stored of the agent cannot be read, which quarantines it."`
	Latch       *trust.Latch  `json:"latch,omitempty" doc:"The event that quarantined it. Agents are not told."`
	Next        *nextRing     `json:"next,omitempty" doc:"The ring that the agent rises to if its score stays where it is."`
	Events      []trust.Event `json:"events" doc:"The latest events, the newest last. Agents are told none."`
}

type nextRing struct {
	Ring int       `json:"ring" minimum:"0" maximum:"3" doc:"The ring."`
	At   time.Time `json:"at" doc:"When the dwell is over."`
}

type trustEventsOutput struct{ Body trustEvents }

// trustEvents is all that a score follows from.
type trustEvents struct {
	Agent      agent.ID      `json:"agent" doc:"The agent's name."`
	At         time.Time     `json:"at" doc:"The moment for which the score was computed."`
	Score      int           `json:"score" doc:"The score at that moment."`
	Base       agent.Trust   `json:"base" doc:"The score without any evidence, as registered."`
	Ceiling    agent.Ring    `json:"ceiling" doc:"The most privileged ring that an administrator assigned."`
	Scoring    trust.Rules   `json:"scoring" doc:"The rules by which the score follows from the state, in billionths of points and seconds."`
	Rules      trust.Rules   `json:"rules" doc:"The rules under which the events are counted."`
	Checkpoint trust.State   `json:"checkpoint" doc:"What all earlier events came to."`
	Events     []trust.Event `json:"events" doc:"The events since, in their order."`
	State      trust.State   `json:"state" doc:"What all events come to."`
}

type clearInput struct {
	Name string `path:"name" doc:"The agent's name."`
	Body trustClearance
}

type trustClearance struct {
	Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"Why the agent may take part again."`
	By     string `json:"by" minLength:"1" maxLength:"200" doc:"The person who decided that."`
}

// trustReview shows what agents have earned, and lets a person end a quarantine. Nothing takes a score or a signal: those
// come of what enforcement points see.
type trustReview struct {
	ledger *trust.Ledger
	// agents is the mesh as it is now.
	agents func() *registry.Snapshot
	now    func() time.Time
	logger *slog.Logger
}

func (v trustReview) register(a huma.API) {
	const path = "/v1/agents/{name}/trust"
	huma.Register(a, huma.Operation{
		OperationID: "get-trust", Method: http.MethodGet, Path: path, Summary: "Get an agent's trust score, and what it is made of",
		Errors: []int{401, 404},
	}, v.standing)
	huma.Register(a, huma.Operation{
		OperationID: "get-trust-events", Method: http.MethodGet, Path: path + "/events",
		Summary: "Get the events from which an agent's trust score follows", Errors: []int{401, 404, 409},
	}, v.events)
	huma.Register(a, huma.Operation{
		OperationID: "clear-trust", Method: http.MethodPost, Path: path + "/clear",
		Summary: "End an agent's quarantine by evidence, in a person's name", Errors: []int{401, 404, 409, 422, 503},
	}, v.clear)
}

func (v trustReview) standing(ctx context.Context, in *trustInput) (*trustOutput, error) {
	record, ok := v.agents().Agent(agent.ID(in.Name))
	if !ok {
		return nil, noSuchAgent()
	}
	now := v.now().Truncate(time.Second).UTC()
	image := v.ledger.Image()
	earned := image.Standing(record, now)
	body := agentTrust{
		Agent: record.Name, At: now, Score: int(earned.Score), Ring: earned.Ring.Number(), Ceiling: record.Ceiling.Number(),
		Base: int(record.Base), Quarantined: earned.Latched, Events: []trust.Event{},
	}
	if !earned.NextAt.IsZero() {
		body.Next = &nextRing{earned.Next.Number(), earned.NextAt}
	}
	// With whom another deals, and for what it was refused, is not its peers' to know.
	byAgent := api.ByAgent(ctx)
	if latch, ok := image.Latch(record.Name); ok && !byAgent {
		body.Latch = &latch
	}
	history, ok := image.History(record.Name)
	if !ok {
		return &trustOutput{body}, nil
	}
	body.Unreadable = !history.Readable()
	state := history.State()
	good, bad := state.Evidence(now, image.Rules())
	body.Good, body.Bad = int64(good*1000/trust.Point), int64(bad*1000/trust.Point)
	if byAgent {
		return &trustOutput{body}, nil
	}
	events := history.Events()
	body.Events = append(body.Events, events[max(0, len(events)-shownEvents):]...)
	return &trustOutput{body}, nil
}

func (v trustReview) events(_ context.Context, in *trustInput) (*trustEventsOutput, error) {
	record, ok := v.agents().Agent(agent.ID(in.Name))
	if !ok {
		return nil, noSuchAgent()
	}
	now := v.now().Truncate(time.Second).UTC()
	image := v.ledger.Image()
	body := trustEvents{
		Agent: record.Name, At: now, Score: int(image.Standing(record, now).Score), Base: record.Base, Ceiling: record.Ceiling,
		Scoring: image.Rules(), Rules: image.Rules(), Events: []trust.Event{},
	}
	if history, ok := image.History(record.Name); ok {
		if !history.Readable() {
			return nil, huma.Error409Conflict("what is stored of the agent cannot be read; it is quarantined until a person clears it")
		}
		body.Checkpoint, body.Rules = history.Checkpoint()
		body.Events = append(body.Events, history.Events()...)
		body.State = history.State()
	}
	return &trustEventsOutput{body}, nil
}

func (v trustReview) clear(ctx context.Context, in *clearInput) (*trustOutput, error) {
	if _, ok := v.agents().Agent(agent.ID(in.Name)); !ok {
		return nil, noSuchAgent()
	}
	err := v.ledger.Clear(ctx, agent.ID(in.Name), in.Body.By, in.Body.Reason)
	switch {
	case err == nil:
		return v.standing(ctx, &trustInput{in.Name})
	case errors.Is(err, trust.ErrUnnamed):
		return nil, huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: "body", Message: trust.ErrUnnamed.Error()})
	case errors.Is(err, trust.ErrNotQuarantined), errors.Is(err, trust.ErrNoHistory):
		return nil, huma.Error409Conflict(trust.ErrNotQuarantined.Error())
	case !errors.Is(err, store.ErrUnavailable):
		v.logger.Error("clearing an agent failed", slog.Any("error", err))
	}
	return nil, huma.Error503ServiceUnavailable("the clearance may not be stored; get the agent's trust before you repeat it")
}
