package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

func identityCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "identity",
		Short: "Make and show the identities of agents",
	}
	cmd.AddCommand(identityNewCommand(), identityShowCommand())
	return cmd
}

func identityNewCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make an Ed25519 key and print its DIDs",
		Long: `Make an Ed25519 key pair. The private key is written to a file that only you can read; the DIDs are printed.
Register the agent with the did:key. The mesh then knows it by its did:mesh too.`,
		Example: `  ringfence identity new --out concierge.pem`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := identity.NewKey(rand.Reader)
			if err != nil {
				return err
			}
			if err := identity.SaveKey(out, key); err != nil {
				return err
			}
			return printIdentity(cmd, key, out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "agent.pem", "file for the private key; it must not exist yet")
	return cmd
}

func identityShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show KEYFILE",
		Short: "Print the DIDs of a key file",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := identity.LoadKey(args[0])
			if err != nil {
				return err
			}
			return printIdentity(cmd, key, args[0])
		},
	}
}

func printIdentity(cmd *cobra.Command, private ed25519.PrivateKey, file string) error {
	key := agent.NewKey(private.Public().(ed25519.PublicKey))
	data, err := json.MarshalIndent(struct {
		KeyFile string `json:"keyFile"`
		DID     string `json:"did"`
		Mesh    string `json:"didMesh"`
		KeyID   string `json:"keyId"`
	}{file, key.DID, key.Mesh, key.IDs()[0]}, "", "  ")
	if err != nil {
		return fmt.Errorf("printing identity: %w", err)
	}
	fmt.Fprintln(cmd.OutOrStdout(), string(data))
	return nil
}

// signer returns a signer with the key in file. keyID overrides the key's own did:key URL.
func signer(file, keyID string) (identity.Signer, error) {
	if file == "" {
		return identity.Signer{}, fmt.Errorf("--key is needed: make one with `ringfence identity new`")
	}
	private, err := identity.LoadKey(file)
	if err != nil {
		return identity.Signer{}, err
	}
	if keyID == "" {
		keyID = agent.NewKey(private.Public().(ed25519.PublicKey)).IDs()[0]
	}
	return identity.Signer{Key: private, KeyID: keyID, Now: now, Random: rand.Reader}, nil
}
