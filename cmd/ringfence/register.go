package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// registration is the body of POST /v1/agents.
type registration struct {
	Name         string          `json:"name"`
	Card         json.RawMessage `json:"card,omitempty"`
	CardURL      string          `json:"cardUrl,omitempty"`
	DIDs         []string        `json:"dids,omitempty"`
	Owner        string          `json:"owner,omitempty"`
	Capabilities *[]string       `json:"capabilities,omitempty"`
	RingCeiling  *int            `json:"ringCeiling,omitempty"`
	Effect       string          `json:"effect,omitempty"`
}

func registerCommand() *cobra.Command {
	var api apiFlags
	var body registration
	var cardFile, keyFile string
	var capabilities []string
	var ceiling int
	var replace bool
	cmd := &cobra.Command{
		Use:   "register NAME",
		Short: "Register an agent, so that the mesh routes to it and knows its signatures",
		Long: `Register an agent under a name, which is one DNS label. The mesh serves its card at
<gateway>/agents/<name>/.well-known/agent-card.json and routes calls to it.

An agent whose ring ceiling you name is one you vouch for: it starts in that ring. Without --ring-ceiling it
starts in ring 3, where it may only read, and can rise to ring 1 by good conduct.`,
		Example: `  ringfence register weather --card-url http://127.0.0.1:9001 --effect read
  ringfence register concierge --card card.json --key concierge.pem --ring-ceiling 2 --capability 'call:*'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body.Name = args[0]
			if cmd.Flags().Changed("capability") {
				body.Capabilities = &capabilities
			}
			if cmd.Flags().Changed("ring-ceiling") {
				body.RingCeiling = &ceiling
			}
			if err := body.complete(cardFile, keyFile); err != nil {
				return err
			}
			c, err := api.client()
			if err != nil {
				return err
			}
			method, path := http.MethodPost, "/v1/agents"
			if registered := "/v1/agents/" + url.PathEscape(body.Name); replace && c.has(cmd.Context(), registered) {
				method, path = http.MethodPut, registered
			}
			var answer json.RawMessage
			if err := c.do(cmd.Context(), method, path, body, &answer); err != nil {
				return err
			}
			return printRegistered(cmd, answer)
		},
	}
	flags := cmd.Flags()
	api.register(flags)
	flags.StringVar(&cardFile, "card", "", "AgentCard file")
	flags.StringVar(&body.CardURL, "card-url", "", "URL of the card, or of the agent, whose well-known paths are then tried")
	flags.StringVar(&keyFile, "key", "", "key file of the agent; its did:key is registered")
	flags.StringArrayVar(&body.DIDs, "did", nil, "DID under which the agent signs; repeat for several")
	flags.StringVar(&body.Owner, "owner", "", "who answers for the agent")
	flags.StringArrayVar(&capabilities, "capability", nil, "what the agent may ask of others, as verb:resource; repeat for several")
	flags.IntVar(&ceiling, "ring-ceiling", 1, "ring you vouch for, 0 (kernel) to 3 (untrusted)")
	flags.StringVar(&body.Effect, "effect", "", "what a message to the agent does: read, write or admin (default write)")
	flags.BoolVar(&replace, "replace", false, "when an agent of this name is registered already, replace its registration instead of failing")
	cmd.MarkFlagsMutuallyExclusive("card", "card-url")
	cmd.MarkFlagsOneRequired("card", "card-url")
	return cmd
}

// has reports whether the API has something at path. What keeps it from telling also fails the request that follows.
func (c client) has(ctx context.Context, path string) bool {
	var found json.RawMessage
	return c.do(ctx, http.MethodGet, path, nil, &found) == nil
}

// complete adds what files hold.
func (r *registration) complete(cardFile, keyFile string) error {
	if cardFile != "" {
		card, err := os.ReadFile(cardFile)
		if err != nil {
			return fmt.Errorf("reading card: %w", err)
		}
		if !json.Valid(card) {
			return fmt.Errorf("reading card: %s is not JSON", cardFile)
		}
		r.Card = card
	}
	if keyFile != "" {
		private, err := identity.LoadKey(keyFile)
		if err != nil {
			return err
		}
		r.DIDs = append(r.DIDs, agent.NewKey(private.Public().(ed25519.PublicKey)).DID)
	}
	return nil
}

func printRegistered(cmd *cobra.Command, answer json.RawMessage) error {
	var registered struct {
		Name    string   `json:"name"`
		MeshURL string   `json:"meshUrl"`
		Ring    int      `json:"ring"`
		Trust   int      `json:"trust"`
		Status  string   `json:"status"`
		DIDs    []string `json:"dids"`
	}
	if err := json.Unmarshal(answer, &registered); err != nil {
		return fmt.Errorf("decoding the API's answer: %w", err)
	}
	data, err := json.MarshalIndent(registered, "", "  ")
	if err != nil {
		return fmt.Errorf("printing answer: %w", err)
	}
	fmt.Fprintln(cmd.OutOrStdout(), string(data))
	return nil
}
