package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

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

	Sidecars      []string        `json:"sidecarDids,omitempty"`
	Workloads     []string        `json:"spiffeIds,omitempty"`
	Subjects      []agent.Subject `json:"subjects,omitempty"`
	RequiredRing  *int            `json:"requiredRing,omitempty"`
	RequiredTrust int             `json:"requiredTrust,omitempty"`

	CardKeys     []json.RawMessage `json:"cardKeys,omitempty"`
	SkillEffects map[string]string `json:"skillEffects,omitempty"`
}

// registrationFiles are the files, and the flags with a form of their own, that complete a registration.
type registrationFiles struct {
	card, key              string
	cardKeys, skillEffects []string
	sidecars, subjects     []string
}

const aboutRegistration = `Register an agent under a name, which is one DNS label. The mesh serves its card at
<gateway>/agents/<name>/.well-known/agent-card.json and routes calls to it.

An agent whose ring ceiling you name is one you vouch for: it starts in that ring. Without --ring-ceiling it
starts in ring 3, where it may only read, and can rise to ring 1 by good conduct.

A call is the agent's when it is signed with one of its keys or of its sidecars', comes over a connection with one of
its SPIFFE IDs, or carries a bearer token about one of its subjects; which of these count, the configuration says.

Where you name card keys, only a signature by one of them makes the card verified; cards.verify says whether the
mesh takes others.`

func registerCommand() *cobra.Command {
	var api apiFlags
	var body registration
	var files registrationFiles
	var capabilities []string
	var ceiling, required int
	var replace bool
	cmd := &cobra.Command{
		Use:   "register NAME",
		Short: "Register an agent, so that the mesh routes to it and knows its signatures",
		Long:  aboutRegistration,
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
			if cmd.Flags().Changed("required-ring") {
				body.RequiredRing = &required
			}
			if err := body.complete(files); err != nil {
				return err
			}
			c, err := api.client()
			if err != nil {
				return err
			}
			answer, err := body.send(cmd.Context(), c, replace)
			if err != nil {
				return err
			}
			return printRegistered(cmd, answer)
		},
	}
	flags := cmd.Flags()
	api.register(flags)
	flags.StringVar(&files.card, "card", "", "AgentCard file")
	flags.StringVar(&body.CardURL, "card-url", "", "URL of the card, or of the agent, whose well-known paths are then tried")
	flags.StringVar(&files.key, "key", "", "key file of the agent; its did:key is registered")
	flags.StringArrayVar(&body.DIDs, "did", nil, "did:key or did:web under which the agent signs; repeat for several")
	flags.StringArrayVar(&files.sidecars, "sidecar", nil, "key of a sidecar that signs for the agent: a did:key or a key file; repeat for several")
	flags.StringArrayVar(&body.Workloads, "spiffe-id", nil, "SPIFFE ID under which the agent's connections are authenticated; repeat for several")
	flags.StringArrayVar(&files.subjects, "subject", nil, "subject of bearer tokens that speak for the agent, as issuer#subject; repeat for several")
	flags.IntVar(&required, "required-ring", 3, "least privileged ring, 0 to 3, that may call the agent")
	flags.IntVar(&body.RequiredTrust, "required-trust", 0, "lowest trust score, 0 to 1000, that may call the agent")
	flags.StringVar(&body.Owner, "owner", "", "who answers for the agent")
	flags.StringArrayVar(&capabilities, "capability", nil, "what the agent may ask of others, as verb:resource; repeat for several")
	flags.IntVar(&ceiling, "ring-ceiling", 1, "highest ring, 0 (kernel) to 3 (untrusted); naming it vouches for the agent")
	flags.StringVar(&body.Effect, "effect", "", "what a message to the agent does: read, write or admin (default write)")
	flags.StringArrayVar(&files.skillEffects, "skill-effect", nil, "what a message that declares a skill does, as skill=effect; it can only be stronger than --effect; repeat for several")
	flags.StringArrayVar(&files.cardKeys, "card-key", nil, "key that may sign the card: a did:key, or a file with a JWK or a JWK set; repeat for several")
	flags.BoolVar(&replace, "replace", false, "when an agent of this name is registered already, replace its registration instead of failing")
	cmd.MarkFlagsMutuallyExclusive("card", "card-url")
	cmd.MarkFlagsOneRequired("card", "card-url")
	return cmd
}

