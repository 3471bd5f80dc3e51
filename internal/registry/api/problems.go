package api

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
)

// retryAfter is what clients are told to wait, in seconds, when this side is the problem.
const retryAfter = "2"

// problem returns the answer to an error of the registry.
func (s *Server) problem(err error) error {
	var conflict *registry.ConflictError
	switch fields := agent.FieldErrors(err); {
	case len(fields) > 0:
		return huma.NewError(http.StatusUnprocessableEntity, "validation failed", details(fields)...)
	case errors.As(err, &conflict):
		return huma.NewError(http.StatusConflict, "another agent, or a revocation, is in the way", details(conflict.Fields)...)
	case errors.Is(err, registry.ErrNotFound):
		return noSuchAgent()
	case errors.Is(err, registry.ErrChanged):
		return huma.NewError(http.StatusPreconditionFailed, "the agent has changed: get it again and decide anew",
			&huma.ErrorDetail{Location: "header.If-Match", Message: "is not the agent's present ETag"})
	case errors.Is(err, registry.ErrNoKey):
		return huma.NewError(http.StatusNotFound, err.Error(), &huma.ErrorDetail{Location: "path.did", Message: "names no key of the agent"})
	case errors.Is(err, registry.ErrNoCardURL), errors.Is(err, registry.ErrNotPending), errors.Is(err, registry.ErrRevoked):
		return huma.NewError(http.StatusConflict, err.Error())
	case errors.Is(err, store.ErrUnavailable):
		s.config.Logger.Error("store failed", slog.Any("error", err))
		// The administrator is who can act on what the store says, such as freeing space.
		return unavailable(err.Error() + "; if this was a write, get the agent before you repeat it")
	}
	s.config.Logger.Error("request failed", slog.Any("error", err))
	return huma.NewError(http.StatusInternalServerError, "the request could not be served; the log says why")
}

func noSuchAgent() error {
	return huma.NewError(http.StatusNotFound, "no agent of this name is registered",
		&huma.ErrorDetail{Location: "path.name", Message: "names no registered agent"})
}

func unavailable(detail string) error {
	return huma.ErrorWithHeaders(huma.NewError(http.StatusServiceUnavailable, detail), http.Header{"Retry-After": {retryAfter}})
}

func details(fields []agent.FieldError) []error {
	list := make([]error, len(fields))
	for i, field := range fields {
		location := "body"
		if field.Path != "" {
			location += "." + field.Path
		}
		list[i] = &huma.ErrorDetail{Location: location, Message: field.Problem}
	}
	return list
}
