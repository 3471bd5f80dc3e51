package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"ringfence.dev/ringfence/internal/agent"
)

// SetStatus takes an agent out of the mesh or back into it, and keeps the reason with the time in its record. Setting
// the status that the agent has changes nothing, so that a call may be repeated. Revoked is final: such an agent is
// never active again, and when it is deleted, its name and keys go with it. Errors are ErrNotFound, ErrRevoked,
// agent.FieldErrors, and those of the store.
func (r *Registry) SetStatus(ctx context.Context, name agent.ID, status agent.Status, reason string) (*agent.Record, error) {
	if err := checkStatus(status, reason); err != nil {
		return nil, err
	}
	was := agent.Status("")
	record, err := r.revise(ctx, name, func(next *agent.Record) (bool, error) {
		was = next.Status
		switch {
		case was == status:
			return false, nil
		case was == agent.Revoked:
			return false, ErrRevoked
		}
		next.Updated = r.now()
		next.Status, next.StatusChange = status, &agent.StatusChange{At: next.Updated, Reason: reason}
		return true, nil
	})
	if record != nil && was != status {
		r.config.Logger.Warn("the status of an agent was changed", slog.String("agent", string(name)),
			slog.String("from", string(was)), slog.String("to", string(status)), slog.String("reason", reason))
	}
	return record, err
}

func checkStatus(status agent.Status, reason string) error {
	d := draft{}
	if status != agent.Active && status != agent.Quarantined && status != agent.Revoked {
		d.fail("status", "must be active, quarantined or revoked")
	}
	switch problem := reasonProblem(reason); {
	case reason == "":
		d.fail("reason", "is required: the record says why")
	case problem != "":
		d.fail("reason", problem)
	}
	return errors.Join(d.problems...)
}

func reasonProblem(reason string) string {
	if len(reason) > maxReason || !utf8.ValidString(reason) || containsControl(reason) {
		return fmt.Sprintf("must have at most %d bytes and no control characters", maxReason)
	}
	return ""
}
