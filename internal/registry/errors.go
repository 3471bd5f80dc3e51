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
	// ErrNoKey: the agent has no such key.
	ErrNoKey = errors.New("the agent has no such key")
	// ErrRevoked: the agent is revoked, which is final.
	ErrRevoked = errors.New("the agent is revoked for ever: register a new one under another name, with other keys")
)

// ConflictError says which fields of a registration belong to another agent already, or are revoked.
type ConflictError struct {
	Fields []agent.FieldError
}

func (e *ConflictError) add(path, problem string) {
	e.Fields = append(e.Fields, agent.FieldError{Path: path, Problem: problem})
}

// Error returns the fields and the problems.
func (e *ConflictError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, field := range e.Fields {
		parts[i] = field.Error()
	}
	return strings.Join(parts, "; ")
}
