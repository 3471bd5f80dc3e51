package agent

import "encoding/json"

// Binding names a protocol binding of A2A as AgentCards spell it (A2A 1.0 section 4.4.6).
type Binding string

// The bindings A2A defines.
const (
	JSONRPC  Binding = "JSONRPC"
	HTTPJSON Binding = "HTTP+JSON"
	GRPC     Binding = "GRPC"
)

// Card is the part of an AgentCard the mesh acts on, with the document it was read from.
type Card struct {
	Name        string
	Description string
	Version     string
	Streaming   bool
	Interfaces  []Interface
	Skills      []Skill
	// Raw is the card as received, byte for byte: signatures are over these bytes.
	Raw json.RawMessage
}

// Interface is one place where an agent speaks one binding of one version.
type Interface struct {
	// URL is absolute. For GRPC it may be host:port.
	URL string
	// Binding is as the card spells it; unknown bindings are kept and never routed.
	Binding Binding
	// Version is Major.Minor, such as "1.0" or "0.3".
	Version string
	// Tenant is the routing string clients must echo; usually empty.
	Tenant string
}

// Skill is one thing an agent says it can do.
type Skill struct {
	ID          string
	Name        string
	Description string
	Tags        []string
}
