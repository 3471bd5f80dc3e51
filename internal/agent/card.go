package agent

import "encoding/json"

// MaxCardBytes is the largest AgentCard the mesh takes, in bytes.
const MaxCardBytes = 256 << 10

// Binding names a protocol binding of A2A as AgentCards spell it (A2A 1.0 section 4.4.6).
type Binding string

// The bindings A2A defines.
const (
	JSONRPC  Binding = "JSONRPC"
	HTTPJSON Binding = "HTTP+JSON"
	GRPC     Binding = "GRPC"
)

// Routed reports whether the mesh routes and governs interfaces of the binding.
func (b Binding) Routed() bool { return b == JSONRPC || b == HTTPJSON || b == GRPC }

// Card is the part of an AgentCard the mesh acts on, with the document it was read from.
type Card struct {
	Name        string
	Description string
	Version     string
	Streaming   bool
	// Interfaces are those of the 1.0 shape in card order, then those of the 0.3 shape: the main one first.
	// An interface that the card lists twice is here once.
	Interfaces []Interface
	Skills     []Skill
	// Raw is the card as received, byte for byte, without the white space around it: signatures are over
	// what it says.
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

// Skill returns the card's skill with the id.
func (c *Card) Skill(id string) (Skill, bool) {
	for _, skill := range c.Skills {
		if skill.ID == id {
			return skill, true
		}
	}
	return Skill{}, false
}

// MarshalJSON returns the card as received. Encoders may change the white space in it and how its strings are
// escaped; Record.Encode does not.
func (c Card) MarshalJSON() ([]byte, error) {
	if len(c.Raw) == 0 {
		return []byte("null"), nil
	}
	return c.Raw, nil
}

// UnmarshalJSON reads a card as ParseCard does.
func (c *Card) UnmarshalJSON(data []byte) error {
	card, err := ParseCard(data)
	if err != nil {
		return err
	}
	*c = card
	return nil
}
