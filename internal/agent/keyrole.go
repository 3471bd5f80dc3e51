package agent

// KeyRole says who signs with a key of an agent. The zero value is nobody: signatures by such a key prove nothing.
type KeyRole uint8

// The roles.
const (
	NoKey      KeyRole = iota
	AgentKey           // the agent itself
	SidecarKey         // the sidecar in front of it
)

// String returns agent, sidecar or none.
func (r KeyRole) String() string {
	switch r {
	case AgentKey:
		return "agent"
	case SidecarKey:
		return "sidecar"
	default:
		return "none"
	}
}

// Subject is whom a bearer token is about, as its issuer has it.
type Subject struct {
	// Issuer is the token's iss, and Name its sub, or what takes the place of that claim.
	Issuer string `json:"issuer"`
	Name   string `json:"subject"`
}
