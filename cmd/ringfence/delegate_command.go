package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/delegation"
	"ringfence.dev/ringfence/internal/identity"
)

// delegateFlags say what link to make.
type delegateFlags struct {
	key, keyID, to, parent string
	can, audience          []string
	lifetime               time.Duration
	depth                  int
}

func delegateCommand() *cobra.Command {
	var f delegateFlags
	cmd := &cobra.Command{
		Use:   "delegate",
		Short: "Let another agent act for one, and print what it has to show",
		Long: `Make one link of delegation and print the value of the header Agent-Delegation that ends in it. The agent with the key
of --to sends it with its requests, signed with that key, and then acts for the agent with the key of --key: with no
more rights than either of them has, and no more than --can says. Nothing that is not listed is granted.

With --parent the link goes below a chain that was given to the key of --key, and can only narrow it.

The key of --to is a did:key, or a file with the agent's key or its public key in PEM.`,
		Example: `  ringfence delegate --key concierge.pem --to did:key:z6Mk... --can 'read:*' --can call:ledger --for 1h --depth 1
  ringfence delegate --key broker.pem --to clerk.pem --can read:ledger --parent @delegation --audience ledger`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			order, err := f.order(cmd.InOrStdin())
			if err != nil {
				return err
			}
			field, err := delegation.Issue(order, now(), rand.Reader)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), field)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.key, "key", os.Getenv("RINGFENCE_KEY"), "private key file of the agent that delegates (default: $RINGFENCE_KEY)")
	flags.StringVar(&f.keyID, "key-id", "", "DID URL of the key (default: its did:key)")
	flags.StringVar(&f.to, "to", "", "key of the agent that is to act: a did:key or a key file (required)")
	flags.StringArrayVar(&f.can, "can", nil, "capability that is granted, as verb:resource; repeat for several (required)")
	flags.DurationVar(&f.lifetime, "for", 0, "how long the link lasts, at most 24h (default 1h, or what is left of the parent)")
	flags.IntVar(&f.depth, "depth", 0, "how many further links may follow")
	flags.StringVar(&f.parent, "parent", "", "chain to go below; @FILE reads a file, @- reads standard input")
	flags.StringArrayVar(&f.audience, "audience", nil, "agent that the link is meant for; repeat for several (default: any)")
	// A link that grants nothing is a mistake: it verifies, and lets nothing through.
	for _, name := range []string{"to", "can"} {
		cmd.MarkFlagRequired(name) //nolint:errcheck // the flag exists
	}
	cmd.AddCommand(delegateInspectCommand())
	return cmd
}

func (f *delegateFlags) order(stdin io.Reader) (delegation.Order, error) {
	s, err := signer(f.key, f.keyID)
	if err != nil {
		return delegation.Order{}, err
	}
	o := delegation.Order{Key: s.Key, KeyID: s.KeyID, Lifetime: f.lifetime, Depth: f.depth}
	if o.Holder, err = holderKey(f.to); err != nil {
		return delegation.Order{}, err
	}
	if o.Parent, err = readDelegation(stdin, f.parent); err != nil {
		return delegation.Order{}, err
	}
	for _, given := range f.can {
		capability, err := agent.ParseCapability(given)
		if err != nil {
			return delegation.Order{}, fmt.Errorf("--can %w", err)
		}
		o.Capabilities = append(o.Capabilities, capability)
	}
	for _, given := range f.audience {
		id, err := agent.ParseID(given)
		if err != nil {
			return delegation.Order{}, fmt.Errorf("--audience %w", err)
		}
		o.Audience = append(o.Audience, id)
	}
	return o, nil
}

// holderKey returns the public key that a --to names.
func holderKey(given string) (ed25519.PublicKey, error) {
	if strings.HasPrefix(given, "did:") {
		key, err := agent.ParseKeyDID(given)
		if err != nil {
			return nil, fmt.Errorf("--to must be a did:key, or a key file, because the link names the key: it %w", err)
		}
		return key.Public, nil
	}
	data, err := os.ReadFile(given)
	if err != nil {
		return nil, fmt.Errorf("reading the key of --to: %w", err)
	}
	if block, _ := pem.Decode(data); block != nil && block.Type == "PUBLIC KEY" {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if public, ok := parsed.(ed25519.PublicKey); ok && err == nil {
			return public, nil
		}
		return nil, errors.New("--to names a public key that is no Ed25519 key")
	}
	private, err := identity.LoadKey(given)
	if err != nil {
		return nil, err
	}
	return private.Public().(ed25519.PublicKey), nil
}

// readDelegation returns the value of the header Agent-Delegation that a flag gives: the value itself, @FILE or @-.
func readDelegation(stdin io.Reader, given string) (string, error) {
	data, err := readGiven(stdin, given)
	if err != nil {
		return "", fmt.Errorf("reading delegation: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

func delegateInspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FIELD",
		Short: "Print what the links of a delegation say",
		Long: `Print what the links of a delegation say, root first, and fail if they do not fit each other. Whether the keys are
those of registered agents, only the mesh knows. FIELD is the value of the header; @FILE reads a file, @- reads
standard input.`,
		Example: `  ringfence delegate inspect @delegation`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			field, err := readDelegation(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			statements, fault := delegation.Inspect(field)
			if err := printStatements(cmd.OutOrStdout(), statements); err != nil {
				return err
			}
			return fault
		},
	}
}

func printStatements(out io.Writer, statements []delegation.Statement) error {
	if len(statements) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LINK\tFROM\tTO\tCAPABILITIES\tAUDIENCE\tISSUED\tUNTIL\tMAY FOLLOW")
	for i, s := range statements {
		audience := make([]string, len(s.Audience))
		for i, id := range s.Audience {
			audience[i] = string(id)
		}
		capabilities := make([]string, len(s.Capabilities))
		for i, capability := range s.Capabilities {
			capabilities[i] = string(capability)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", i, s.Issuer, agent.NewKey(s.Holder).DID, orDash(capabilities), orDash(audience),
			s.Issued.Format(time.RFC3339), s.Expires.Format(time.RFC3339), s.Depth())
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing links: %w", err)
	}
	return nil
}

func orDash(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, " ")
}
