package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/killswitch"
	"ringfence.dev/ringfence/internal/store"
)

// killNote is what an administrator says about a switch. All of it may be left out: who is in a hurry explains later.
type killNote struct {
	Reason string `json:"reason,omitempty" doc:"Why, for people."`
	By     string `json:"by,omitempty" doc:"Who pulls the switch, for people."`
}

type pullMesh struct {
	Body *killNote `required:"false"`
}

type pullAgent struct {
	Name string    `path:"name" doc:"The agent, registered or not."`
	Body *killNote `required:"false"`
}

type pullOwner struct {
	Owner string    `path:"owner" doc:"The owner of agents, percent-encoded."`
	Body  *killNote `required:"false"`
}

type liftAgent struct {
	Name string `path:"name" doc:"The agent, registered or not."`
}

type liftOwner struct {
	Owner string `path:"owner" doc:"The owner of agents, percent-encoded."`
}

type killed struct{ Body killswitch.Switch }

type killList struct {
	Body struct {
		Switches []killswitch.Switch `json:"switches" doc:"The switches that are pulled, the mesh's first, then owners' and agents' by name."`
	}
}

// killSwitches lets an administrator stop an agent, all agents of an owner, or the mesh: new calls of and to them are
// refused, and those under way are cut off.
type killSwitches struct {
	board  *killswitch.Board
	logger *slog.Logger
}

func (k killSwitches) register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-kill-switches", Method: http.MethodGet, Path: "/v1/kill", Summary: "List the kill switches that are pulled",
		Errors: []int{401},
	}, func(context.Context, *struct{}) (*killList, error) {
		list := &killList{}
		list.Body.Switches = k.board.List()
		return list, nil
	})
	registerSwitch(api, k, switchPath{"mesh", "/v1/kill/mesh", "everybody"},
		func(in *pullMesh) killswitch.Switch { return in.Body.of(killswitch.Mesh, "") },
		func(*struct{}) (killswitch.Scope, string) { return killswitch.Mesh, "" })
	registerSwitch(api, k, switchPath{"agent", "/v1/kill/agents/{name}", "an agent"},
		func(in *pullAgent) killswitch.Switch { return in.Body.of(killswitch.Agent, in.Name) },
		func(in *liftAgent) (killswitch.Scope, string) { return killswitch.Agent, in.Name })
	registerSwitch(api, k, switchPath{"owner", "/v1/kill/owners/{owner}", "all agents of an owner"},
		func(in *pullOwner) killswitch.Switch { return in.Body.of(killswitch.Owner, in.Owner) },
		func(in *liftOwner) (killswitch.Scope, string) { return killswitch.Owner, in.Owner })
}

// of returns the switch that the note is about; nil says nothing.
func (n *killNote) of(scope killswitch.Scope, name string) killswitch.Switch {
	if n == nil {
		n = &killNote{}
	}
	return killswitch.Switch{Scope: scope, Name: name, Reason: n.Reason, By: n.By}
}

// switchPath is where a kind of switch is pulled and lifted, and whom it stops.
type switchPath struct{ name, path, whom string }

// registerSwitch adds pulling and lifting a kind of switch: what a request asks for is read by asked and meant.
func registerSwitch[P, L any](api huma.API, k killSwitches, s switchPath, asked func(*P) killswitch.Switch, meant func(*L) (killswitch.Scope, string)) {
	huma.Register(api, huma.Operation{
		OperationID: "kill-" + s.name, Method: http.MethodPut, Path: s.path, Errors: []int{401, 422, 503},
		Summary: "Stop " + s.whom + ", calls under way included",
	}, func(ctx context.Context, in *P) (*killed, error) {
		pulled, err := k.board.Pull(ctx, asked(in))
		if err != nil {
			return nil, k.problem(err)
		}
		k.logger.Warn("a kill switch was pulled", slog.String("scope", string(pulled.Scope)), slog.String("name", pulled.Name),
			slog.String("by", pulled.By), slog.String("reason", pulled.Reason))
		return &killed{Body: pulled}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "lift-" + s.name, Method: http.MethodDelete, Path: s.path, Errors: []int{401, 404, 409, 422, 503},
		Summary: "Let " + s.whom + " take part again",
	}, func(ctx context.Context, in *L) (*struct{}, error) {
		scope, name := meant(in)
		if err := k.board.Lift(ctx, scope, name); err != nil {
			return nil, k.problem(err)
		}
		k.logger.Warn("a kill switch was lifted", slog.String("scope", string(scope)), slog.String("name", name))
		return nil, nil
	})
}

func (k killSwitches) problem(err error) error {
	switch {
	case errors.Is(err, killswitch.ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, killswitch.ErrNotPulled):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, store.ErrConflict):
		return huma.Error409Conflict("somebody pulled the switch anew at the same moment")
	}
	k.logger.Error("a request about a kill switch failed", slog.Any("error", err))
	return huma.Error503ServiceUnavailable("the store failed, and the switch may be as it was: list the switches; the log says why")
}
