package main

import (
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "See, add, rotate and revoke the keys that sign for an agent",
		Long: `See, add, rotate and revoke the keys that sign for an agent. A key is given as its did:key, or as a key file, of which
only the public half is sent.

Keys are the agent's own or those of its sidecars; the role says which. The keys of a did:web are in its own document.`,
	}
	cmd.AddCommand(keysListCommand(), keysAddCommand(), keysRotateCommand(), keysRevokeCommand())
	return cmd
}

func keysPath(name string) string { return "/v1/agents/" + url.PathEscape(name) + "/keys" }

// keyList is the answer about the keys of an agent, as far as people need it.
type keyList struct {
	Keys []struct {
		DID        string     `json:"did"`
		Role       string     `json:"role"`
		State      string     `json:"state"`
		RetiresAt  *time.Time `json:"retiresAt"`
		Revocation *struct {
			At     time.Time `json:"at"`
			Reason string    `json:"reason"`
		} `json:"revocation"`
	} `json:"keys"`
}

func (l keyList) print(cmd *cobra.Command) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tROLE\tSTATE\tSINCE OR UNTIL\tREASON")
	for _, key := range l.Keys {
		at, reason := "-", "-"
		if key.RetiresAt != nil {
			at = key.RetiresAt.UTC().Format(time.RFC3339)
		}
		if key.Revocation != nil {
			at = key.Revocation.At.UTC().Format(time.RFC3339)
			reason = first(key.Revocation.Reason, reason)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", key.DID, key.Role, key.State, at, reason)
	}
	return table.Flush()
}

func keysListCommand() *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use:     "list AGENT",
		Short:   "List the keys of an agent, those that retire and those that are revoked",
		Example: `  ringfence keys list weather`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			var list keyList
			if err := c.do(cmd.Context(), http.MethodGet, keysPath(args[0]), nil, &list); err != nil {
				return err
			}
			return list.print(cmd)
		},
	}
	api.register(cmd.Flags())
	return cmd
}

func keysAddCommand() *cobra.Command {
	var api apiFlags
	var role string
	cmd := &cobra.Command{
		Use:   "add AGENT KEY",
		Short: "Let one more key sign for an agent",
		Long:  `Let one more key sign for an agent. The keys that it has stay; one that retires stays for good when it is added again.`,
		Example: `  ringfence keys add weather weather.pem
  ringfence keys add weather did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp --role sidecar`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sendKey(cmd, &api, args, map[string]string{"role": role})
		},
	}
	api.register(cmd.Flags())
	cmd.Flags().StringVar(&role, "role", "agent", "who signs with the key: agent or sidecar")
	return cmd
}

func keysRotateCommand() *cobra.Command {
	var api apiFlags
	var role string
	var overlap time.Duration
	cmd := &cobra.Command{
		Use:   "rotate AGENT KEY",
		Short: "Let a new key sign for an agent, and the others of its role no longer than the overlap",
		Long: `Let a new key sign for an agent, and the others of its role no longer than the overlap, in which the agent moves to the
new key. A key that retires sooner already does so still. Keys that have retired are taken from the list.`,
		Example: `  ringfence keys rotate weather weather-2027.pem --overlap 24h`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sendKey(cmd, &api, args, map[string]string{"role": role, "overlap": overlap.String()})
		},
	}
	api.register(cmd.Flags())
	cmd.Flags().StringVar(&role, "role", "agent", "who signs with the key: agent or sidecar")
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the other keys are accepted still, 0s to 2160h")
	return cmd
}

// sendKey sends the key that was given, and prints the agent's keys.
func sendKey(cmd *cobra.Command, api *apiFlags, args []string, body map[string]string) error {
	did, err := keyDID(args[1])
	if err != nil {
		return err
	}
	body["did"] = did
	c, err := api.client()
	if err != nil {
		return err
	}
	var list keyList
	if err := c.do(cmd.Context(), http.MethodPost, keysPath(args[0]), body, &list); err != nil {
		return err
	}
	return list.print(cmd)
}

func keysRevokeCommand() *cobra.Command {
	var api apiFlags
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke AGENT KEY",
		Short: "Revoke a key of an agent now and for ever",
		Long: `Revoke a key of an agent now and for ever. No signature by it is accepted any more, in any process of the mesh, and no
agent can register it again, not even once this one is deleted.`,
		Example: `  ringfence keys revoke weather did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp --reason 'the laptop was lost'`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			did, err := keyDID(args[1])
			if err != nil {
				return err
			}
			c, err := api.client()
			if err != nil {
				return err
			}
			path := keysPath(args[0]) + "/" + url.PathEscape(did)
			if reason != "" {
				path += "?reason=" + url.QueryEscape(reason)
			}
			return c.do(cmd.Context(), http.MethodDelete, path, nil, nil)
		},
	}
	api.register(cmd.Flags())
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is kept with the revocation")
	return cmd
}
