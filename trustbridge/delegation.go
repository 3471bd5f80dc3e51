package trustbridge

import (
	"crypto/rand"
	"fmt"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/delegation"
)

// Delegation is what one agent lets another do for it.
type Delegation struct {
	// To is the did:key with which the other agent signs its requests.
	To string
	// Capabilities are all that is granted, each as verb:resource: `read:*`, `call:ledger`. None grants nothing.
	Capabilities []string
	// Lifetime is in whole seconds, at most 24 hours; 0 means one hour, or what is left of Parent where that is less.
	Lifetime time.Duration
	// Depth is how many further agents may be delegated to below this one.
	Depth int
	// Audience are the names of the agents that may be called with it; empty for any.
	Audience []string
	// Parent is the chain that the delegating agent was given itself; empty when it delegates rights of its own.
	Parent string
}

// Delegate signs a delegation and returns what the other agent has to send as Transport.Delegation. It refuses to make
// one that could never count, such as one that grants more than its parent. What it is worth, the mesh decides at each
// call: never more than each agent of the chain may do itself.
func (i *Identity) Delegate(d Delegation) (string, error) {
	signer, err := i.signer()
	if err != nil {
		return "", fmt.Errorf("delegating: %w", err)
	}
	holder, err := agent.ParseKeyDID(d.To)
	if err != nil {
		return "", fmt.Errorf("delegating: the DID in To %w", err)
	}
	order := delegation.Order{
		Key: signer.Key, KeyID: signer.KeyID, Parent: d.Parent, Holder: holder.Public, Lifetime: d.Lifetime, Depth: d.Depth,
		Capabilities: make([]agent.Capability, len(d.Capabilities)), Audience: make([]agent.ID, len(d.Audience)),
	}
	for n, capability := range d.Capabilities {
		if order.Capabilities[n], err = agent.ParseCapability(capability); err != nil {
			return "", fmt.Errorf("delegating: capability %d %w", n+1, err)
		}
	}
	for n, name := range d.Audience {
		if order.Audience[n], err = agent.ParseID(name); err != nil {
			return "", fmt.Errorf("delegating: audience %d %w", n+1, err)
		}
	}
	return delegation.Issue(order, time.Now(), rand.Reader)
}

// Link is what one link of a chain says.
type Link struct {
	// ID is the link's own.
	ID string
	// From is the DID of the agent that delegates, and To the did:key of the one that may act.
	From, To string
	// Capabilities are all that is granted.
	Capabilities []string
	// Audience are the agents that may be called with it; empty for any.
	Audience []string
	// Issued and Expires bound the link's life.
	Issued, Expires time.Time
	// Depth is how many links may follow.
	Depth int
}

// Inspect returns what the links of a chain say, root first, with the first fault they have among themselves as an
// error. It proves nothing about whose keys they are: only the mesh can.
func Inspect(field string) ([]Link, error) {
	statements, err := delegation.Inspect(field)
	links := make([]Link, len(statements))
	for i, s := range statements {
		links[i] = Link{
			ID: s.ID, From: s.Issuer, To: agent.NewKey(s.Holder).DID, Issued: s.Issued, Expires: s.Expires, Depth: s.Depth(),
			Capabilities: texts(s.Capabilities), Audience: texts(s.Audience),
		}
	}
	if err != nil {
		return links, fmt.Errorf("inspecting delegation: %w", err)
	}
	return links, nil
}

func texts[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = string(value)
	}
	return all
}
