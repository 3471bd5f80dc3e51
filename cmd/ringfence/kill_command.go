package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/killswitch"
)

func killCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kill",
		Short: "Stop an agent, an owner's agents, or everybody at once",
		Long: `Stop an agent, all agents of an owner, or the whole mesh: their calls and those to them are refused from now on, and
calls under way are cut off, streams included. Every process of the mesh knows within a second.

A switch stays pulled until it is lifted. It does not change what is registered.`,
	}
	cmd.AddCommand(
		killPullCommand(killScope{
			use: "agent NAME", short: "Stop an agent, registered or not", example: `  ringfence kill agent weather --reason "answers nonsense"`, args: 1, path: agentSwitch, nobody: nobodyNamed,
		}),
		killPullCommand(killScope{
			use: "owner OWNER", short: "Stop all agents of an owner", example: `  ringfence kill owner "team weather" --reason "key leaked"`, args: 1, path: ownerSwitch, nobody: nobodyOwned,
		}),
		killPullCommand(killScope{
			use: "mesh", short: "Stop everybody", example: `  ringfence kill mesh --reason "incident 42"`, path: meshSwitch,
		}),
		killListCommand(), killLiftCommand(),
	)
	return cmd
}

// killScope is a kind of switch as the command line names it.
type killScope struct {
	use, short, example string
	args                int
	path                func(args []string) string
	// nobody reports that the switch is known to stop no agent that is registered: a name that is misspelled stops nobody.
	nobody func(ctx context.Context, c client, name string) bool
}

func meshSwitch([]string) string       { return "/v1/kill/mesh" }
func agentSwitch(args []string) string { return "/v1/kill/agents/" + url.PathEscape(args[0]) }
func ownerSwitch(args []string) string { return "/v1/kill/owners/" + url.PathEscape(args[0]) }

func killPullCommand(s killScope) *cobra.Command {
	var api apiFlags
	var note killNote
	cmd := &cobra.Command{
		Use: s.use, Short: s.short, Example: s.example, Args: cobra.ExactArgs(s.args),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			note.By = first(note.By, operator())
			if err := c.do(cmd.Context(), http.MethodPut, s.path(args), note, nil); err != nil {
				return err
			}
			if s.nobody != nil && s.nobody(cmd.Context(), c, args[0]) {
				fmt.Fprintln(cmd.ErrOrStderr(), "the switch is pulled, but stops nobody at present: no registered agent has this name or owner")
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&note.Reason, "reason", "", "why, for the people who find the switch pulled")
	flags.StringVar(&note.By, "by", "", "who pulls the switch (default: the name of this machine's user)")
	api.register(flags)
	return cmd
}

func nobodyNamed(ctx context.Context, c client, name string) bool {
	return c.none(ctx, func(agent, _ string) bool { return agent == name })
}

func nobodyOwned(ctx context.Context, c client, owner string) bool {
	return c.none(ctx, func(_, of string) bool { return of == owner })
}

// none reports that no registered agent is as asked, by its name and its owner. What cannot be told is not reported.
func (c client) none(ctx context.Context, is func(name, owner string) bool) bool {
	for token := ""; ; {
		var page struct {
			Agents []struct {
				Name  string `json:"name"`
				Owner string `json:"owner"`
			} `json:"agents"`
			NextPageToken string `json:"nextPageToken"`
		}
		if c.do(ctx, http.MethodGet, "/v1/agents?pageSize=10&pageToken="+url.QueryEscape(token), nil, &page) != nil {
			return false
		}
		for _, a := range page.Agents {
			if is(a.Name, a.Owner) {
				return false
			}
		}
		if token = page.NextPageToken; token == "" {
			return true
		}
	}
}

// operator is the name of this machine's user, if it has one.
func operator() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

func killLiftCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "lift", Short: "Let whom a switch stops take part again"}
	for _, s := range []killScope{
		{use: "agent NAME", short: "Lift an agent's switch", example: `  ringfence kill lift agent weather`, args: 1, path: agentSwitch},
		{use: "owner OWNER", short: "Lift an owner's switch", example: `  ringfence kill lift owner "team weather"`, args: 1, path: ownerSwitch},
		{use: "mesh", short: "Lift the mesh's switch", example: `  ringfence kill lift mesh`, path: meshSwitch},
	} {
		var api apiFlags
		lift := &cobra.Command{
			Use: s.use, Short: s.short, Example: s.example, Args: cobra.ExactArgs(s.args),
			RunE: func(cmd *cobra.Command, args []string) error {
				c, err := api.client()
				if err != nil {
					return err
				}
				return c.do(cmd.Context(), http.MethodDelete, s.path(args), nil, nil)
			},
		}
		api.register(lift.Flags())
		cmd.AddCommand(lift)
	}
	return cmd
}

func killListCommand() *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the switches that are pulled", Example: `  ringfence kill list`, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			var list struct {
				Switches []killswitch.Switch `json:"switches"`
			}
			if err := c.do(cmd.Context(), http.MethodGet, "/v1/kill", nil, &list); err != nil {
				return err
			}
			return printSwitches(cmd.OutOrStdout(), list.Switches)
		},
	}
	api.register(cmd.Flags())
	return cmd
}

func printSwitches(out io.Writer, switches []killswitch.Switch) error {
	if len(switches) == 0 {
		_, err := fmt.Fprintln(out, "no kill switch is pulled")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCOPE\tNAME\tSINCE\tBY\tREASON")
	for _, s := range switches {
		since := "unknown"
		if !s.At.IsZero() {
			since = s.At.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", s.Scope, first(s.Name, "-"), since, first(s.By, "-"), first(s.Reason, "-"))
	}
	return table.Flush()
}
