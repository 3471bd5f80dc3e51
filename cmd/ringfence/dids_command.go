package main

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func didsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dids",
		Short: "Look after the documents of did:webs",
		Long: `An agent that is registered with a did:web signs with the keys that its document lists, which the mesh fetches from
the DID's host. A document that has none of the keys the mesh knew waits until somebody accepts it: who takes over a
host must not come to be its agents.`,
	}
	show := webDIDCommand("show DID", "Show how the document of a did:web stands", "  ringfence dids show did:web:agents.example.com:weather", 1, func(args []string) (method, path string, body any) {
		return http.MethodGet, "", nil
	})
	accept := webDIDCommand("accept DID DIGEST", "Put the document in force that waits", "  ringfence dids accept did:web:agents.example.com:weather 5f1c77aa", 2, func(args []string) (method, path string, body any) {
		return http.MethodPost, "/accept", map[string]string{"digest": args[1]}
	})
	refuse := webDIDCommand("refuse DID KEY", "Let a key of a did:web never count again", "  ringfence dids refuse did:web:agents.example.com:weather did:web:agents.example.com:weather#key-1", 2, func(args []string) (method, path string, body any) {
		return http.MethodPost, "/refuse", map[string]string{"key": args[1]}
	})
	cmd.AddCommand(show, accept, refuse, didsForgetCommand())
	return cmd
}

func didsForgetCommand() *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use: "forget DID", Short: "Forget all that is known of a did:web",
		Long: `Forget all that is known of a did:web, keys that were never to count again too. The next document is taken as the
first one was.`,
		Example: `  ringfence dids forget did:web:agents.example.com:weather`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			return c.do(cmd.Context(), http.MethodDelete, "/v1/dids/"+url.PathEscape(args[0])+"/web", nil, nil)
		},
	}
	api.register(cmd.Flags())
	return cmd
}

// webDIDCommand makes a command that asks something about the DID in its first argument, and prints what is known then.
func webDIDCommand(use, short, example string, arguments int, ask func(args []string) (method, path string, body any)) *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example, Args: cobra.ExactArgs(arguments),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			method, path, body := ask(args)
			var known webDID
			if err := c.do(cmd.Context(), method, "/v1/dids/"+url.PathEscape(args[0])+"/web"+path, body, &known); err != nil {
				return err
			}
			encoder := json.NewEncoder(cmd.OutOrStdout())
			encoder.SetIndent("", "  ")
			return encoder.Encode(known)
		},
	}
	api.register(cmd.Flags())
	return cmd
}
