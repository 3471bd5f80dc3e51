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

type assignInput struct {
	Name string `path:"name" doc:"The agent that works on the task."`
	Task string `path:"task" doc:"The task's id, as the agent chose it."`
	Body struct {
		Owner agent.ID `json:"owner" doc:"The registered agent whose the task is from now on."`
	}
}

// taskReview lets an administrator see whose a task is, give it up, and give it to somebody: an agent that starts anew
// may use the ids of its old tasks again, which would be their owners' still, and tasks from before the mesh are
// nobody's.
type taskReview struct {
	tasks *task.Ledger
	// agents is the mesh as it is now.
	agents func() *registry.Snapshot
	now    func() time.Time
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
	huma.Register(api, huma.Operation{
		OperationID: "assign-task", Method: http.MethodPut, Path: path, Summary: "Make a task an agent's, whoever's it was",
		Errors: []int{401, 404, 409, 422, 503},
	}, v.assign)
}

func (v taskReview) owner(ctx context.Context, in *taskInput) (*taskOutput, error) {
	owner, err := v.tasks.Owner(ctx, "", in.ref())
	if _, ok := v.agents().Agent(agent.ID(in.Name)); !ok && errors.Is(err, task.ErrUnowned) {
		return nil, noSuchAgent()
	}
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

func (v taskReview) assign(ctx context.Context, in *assignInput) (*taskOutput, error) {
	ref := task.Ref{Callee: agent.ID(in.Name), Task: in.Task}
	agents := v.agents()
	if _, ok := agents.Agent(ref.Callee); !ok {
		return nil, noSuchAgent()
	}
	if _, ok := agents.Agent(in.Body.Owner); !ok {
		return nil, huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: "body.owner", Message: "must be the name of a registered agent"})
	}
	if err := v.tasks.Forget(ctx, ref); err != nil {
		return nil, v.problem(err)
	}
	owner, err := v.tasks.Learn(ctx, ref, task.Owner{Agent: in.Body.Owner, Created: v.now()}, task.Running)
	if err != nil {
		return nil, v.problem(err)
	}
	if owner.Agent != in.Body.Owner {
		return nil, huma.Error409Conflict("an answer made the task another agent's at the same moment")
	}
	return &taskOutput{Body: taskOwner{owner.Agent, owner.DID, owner.Context, owner.Created}}, nil
}

func noSuchAgent() error { return huma.Error404NotFound("no agent of this name is registered") }

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
