package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// The bounds of the text of a Cedar rule: what Cedar does with a text in one go has none.
const (
	maxStatements = 64
	maxNesting    = 64
	maxNodes      = 1000
)

// fault is why a text is refused, and the line of the text that is to blame, from 1.
type fault struct {
	line   int
	reason string
}

// parseRaw reads the text of a Cedar rule.
func parseRaw(r *Rule) ([]*ast.Policy, *fault) {
	if len(r.Text) > maxCedar {
		return nil, &fault{1, fmt.Sprintf("the text is larger than %d bytes", maxCedar)}
	}
	if line := tooDeep(r.Text); line > 0 {
		return nil, &fault{line, fmt.Sprintf("brackets are nested deeper than %d", maxNesting)}
	}
	parsed, err := cedar.NewPolicyListFromBytes("", []byte(r.Text))
	if err != nil {
		return nil, syntaxFault(err)
	}
	if len(parsed) == 0 || len(parsed) > maxStatements {
		return nil, &fault{1, fmt.Sprintf("1 to %d Cedar policies are needed here, there are %d", maxStatements, len(parsed))}
	}
	policies := make([]*ast.Policy, len(parsed))
	for i, p := range parsed {
		policies[i] = (*ast.Policy)(p.AST())
	}
	return policies, nil
}

// tooDeep returns the line on which brackets are nested too deep, and 0 where none are. Those in texts and comments do not
// count.
func tooDeep(text string) int {
	line, depth := 1, 0
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch c := text[i]; {
		case c == '\n':
			line++
		case c == '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case strings.HasPrefix(rest, "//"):
			i += max(strings.IndexByte(rest+"\n", '\n')-1, 0)
		case strings.HasPrefix(rest, "/*"):
			comment, _, _ := strings.Cut(rest[2:], "*/")
			line += strings.Count(comment, "\n")
			i += len(comment) + 3
		case strings.IndexByte("([{", c) >= 0:
			if depth++; depth > maxNesting {
				return line
			}
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		}
	}
	return 0
}

var syntaxPlace = regexp.MustCompile(`<input>:(\d+):(\d+):?`)

// syntaxFault returns what Cedar's parser says, without its prefixes and with the place in words.
func syntaxFault(err error) *fault {
	text, line := err.Error(), 1
	if at := syntaxPlace.FindStringSubmatchIndex(text); at != nil {
		line, _ = strconv.Atoi(text[at[2]:at[3]])
		column, said := text[at[4]:at[5]], strings.TrimSpace(text[at[1]:])
		if wanted, ended := strings.CutPrefix(said, `"": exact got  want `); ended {
			if column == "1" && line > 1 {
				line-- // the end of a text that ends with its last line
			}
			return &fault{line, fmt.Sprintf("Cedar does not read this: the text ends where %s is missing", wanted)}
		}
		text = fmt.Sprintf("at column %s: %s", column, said)
	}
	return &fault{line, "Cedar does not read this " + text}
}

// checkRaw reports what makes a Cedar policy unfit: what the schema does not know, what cannot be true of a mesh, and
// whatever could fail while a call is decided.
func checkRaw(p *ast.Policy) []string {
	if reasons := checkForm(p); len(reasons) > 0 {
		return reasons
	}
	v, err := validator()
	if err != nil {
		return []string{err.Error()}
	}
	if err := v.Policy("", p); err != nil {
		return validity(err)
	}
	for _, c := range p.Conditions {
		if reason := checkArithmetic(c.Body); reason != "" {
			return []string{reason}
		}
	}
	m := newMatcher("", p, nil)
	answers := make([]answer, 1)
	for _, c := range spread() {
		if (matchers{m}).decide(&c, answers); answers[0] == undecided {
			return []string{fmt.Sprintf("it cannot be evaluated for a call of %s in ring %s with %d bytes", c.Method, c.Ring, c.Bytes)}
		}
	}
	return nil
}

// unknownAttribute is what Cedar's validator says of context, once for each method. All methods have the same context.
var unknownAttribute = regexp.MustCompile("attribute (`[^`]+`) in context for Action::\"[A-Za-z]+\" not found")

// validity returns what Cedar's validator reports, sorted, as it goes through methods in no order. That no method can be
// meant follows from whatever else is wrong.
func validity(err error) []string {
	reasons := strings.Split(unknownAttribute.ReplaceAllString(err.Error(), "context has no attribute $1"), "\n")
	slices.Sort(reasons)
	reasons = slices.Compact(reasons)
	if len(reasons) > 1 {
		reasons = slices.DeleteFunc(reasons, func(s string) bool { return strings.HasPrefix(s, "unable to find an applicable action") })
	}
	return reasons
}

