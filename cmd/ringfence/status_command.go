package main

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/agent"
)

// statusCommands are the commands that take an agent out of the mesh and back into it.
func statusCommands() []*cobra.Command {
	return []*cobra.Command{
		statusCommand(agent.Quarantined, &cobra.Command{
			Use:   "quarantine AGENT",
			Short: "Take an agent out of the mesh until somebody releases it",
			Long: `Take an agent out of the mesh until somebody releases it. It can neither call nor be called meanwhile; its keys, tasks
and registration stay.`,
			Example: `  ringfence quarantine weather --reason 'calls at night that nobody can explain'`,
		}),
		statusCommand(agent.Active, &cobra.Command{
			Use:   "release AGENT",
			Short: "Let an agent out of quarantine",
			Long: `Let an agent out of the quarantine that a person put it in. Where evidence did, ringfence trust clear ends
that.`,
			Example: `  ringfence release weather --reason 'it was the backup'`,
		}),
		statusCommand(agent.Revoked, &cobra.Command{
			Use:   "revoke AGENT",
			Short: "Take an agent out of the mesh for ever",
			Long: `Take an agent out of the mesh for ever. It can neither call nor be called, and nothing makes it active again: its name
and its keys are given to nobody, not even once it is deleted.`,
			Example: `  ringfence revoke weather --reason 'its host was broken into'`,
		}),
	}
}

// statusCommand completes a command that gives an agent a status.
func statusCommand(status agent.Status, cmd *cobra.Command) *cobra.Command {
	var api apiFlags
	var reason string
	cmd.Args = cobra.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := api.client()
		if err != nil {
			return err
		}
		body := map[string]string{"status": string(status), "reason": reason}
		var changed struct {
			Status       agent.Status `json:"status"`
			StatusChange struct {
				Reason string `json:"reason"`
			} `json:"statusChange"`
		}
		if err := c.do(cmd.Context(), http.MethodPut, "/v1/agents/"+url.PathEscape(args[0])+"/status", body, &changed); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s is %s: %s\n", args[0], changed.Status, first(changed.StatusChange.Reason, "as it was registered"))
		if status == agent.Active {
			warnOfLatch(cmd, c, args[0])
		}
		return nil
	}
	api.register(cmd.Flags())
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is kept with the agent (required)")
	cmd.MarkFlagRequired("reason") //nolint:errcheck // the flag exists
	return cmd
}

// warnOfLatch says that an agent whose status is active is held by evidence all the same. The release has happened, so that
// failing to learn of it is no failure.
func warnOfLatch(cmd *cobra.Command, c client, name string) {
	var earned agentTrust
	if err := c.do(cmd.Context(), http.MethodGet, trustPath(name, ""), nil, &earned); err == nil && earned.Quarantined {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s still takes no part: it is quarantined by evidence, until `ringfence trust clear %s`\n", name, name)
	}
}
