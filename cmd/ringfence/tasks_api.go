package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/task"
)

type taskInput struct {
	Name string `path:"name" doc:"The agent that works on the task."`
	Task string `path:"task" doc:"The task's id, as the agent chose it."`
}

func (in *taskInput) ref() task.Ref { return task.Ref{Callee: agent.ID(in.Name), Task: in.Task} }

type taskOwner struct {
	Owner   agent.ID  `json:"owner" doc:"The agent that started the task."`
	DID     string    `json:"did,omitempty" doc:"The identifier that it proved then."`
	Context string    `json:"contextId,omitempty" doc:"The task's context."`
	Started time.Time `json:"startedAt" doc:"When the mesh saw the task start."`
}

type taskOutput struct{ Body taskOwner }

// taskReview lets an administrator see whose a task is, and give it up: an agent that starts anew may use the ids of its
// old tasks again, which would be their owners' still.
type taskReview struct {
	tasks  *task.Ledger
	logger *slog.Logger
}

func (v taskReview) register(api huma.API) {
	const path = "/v1/agents/{name}/tasks/{task}"
	huma.Register(api, huma.Operation{
		OperationID: "get-task-owner", Method: http.MethodGet, Path: path, Summary: "Get whose a task is", Errors: []int{401, 404, 503},
	}, v.owner)
	huma.Register(api, huma.Operation{
		OperationID: "forget-task", Method: http.MethodDelete, Path: path,
		Summary: "Forget whose a task is, so that the agent can give its id to a new task", Errors: []int{401, 503},
	}, v.forget)
}

func (v taskReview) owner(ctx context.Context, in *taskInput) (*taskOutput, error) {
	owner, err := v.tasks.Owner(ctx, "", in.ref())
	if err != nil {
		return nil, v.problem(err)
	}
	return &taskOutput{Body: taskOwner{owner.Agent, owner.DID, owner.Context, owner.Created}}, nil
}

func (v taskReview) forget(ctx context.Context, in *taskInput) (*struct{}, error) {
	if err := v.tasks.Forget(ctx, in.ref()); err != nil {
		return nil, v.problem(err)
	}
	return nil, nil
}

func (v taskReview) problem(err error) error {
	switch {
	case errors.Is(err, task.ErrUnowned), errors.Is(err, task.ErrUnnamed):
		return huma.Error404NotFound("nobody is known to own the task")
	case errors.Is(err, task.ErrTooMany):
		return huma.Error503ServiceUnavailable(err.Error())
	}
	v.logger.Error("a request about a task failed", slog.Any("error", err))
	return huma.Error503ServiceUnavailable("whose task it is cannot be told now; the log says why")
}
