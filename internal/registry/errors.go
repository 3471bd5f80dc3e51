package registry

import (
	"errors"
	"strings"

	"ringfence.dev/ringfence/internal/agent"
)

// Errors that callers branch on, beside agent.FieldError for bad input and store.ErrUnavailable.
var (
	// ErrNotFound: no agent of this name is registered.
	ErrNotFound = errors.New("no such agent")
	// ErrChanged: the agent's revision is not the expected one.
	ErrChanged = errors.New("the agent has changed since it was read")
	// ErrNoCardURL: the agent's card was given with its registration, so there is nowhere to fetch it from.
	ErrNoCardURL = errors.New("the agent's card was given inline: replace the registration to change it")
	// ErrNotPending: the agent has no changed card of the given digest that waits for approval.
	ErrNotPending = errors.New("no changed card of this digest waits for approval")
)

// ConflictError says which fields of a registration belong to another agent already.
type ConflictError struct {
	Fields []agent.FieldError
}

// Error returns the fields and the problems.
func (e *ConflictError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, field := range e.Fields {
		parts[i] = field.Error()
	}
	return strings.Join(parts, "; ")
}