// send registers the agent, or replaces its registration where that is asked for and there is one.
func (r registration) send(ctx context.Context, c client, replace bool) (answer json.RawMessage, err error) {
	method, path := http.MethodPost, "/v1/agents"
	if registered := "/v1/agents/" + url.PathEscape(r.Name); replace && c.has(ctx, registered) {
		method, path = http.MethodPut, registered
	}
	err = c.do(ctx, method, path, r, &answer)
	return answer, err
}

// has reports whether the API has something at path. What keeps it from telling also fails the request that follows.
func (c client) has(ctx context.Context, path string) bool {
	var found json.RawMessage
	return c.do(ctx, http.MethodGet, path, nil, &found) == nil
}

// complete adds what files hold and what flags spell their own way.
func (r *registration) complete(files registrationFiles) error {
	if files.card != "" {
		card, err := os.ReadFile(files.card)
		if err != nil {
			return fmt.Errorf("reading card: %w", err)
		}
		if !json.Valid(card) {
			return fmt.Errorf("reading card: %s is not JSON", files.card)
		}
		r.Card = card
	}
	if files.key != "" {
		did, err := keyDID(files.key)
		if err != nil {
			return err
		}
		r.DIDs = append(r.DIDs, did)
	}
	for _, given := range files.cardKeys {
		keys, err := cardKeys(given)
		if err != nil {
			return err
		}
		r.CardKeys = append(r.CardKeys, keys...)
	}
	for _, given := range files.sidecars {
		did, err := keyDID(given)
		if err != nil {
			return err
		}
		r.Sidecars = append(r.Sidecars, did)
	}
	for _, given := range files.subjects {
		// Issuers are URLs without a fragment (OpenID Connect Discovery section 3), subjects are anything.
		issuer, subject, ok := strings.Cut(given, "#")
		if !ok {
			return fmt.Errorf("--subject must be issuer#subject, such as https://issuer.example#weather, not %q", given)
		}
		r.Subjects = append(r.Subjects, agent.Subject{Issuer: issuer, Name: subject})
	}
	return r.completeEffects(files.skillEffects)
}

func (r *registration) completeEffects(list []string) error {
	for _, given := range list {
		// Skill ids may have an equals sign in them, effects have none.
		i := strings.LastIndexByte(given, '=')
		if i < 1 {
			return fmt.Errorf("--skill-effect must be skill=effect, such as forecast=read, not %q", given)
		}
		if r.SkillEffects == nil {
			r.SkillEffects = map[string]string{}
		}
		r.SkillEffects[given[:i]] = given[i+1:]
	}
	return nil
}

// keyDID returns the did:key that was given, or that of the key in a file.
func keyDID(given string) (string, error) {
	if strings.HasPrefix(given, "did:") {
		return given, nil
	}
	private, err := identity.LoadKey(given)
	if err != nil {
		return "", err
	}
	return agent.NewKey(private.Public().(ed25519.PublicKey)).DID, nil
}

// cardKeys returns the keys that a --card-key names. What they are worth, the registry says.
func cardKeys(given string) ([]json.RawMessage, error) {
	if strings.HasPrefix(given, "did:") {
		quoted, err := json.Marshal(given)
		return []json.RawMessage{quoted}, err
	}
	data, err := os.ReadFile(given)
	if err != nil {
		return nil, fmt.Errorf("reading card key: %w", err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("reading card key: %s holds neither a JWK nor a JWK set", given)
	}
	if set.Keys != nil {
		return set.Keys, nil
	}
	return []json.RawMessage{data}, nil
}

func printRegistered(cmd *cobra.Command, answer json.RawMessage) error {
	var registered struct {
		Name    string   `json:"name"`
		MeshURL string   `json:"meshUrl"`
		Ring    int      `json:"ring"`
		Trust   int      `json:"trust"`
		Status  string   `json:"status"`
		DIDs    []string `json:"dids"`
		// What the card is worth shows here first, whatever cards.verify makes of it.
		CardVerification json.RawMessage `json:"cardVerification,omitempty"`
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