// checkForm reports expressions that have no meaning here.
func checkForm(p *ast.Policy) []string {
	var reasons []string
	refuse := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	for _, scope := range []ast.IsScopeNode{p.Principal, p.Resource} {
		switch scope.(type) {
		case ast.ScopeTypeAll, ast.ScopeTypeEq, ast.ScopeTypeIs:
		default:
			refuse("in: agents form no groups; name them in subjects and targets")
		}
	}
	nodes, claims := 0, attributes(1<<skillAttribute|1<<actionAttribute|1<<declaredAttribute)
	for _, c := range p.Conditions {
		asked, whole := asks(c.Body)
		if whole {
			refuse("context as a whole cannot be checked; ask for its attributes")
		}
		if p.Effect == ast.EffectPermit && asked&claims != 0 {
			refuse(permitByClaim, "what callers declare")
		}
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
			nodes++
			switch n := n.(type) {
			case ast.NodeTypeIn:
				if v, ok := n.Left.(ast.NodeTypeVariable); !ok || v.Name != "action" {
					refuse("in: only action can be in a set of actions, as agents form no groups")
				}
			case ast.NodeTypeIsIn, ast.NodeTypeGetTag, ast.NodeTypeHasTag:
				refuse("agents have neither groups nor tags")
			case ast.NodeTypeAccess:
				if !isContext(n.Arg) {
					refuse("only context has attributes, not what %q is asked of", n.Value)
				}
			}
			return true
		})
	}
	if nodes > maxNodes {
		refuse("it is too complex: %d expressions, of which there may be %d", nodes, maxNodes)
	}
	return reasons
}

// mentioned returns the agents that a policy names as entities.
func mentioned(p *ast.Policy) []agent.ID {
	var names []agent.ID
	add := func(uid types.EntityUID) {
		if uid.Type == agentType {
			names = append(names, agent.ID(uid.ID))
		}
	}
	for _, scope := range []ast.IsScopeNode{p.Principal, p.Resource} {
		if eq, ok := scope.(ast.ScopeTypeEq); ok {
			add(eq.Entity)
		}
	}
	for _, c := range p.Conditions {
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
			if v, ok := n.(ast.NodeValue); ok {
				if uid, ok := v.Value.(types.EntityUID); ok {
					add(uid)
				}
			}
			return true
		})
	}
	return names
}

// holds evaluates an expression for a call of which Cedar is told everything.
func holds(n ast.IsNode, c *Call) (bool, error) {
	v, err := eval.Eval(n, eval.Env{
		Entities:  types.EntityMap{},
		Principal: types.NewEntityUID(agentType, types.String(c.Caller)),
		Action:    types.NewEntityUID(actionType, types.String(c.Method)),
		Resource:  types.NewEntityUID(agentType, types.String(c.Callee)),
		Context:   allAttributes.record(c),
	})
	if err != nil {
		return false, fmt.Errorf("evaluating a condition: %w", err)
	}
	b, ok := v.(types.Boolean)
	if !ok {
		return false, fmt.Errorf("evaluating a condition: it is no truth but %s", eval.TypeName(v))
	}
	return bool(b), nil
}

// spread returns calls on which policies are tried before they count: with each method and effect, in each ring, with each
// assurance, and at the bounds of every number.
func spread() []Call {
	calls := make([]Call, 0, len(methods))
	for i, m := range methods {
		c := Call{
			Caller: "a", CallerOwner: "o", Origin: "b", Callee: "c", CalleeOwner: "p", Descent: "own", Method: a2a.Method(m),
			Ring: agent.Ring(i % 4), Assurance: identity.Assurance(i % 5), Effect: agent.Effect(i % 3), Unchained: i%2 == 0,
			Trust: []agent.Trust{0, 499, agent.MaxTrust}[i%3], Bytes: []int{0, 1 << 20, mostBytes}[i%3],
			Hops: []int{0, 1, mostHops}[i/2%3], At: time.UnixMilli([]int64{firstNow, 0, lastNow}[i%3]),
		}
		if i%2 == 1 {
			c.Skill, c.Action = "s", "a.b"
		}
		calls = append(calls, c)
	}
	return calls
}
