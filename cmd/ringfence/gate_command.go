package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func gateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gate",
		Short: "Let an agent that acts for others call another on its own account, for declared operations",
		Long: `An agent that acts for others has no more rights than any of them. A gate is the one exception: inside it, the agent
calls with its own rights, narrowed to the operations and the ring that the gate says, and never more.

It opens when the owner of the calling agent has declared it and the owner of the called agent has accepted that very
declaration. The caller invokes it with the header Agent-Gate, which its signature covers.`,
	}
	cmd.AddCommand(gateDeclareCommand(), gateAcceptCommand(), gateListCommand(), gateDeleteCommand())
	return cmd
}

func gatePath(id string) string { return "/v1/gates/" + url.PathEscape(id) }

func gateDeclareCommand() *cobra.Command {
	var api apiFlags
	var body gateDeclaration
	var lifetime time.Duration
	cmd := &cobra.Command{
		Use:   "declare GATE",
		Short: "Declare a gate, for the owner of the calling agent",
		Long: `Declare a gate, for the owner of the calling agent. The gate opens when the other side has accepted it. Declaring it
otherwise takes the acceptance away.`,
		Example: `  ringfence gate declare metrics --from broker --to ledger --operation read --ring 2 --for 720h --by 'Ada, trading'`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			body.Until = now().Add(lifetime).UTC().Truncate(time.Second)
			var declared gateBody
			if err := c.do(cmd.Context(), http.MethodPut, gatePath(args[0]), body, &declared); err != nil {
				return err
			}
			return printGates(cmd.OutOrStdout(), declared)
		},
	}
	flags := cmd.Flags()
	api.register(flags)
	flags.StringVar(&body.From, "from", "", "agent that calls through the gate (required)")
	flags.StringVar(&body.Skill, "skill", "", "skill of that agent which needs to; for people, it decides nothing")
	flags.StringVar(&body.To, "to", "", "agent that is called (required)")
	flags.StringArrayVar(&body.Operations, "operation", nil, "verb of a capability, such as read or SendMessage; repeat for several (required)")
	flags.IntVar(&body.Ring, "ring", 3, "most privileged ring that counts inside, 0 to 3")
	flags.DurationVar(&lifetime, "for", 30*24*time.Hour, "how long the gate stays open, at most a year")
	flags.StringVar(&body.By, "by", "", "who declares it (required)")
	for _, name := range []string{"from", "to", "operation", "by"} {
		cmd.MarkFlagRequired(name) //nolint:errcheck // the flag exists
	}
	return cmd
}

func gateAcceptCommand() *cobra.Command {
	var api apiFlags
	var body gateAcceptance
	cmd := &cobra.Command{
		Use:   "accept GATE",
		Short: "Accept a gate as it is declared, for the owner of the called agent",
		Long: `Accept a gate, for the owner of the called agent, and print it. Give the digest of the declaration that you read, from
ringfence gate list: if it was declared otherwise meanwhile, nothing is accepted.`,
		Example: `  ringfence gate accept metrics --digest 3q2-7w5XoK8vJ0mZc1bT9yQ4hL6nR2sE8uA5dF7gPkI --by 'Grace, ledgers'`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			var accepted gateBody
			if err := c.do(cmd.Context(), http.MethodPost, gatePath(args[0])+"/accept", body, &accepted); err != nil {
				return err
			}
			return printGates(cmd.OutOrStdout(), accepted)
		},
	}
	flags := cmd.Flags()
	api.register(flags)
	flags.StringVar(&body.Digest, "digest", "", "digest of the declaration that you accept (required)")
	flags.StringVar(&body.By, "by", "", "who accepts it (required)")
	for _, name := range []string{"digest", "by"} {
		cmd.MarkFlagRequired(name) //nolint:errcheck // the flag exists
	}
	return cmd
}

func gateListCommand() *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the gates, with their digests",
		Example: `  ringfence gate list`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			var out struct {
				Gates []gateBody `json:"gates"`
			}
			if err := c.do(cmd.Context(), http.MethodGet, "/v1/gates", nil, &out); err != nil {
				return err
			}
			return printGates(cmd.OutOrStdout(), out.Gates...)
		},
	}
	api.register(cmd.Flags())
	return cmd
}

func gateDeleteCommand() *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use:     "delete GATE",
		Short:   "Delete a gate, which closes it at once",
		Example: `  ringfence gate delete metrics`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			return c.do(cmd.Context(), http.MethodDelete, gatePath(args[0]), nil, nil)
		},
	}
	api.register(cmd.Flags())
	return cmd
}

func printGates(out io.Writer, gates ...gateBody) error {
	if len(gates) == 0 {
		_, err := fmt.Fprintln(out, "no gate is declared")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "GATE\tSTATE\tFROM\tTO\tOPERATIONS\tRING\tUNTIL\tDECLARED BY\tACCEPTED BY\tDIGEST")
	for _, g := range gates {
		accepted := "-"
		if g.Accepted != nil {
			accepted = g.Accepted.By
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", g.ID, g.State, g.From, g.To, strings.Join(g.Operations, " "), g.Ring,
			g.Until.UTC().Format(time.RFC3339), g.Declared.By, accepted, g.Digest)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing gates: %w", err)
	}
	return nil
}
