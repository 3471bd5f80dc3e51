package policy

import (
	"fmt"
	"math/bits"
	"strings"
	"sync"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// The types of the entities that Cedar knows: the principal of a request is the agent that calls, its resource the one
// that is called, and its action the method.
const (
	agentType  types.EntityType = "Agent"
	actionType types.EntityType = "Action"
)

// The bounds of what Cedar is told, so that arithmetic on it can be proved not to overflow.
const (
	mostHops  = 1 << 30
	mostBytes = 1 << 40
	firstNow  = -62135596800000 // 0001-01-01, in milliseconds
	lastNow   = 253402300799999 // 9999-12-31
)

// attribute is something of a call that Cedar conditions can ask for as context.NAME. All are there in every request.
type attribute uint8

const (
	callerAttribute attribute = iota
	ownerAttribute
	ringAttribute
	trustAttribute
	assuranceAttribute
	originAttribute
	hopsAttribute
	unchainedAttribute
	descentAttribute
	calleeAttribute
	calleeOwnerAttribute
	methodAttribute
	effectAttribute
	skillAttribute
	actionAttribute
	declaredAttribute
	bytesAttribute
	nowAttribute
)

// vocabulary says how Cedar calls each attribute, of which type it is, and how it follows from a call.
var vocabulary = [...]struct {
	name types.String
	typ  string
	of   func(c *Call) types.Value
}{
	callerAttribute:      {"caller", "String", func(c *Call) types.Value { return types.String(c.Caller) }},
	ownerAttribute:       {"owner", "String", func(c *Call) types.Value { return types.String(c.CallerOwner) }},
	ringAttribute:        {"ring", "Long", func(c *Call) types.Value { return types.Long(c.Ring.Number()) }},
	trustAttribute:       {"trust", "Long", func(c *Call) types.Value { return types.Long(min(max(c.Trust, 0), agent.MaxTrust)) }},
	assuranceAttribute:   {"assurance", "Long", func(c *Call) types.Value { return types.Long(rank(c.Assurance)) }},
	originAttribute:      {"origin", "String", func(c *Call) types.Value { return types.String(c.Origin) }},
	hopsAttribute:        {"hops", "Long", func(c *Call) types.Value { return types.Long(min(max(c.Hops, 0), mostHops)) }},
	unchainedAttribute:   {"unchained", "Bool", func(c *Call) types.Value { return types.Boolean(c.Unchained) }},
	descentAttribute:     {"descent", "String", func(c *Call) types.Value { return types.String(c.Descent) }},
	calleeAttribute:      {"callee", "String", func(c *Call) types.Value { return types.String(c.Callee) }},
	calleeOwnerAttribute: {"calleeOwner", "String", func(c *Call) types.Value { return types.String(c.CalleeOwner) }},
	methodAttribute:      {"method", "String", func(c *Call) types.Value { return types.String(c.Method) }},
	effectAttribute:      {"effect", "String", func(c *Call) types.Value { return types.String(c.Effect.String()) }},
	skillAttribute:       {"skill", "String", func(c *Call) types.Value { return types.String(c.Skill) }},
	actionAttribute:      {"action", "String", func(c *Call) types.Value { return types.String(c.Action) }},
	declaredAttribute:    {"declared", "Bool", func(c *Call) types.Value { return types.Boolean(c.declares()) }},
	bytesAttribute:       {"bytes", "Long", func(c *Call) types.Value { return types.Long(min(max(c.Bytes, 0), mostBytes)) }},
	nowAttribute: {"now", "datetime", func(c *Call) types.Value {
		return types.NewDatetimeFromMillis(min(max(c.At.UnixMilli(), firstNow), lastNow))
	}},
}

// attributeNamed returns the attribute that Cedar calls so.
func attributeNamed(name types.String) (attribute, bool) {
	for a := range vocabulary {
		if vocabulary[a].name == name {
			return attribute(a), true
		}
	}
	return 0, false
}

// declares reports whether the caller says what it means to do.
func (c *Call) declares() bool { return c.Skill != "" || c.Action != "" }

// rank returns an assurance as a number from 0, none, to 4, agent. What is no assurance proves nothing.
func rank(a identity.Assurance) int {
	if a > identity.AssuranceAgent {
		return int(identity.AssuranceNone)
	}
	return int(a)
}

// attributes is a set of attributes.
type attributes uint32

const allAttributes = attributes(1)<<len(vocabulary) - 1

func (s attributes) has(a attribute) bool { return s&(1<<a) != 0 }

// record returns what Cedar is told of the call. It holds what conditions ask for and no more: a record of everything
// takes longer to build than a decision may.
func (s attributes) record(c *Call) types.Record {
	values := make(types.RecordMap, bits.OnesCount32(uint32(s)))
	for rest := s; rest != 0; rest &= rest - 1 {
		a := bits.TrailingZeros32(uint32(rest))
		values[vocabulary[a].name] = vocabulary[a].of(c)
	}
	return types.NewRecord(values)
}

// asks returns the attributes that an expression asks for, and whether it uses the context in another way too.
func asks(n ast.IsNode) (s attributes, whole bool) {
	ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
		var of ast.IsNode
		var name types.String
		switch n := n.(type) {
		case ast.NodeTypeAccess:
			of, name = n.Arg, n.Value
		case ast.NodeTypeHas:
			of, name = n.Arg, n.Value
		default:
			whole = whole || isContext(n)
			return true
		}
		if !isContext(of) {
			return true
		}
		if a, ok := attributeNamed(name); ok {
			s |= 1 << a
		}
		return false
	})
	return s, whole
}

func isContext(n ast.IsNode) bool {
	v, ok := n.(ast.NodeTypeVariable)
	return ok && v.Name == "context"
}

// schemaText is the schema of what Cedar is told, as Cedar's own tools read it.
func schemaText() string {
	quoted := make([]string, len(methods))
	for i, m := range methods {
		quoted[i] = fmt.Sprintf("%q", m)
	}
	fields := make([]string, len(vocabulary))
	for a := range vocabulary {
		fields[a] = fmt.Sprintf("    %s: %s", vocabulary[a].name, vocabulary[a].typ)
	}
	return "entity Agent;\n\naction " + strings.Join(quoted, ", ") +
		" appliesTo {\n  principal: Agent,\n  resource: Agent,\n  context: {\n" + strings.Join(fields, ",\n") + "\n  }\n};\n"
}

// CedarSchema returns the schema of what Cedar policies are told of a call, as Cedar's own tools read it.
func CedarSchema() []byte { return []byte(schemaText()) }

// validator holds Cedar against the schema.
var validator = sync.OnceValues(func() (*validate.Validator, error) {
	var s schema.Schema
	if err := s.UnmarshalCedar(CedarSchema()); err != nil {
		return nil, fmt.Errorf("reading the schema of calls: %w", err)
	}
	resolved, err := s.Resolve()
	if err != nil {
		return nil, fmt.Errorf("resolving the schema of calls: %w", err)
	}
	return validate.New(resolved), nil
})
