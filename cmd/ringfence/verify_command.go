package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// errNotVerified ends verify when a requirement is not met, so that scripts can branch on it.
var errNotVerified = errors.New("the agent does not meet what is required")

func verifyCommand() *cobra.Command {
	var api apiFlags
	var question verifyQuestion
	var ring int
	cmd := &cobra.Command{
		Use:   "verify DID",
		Short: "Ask whether an agent meets what a peer requires of it",
		Long: `Ask whether the agent that holds a DID is registered and active, and has the trust, the ring and the capabilities that
are required. What is missing is printed, and the command fails.`,
		Example: `  ringfence verify did:key:z6Mk... --score 500 --ring 2 --can read:ledger`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			question.DID = args[0]
			if cmd.Flags().Changed("ring") {
				question.RequiredRing = &ring
			}
			var answer verifyAnswer
			if err := c.do(cmd.Context(), http.MethodPost, "/v1/verify", question, &answer); err != nil {
				return err
			}
			if err := printAnswer(cmd.OutOrStdout(), answer); err != nil {
				return err
			}
			if !answer.Verified {
				return errNotVerified
			}
			return nil
		},
	}
	flags := cmd.Flags()
	api.register(flags)
	flags.IntVar(&question.RequiredScore, "score", 0, "lowest trust score, 0 to 1000")
	flags.IntVar(&ring, "ring", 3, "least privileged ring, 0 to 3")
	flags.StringArrayVar(&question.RequiredCapabilities, "can", nil, "capability the agent must hold, as verb:resource; repeat for several")
	return cmd
}

func printAnswer(out io.Writer, a verifyAnswer) error {
	if a.Agent != "" {
		fmt.Fprintf(out, "%s: %s, score %d, ring %d\n", a.Agent, a.Status, a.Score, a.Ring)
	}
	if a.Verified {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NOT MET\tHAVE\tNEED")
	for _, reason := range a.Reasons {
		fmt.Fprintf(table, "%s\t%s\t%s\n", reason.Factor, reason.Have, reason.Need)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing answer: %w", err)
	}
	return nil
}
