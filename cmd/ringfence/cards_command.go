package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func cardsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cards",
		Short: "Look after the cards of registered agents: what they are worth, and what changed",
		Long: `The mesh fetches the card of each agent that was registered by URL again and again. What becomes of changes,
cards.changes says; those that are held leave the card in force as it is and wait for a person, who approves or
rejects the changed card by its digest.`,
	}
	cmd.AddCommand(cardsListCommand(), cardsShowCommand(), cardsRefreshCommand(),
		cardsDecisionCommand("approve", "Put the changed card of an agent that waits in force",
			"What was rejected cannot be approved: `ringfence register --replace` takes whatever card the agent has."),
		cardsDecisionCommand("reject", "Refuse the changed card of an agent that waits, and keep the one in force",
			"The same card does not wait again until the agent has served another."))
	return cmd
}

// cardSummary is what the API says of an agent's card, as far as lists show it.
type cardSummary struct {
	Name         string `json:"name"`
	Verification *struct {
		Status string `json:"status"`
	} `json:"cardVerification"`
	Pending *struct {
		Digest  string   `json:"digest"`
		Changes []string `json:"changes"`
	} `json:"pendingCard"`
}

func cardsListCommand() *cobra.Command {
	var api apiFlags
	var waiting bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the agents with what their cards are worth, and the changed cards that wait",
		Example: `  ringfence cards list --pending`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "AGENT\tCARD\tCHANGES\tPENDING")
			for token := ""; ; {
				var page struct {
					Agents        []cardSummary `json:"agents"`
					NextPageToken string        `json:"nextPageToken"`
				}
				if err := c.do(cmd.Context(), http.MethodGet, "/v1/agents?pageSize=10&pageToken="+url.QueryEscape(token), nil, &page); err != nil {
					return err
				}
				for _, agent := range page.Agents {
					if !waiting || agent.Pending != nil {
						fmt.Fprintln(table, agent.row())
					}
				}
				if token = page.NextPageToken; token == "" {
					return table.Flush()
				}
			}
		},
	}
	api.register(cmd.Flags())
	cmd.Flags().BoolVar(&waiting, "pending", false, "only agents with a changed card that waits")
	return cmd
}

func (s cardSummary) row() string {
	status, changes, digest := "unchecked", "-", "-"
	if s.Verification != nil {
		status = s.Verification.Status
	}
	if s.Pending != nil {
		changes, digest = strings.Join(s.Pending.Changes, ","), s.Pending.Digest
	}
	return strings.Join([]string{s.Name, status, changes, digest}, "\t")
}

func cardsShowCommand() *cobra.Command {
	return cardCommand(&cobra.Command{
		Use:     "show NAME",
		Short:   "Show the card of an agent that is in force, and the changed one that waits",
		Example: `  ringfence cards show weather`,
	}, http.MethodGet, "")
}

func cardsRefreshCommand() *cobra.Command {
	return cardCommand(&cobra.Command{
		Use:     "refresh NAME",
		Short:   "Fetch the card of an agent again now",
		Example: `  ringfence cards refresh weather`,
	}, http.MethodPost, ":refresh")
}

func cardsDecisionCommand(word, short, after string) *cobra.Command {
	return cardCommand(&cobra.Command{
		Use:   word + " NAME DIGEST",
		Short: short,
		Long: short + ".\n\nThe digest is that of the changed card, as `ringfence cards show` prints it: one decides about what one has seen.\n" +
			after,
		Example: `  ringfence cards ` + word + ` weather sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`,
	}, http.MethodPost, ":"+word)
}

// cardCommand completes a command about the card of one agent: it asks the API and prints the answer. A second
// argument is the digest.
func cardCommand(cmd *cobra.Command, method, operation string) *cobra.Command {
	var api apiFlags
	cmd.Args = cobra.ExactArgs(strings.Count(cmd.Use, " "))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := api.client()
		if err != nil {
			return err
		}
		var body any
		if len(args) == 2 {
			body = map[string]string{"digest": args[1]}
		}
		var answer json.RawMessage
		if err := c.do(cmd.Context(), method, "/v1/agents/"+url.PathEscape(args[0])+"/card"+operation, body, &answer); err != nil {
			return err
		}
		// Indented, and otherwise as it came: one decides about what the agent wrote.
		var out bytes.Buffer
		if err := json.Indent(&out, answer, "", "  "); err != nil {
			return fmt.Errorf("decoding the API's answer: %w", err)
		}
		fmt.Fprintln(cmd.OutOrStdout(), out.String())
		return nil
	}
	api.register(cmd.Flags())
	return cmd
}
