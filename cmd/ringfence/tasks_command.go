package main

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

func tasksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tasks",
		Short: "Look after whose the tasks of agents are",
		Long: `The mesh remembers which agent started which task, and lets nobody else use it. An agent that loses its tasks and
gives their ids to new ones has its callers refused, until the old owners are forgotten.`,
	}
	cmd.AddCommand(tasksOwnerCommand(), tasksAssignCommand(), tasksForgetCommand())
	return cmd
}

func taskPath(args []string) string {
	return "/v1/agents/" + url.PathEscape(args[0]) + "/tasks/" + url.PathEscape(args[1])
}

func tasksOwnerCommand() *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use:     "owner AGENT TASK",
		Short:   "Show whose a task is",
		Example: `  ringfence tasks owner weather 5f1c77aa`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			var owner taskOwner
			if err := c.do(cmd.Context(), http.MethodGet, taskPath(args), nil, &owner); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s, since %s\n", owner.Owner, owner.Started.UTC().Format(time.RFC3339))
			return nil
		},
	}
	api.register(cmd.Flags())
	return cmd
}

func tasksAssignCommand() *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use:   "assign AGENT TASK OWNER",
		Short: "Make a task an agent's, whoever's it was",
		Long: `Make a task an agent's, whoever's it was: for tasks that were started before the mesh knew of them, and for those
that go on under another caller.`,
		Example: `  ringfence tasks assign weather 5f1c77aa concierge`,
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			return c.do(cmd.Context(), http.MethodPut, taskPath(args), map[string]string{"owner": args[2]}, nil)
		},
	}
	api.register(cmd.Flags())
	return cmd
}

func tasksForgetCommand() *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use:   "forget AGENT TASK",
		Short: "Forget whose a task is, so that the agent can give its id to a new task",
		Long: `Forget whose a task is, so that the agent can give its id to a new task. The caller whose message starts that task
owns it then. Reading or continuing the old task makes nobody its owner: until an answer starts a task of this id,
tasks.unknown says whether everybody who may call the agent can use it (agent) or nobody (deny).

It is no error if nobody is known to own the task.`,
		Example: `  ringfence tasks forget weather 5f1c77aa`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			return c.do(cmd.Context(), http.MethodDelete, taskPath(args), nil, nil)
		},
	}
	api.register(cmd.Flags())
	return cmd
}
