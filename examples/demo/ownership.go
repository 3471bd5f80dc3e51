package main

import (
	"context"
	"errors"
	"strings"

	"github.com/a2aproject/a2a-go/v2/a2a"
)

// ownership has one agent start a task, and then itself and another one read it. The agent that works on the task would
// tell both.
func (s scenario) ownership(ctx context.Context) (string, string) {
	client, err := s.dial(ctx, s.concierge, "ledger")
	if err != nil {
		return err.Error(), s.concierge.decision
	}
	result, err := client.SendMessage(ctx, message("20 EUR from A to B"))
	if err != nil {
		return err.Error(), s.concierge.decision
	}
	begun, ok := result.(*a2a.Task)
	if !ok {
		return "no task", s.concierge.decision
	}
	read, err := client.GetTask(ctx, &a2a.GetTaskRequest{ID: begun.ID})
	if err != nil {
		return err.Error(), s.concierge.decision
	}
	other, err := s.dial(ctx, s.weather, "ledger")
	if err != nil {
		return err.Error(), s.weather.decision
	}
	_, err = other.GetTask(ctx, &a2a.GetTaskRequest{ID: begun.ID})
	switch {
	case errors.Is(err, a2a.ErrTaskNotFound):
		return strings.ToLower(strings.TrimPrefix(read.Status.State.String(), "TASK_STATE_")) + ", not found", s.weather.decision
	case err != nil:
		return err.Error(), s.weather.decision
	}
	return "both read it", s.weather.decision
}
