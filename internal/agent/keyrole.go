package agent

import (
	"fmt"
	"slices"
)

// KeyRole says who signs with a key of an agent. The zero value is nobody: signatures by such a key prove nothing.
type KeyRole uint8

// The roles.
const (
	NoKey      KeyRole = iota
	AgentKey           // the agent itself
	SidecarKey         // the sidecar in front of it
)

var roleNames = []string{NoKey: "none", AgentKey: "agent", SidecarKey: "sidecar"}

// String returns agent, sidecar or none.
func (r KeyRole) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return roleNames[NoKey]
}

// MarshalText writes the role's name.
func (r KeyRole) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText accepts agent, sidecar and none.
func (r *KeyRole) UnmarshalText(text []byte) error {
	i := slices.Index(roleNames, string(text))
	if i < 0 {
		return fmt.Errorf("role must be agent or sidecar, not %q", text)
	}
	*r = KeyRole(i)
	return nil
}

// Subject is whom a bearer token is about, as its issuer has it.
type Subject struct {
	// Issuer is the token's iss, and Name its sub, or what takes the place of that claim.
	Issuer string `json:"issuer"`
	Name   string `json:"subject"`
}
