package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/did"
)

type webDIDInput struct {
	DID string `path:"did" doc:"A did:web of a registered agent."`
}

type webDIDAcceptInput struct {
	DID  string `path:"did" doc:"A did:web of a registered agent."`
	Body struct {
		Digest string `json:"digest" doc:"The digest of the document that waits."`
	}
}

type webDIDRefuseInput struct {
	DID  string `path:"did" doc:"A did:web of a registered agent."`
	Body struct {
		Key string `json:"key" minLength:"1" doc:"The key that never counts again: its DID URL, its did:key, or the DID itself for all."`
	}
}

// webDID is what the mesh knows of a did:web.
type webDID struct {
	DID       string     `json:"did" doc:"The DID."`
	Digest    string     `json:"digest,omitempty" doc:"The digest of the document in force."`
	Keys      []string   `json:"keys" doc:"The keys that count at the moment, as DID URLs."`
	Held      *heldDID   `json:"held,omitempty" doc:"A document that breaks with the one in force, and waits to be accepted."`
	Withdrawn bool       `json:"withdrawn,omitempty" doc:"That its host has no usable document any more."`
	Stale     bool       `json:"stale,omitempty" doc:"That its host has not stood by the keys for longer than they may count."`
	Confirmed *time.Time `json:"confirmedAt,omitempty" doc:"When the host was last found to stand by the keys."`
	Attempted *time.Time `json:"attemptedAt,omitempty" doc:"When the host was asked last."`
	Problem   string     `json:"problem,omitempty" doc:"Why the last attempt gave no document."`
	Refused   []string   `json:"refused,omitempty" doc:"The keys that never count again."`
}

type heldDID struct {
	Digest string    `json:"digest" doc:"Its digest, by which it is accepted."`
	Found  time.Time `json:"foundAt" doc:"When it was found first."`
	Keys   []string  `json:"keys" doc:"The keys that it would bring."`
}

type webDIDOutput struct{ Body webDID }

// webReview lets an administrator see how the documents of did:webs stand, and decide about those that wait.
type webReview struct {
	documents *did.Documents
	logger    *slog.Logger
}

func (v webReview) register(api huma.API) {
	const path = "/v1/dids/{did}/web"
	huma.Register(api, huma.Operation{
		OperationID: "get-web-did", Method: http.MethodGet, Path: path, Summary: "Get how the document of a did:web stands",
		Errors: []int{401, 404},
	}, v.status)
	huma.Register(api, huma.Operation{
		OperationID: "accept-web-did", Method: http.MethodPost, Path: path + "/accept",
		Summary: "Put the document of a did:web in force that waits", Errors: []int{401, 404, 409, 503},
	}, v.accept)
	huma.Register(api, huma.Operation{
		OperationID: "refuse-web-key", Method: http.MethodPost, Path: path + "/refuse",
		Summary: "Let a key of a did:web never count again, in all processes", Errors: []int{401, 404, 409, 422, 503},
	}, v.refuse)
	huma.Register(api, huma.Operation{
		OperationID: "forget-web-did", Method: http.MethodDelete, Path: path,
		Summary: "Forget all that is known of a did:web, keys that never were to count again too", Errors: []int{401, 404, 422, 503},
	}, v.forget)
}

func (v webReview) status(_ context.Context, in *webDIDInput) (*webDIDOutput, error) {
	status, ok := v.documents.Status(in.DID)
	if !ok {
		return nil, huma.Error404NotFound(did.ErrUnknown.Error())
	}
	body := webDID{
		DID: status.DID, Digest: status.Digest, Keys: keyIDs(status.Keys), Withdrawn: status.Withdrawn, Stale: status.Stale,
		Confirmed: moment(status.Confirmed), Attempted: moment(status.Attempted), Problem: status.Problem, Refused: status.Refused,
	}
	if held := status.Held; held != nil {
		body.Held = &heldDID{Digest: held.Digest, Found: held.Found.UTC(), Keys: keyIDs(held.Keys)}
	}
	return &webDIDOutput{Body: body}, nil
}

func keyIDs(keys []did.Key) []string {
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = key.ID
	}
	return ids
}

// moment returns a time for an answer; nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (v webReview) accept(ctx context.Context, in *webDIDAcceptInput) (*webDIDOutput, error) {
	if err := v.documents.Accept(ctx, in.DID, in.Body.Digest); err != nil {
		return nil, v.problem(err)
	}
	return v.status(ctx, &webDIDInput{DID: in.DID})
}

func (v webReview) refuse(ctx context.Context, in *webDIDRefuseInput) (*webDIDOutput, error) {
	key := in.Body.Key
	if key == in.DID {
		key = "" // all that it has or will have
	}
	if err := v.documents.Refuse(ctx, in.DID, key); err != nil {
		return nil, v.problem(err)
	}
	return v.status(ctx, &webDIDInput{DID: in.DID})
}

func (v webReview) forget(ctx context.Context, in *webDIDInput) (*struct{}, error) {
	if err := v.documents.Forget(ctx, in.DID); err != nil {
		return nil, v.problem(err)
	}
	return nil, nil
}

func (v webReview) problem(err error) error {
	switch {
	case errors.Is(err, did.ErrUnknown):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, did.ErrNotHeld):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, did.ErrForeignKey), errors.Is(err, did.ErrNotWeb):
		return huma.Error422UnprocessableEntity(err.Error())
	}
	v.logger.Error("a request about a did:web failed", slog.Any("error", err))
	return huma.Error503ServiceUnavailable("the store did not take the change; the log says why")
}
