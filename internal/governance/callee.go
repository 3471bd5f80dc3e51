package governance

import (
	"net/url"
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
)

// calleeStage finds who is called and through which entrance. Names are public in the mesh, so an unknown
// callee is said to be unknown before anything is asked of the caller.
type calleeStage struct {
	domain string
}

func (s calleeStage) Judge(x *Exchange) Verdict {
	path, _, _ := strings.Cut(x.Request.Path, "?")
	name, below, ok := s.locate(x.Request, path)
	if !ok {
		return deny(NotFound, GatewaySide, "callee-unknown", "no agent is addressed by this host and path")
	}
	if hint := agent.ID(x.Request.Callee); hint != "" && hint != name {
		return deny(Invalid, GatewaySide, "callee-disagreement", "the route and the request address different agents")
	}
	callee, ok := x.Snapshot.Agent(name)
	if !ok {
		return deny(NotFound, GatewaySide, "callee-unknown", "no agent of this name is registered")
	}
	x.Callee = callee
	if isCard(below) {
		if verb := x.Request.Method; verb != "GET" && verb != "HEAD" {
			return deny(NotFound, GatewaySide, "entrance-unknown", "agent cards can only be read")
		}
		x.Operation = a2a.Operation{Method: a2a.GetAgentCard, Wire: "GET " + below}
		x.Effect = agent.EffectRead
		return allow()
	}
	entrance, rest, ok := callee.Card.Enter(below)
	if !ok {
		entrance, rest, ok = enterByURL(&callee.Card, path, x.Request.Callee != "")
	}
	if !ok {
		return deny(NotFound, GatewaySide, "entrance-unknown", "the agent has no interface at this path")
	}
	x.Below = rest
	x.Binding = bindings[entrance.Interface.Binding]
	if x.Binding == a2a.JSONRPC && x.Request.Method != "POST" {
		return deny(NotFound, GatewaySide, "entrance-unknown", "the agent's JSON-RPC interface takes POST only")
	}
	return allow()
}

var bindings = map[agent.Binding]a2a.Binding{
	agent.JSONRPC:  a2a.JSONRPC,
	agent.HTTPJSON: a2a.HTTPJSON,
}

// locate returns the callee's name and the path below its base. The agent's own host name counts before the
// path, the path before the route's hint: a hint alone names the callee only where neither does.
func (s calleeStage) locate(r Request, path string) (name agent.ID, below string, ok bool) {
	if name, ok := s.byHost(r.Authority); ok {
		return name, path, true
	}
	if name, below, ok := agent.SplitMeshPath(path); ok {
		return name, below, true
	}
	if r.Callee == "" {
		return "", "", false
	}
	name, err := agent.ParseID(r.Callee)
	return name, path, err == nil
}

func (s calleeStage) byHost(authority string) (agent.ID, bool) {
	if s.domain == "" {
		return "", false
	}
	host := strings.ToLower(authority)
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	label, ok := strings.CutSuffix(host, "."+s.domain)
	if !ok {
		return "", false
	}
	name, err := agent.ParseID(label)
	return name, err == nil
}

func isCard(below string) bool { return below == agent.CardPath || below == agent.LegacyCardPath }

// enterByURL finds the entrance by the agent's own URL path, for proxies whose routes are not Ringfence's and
// keep the paths agents have without a mesh.
func enterByURL(card *agent.Card, path string, hinted bool) (agent.Entrance, string, bool) {
	if !hinted {
		return agent.Entrance{}, "", false
	}
	for _, e := range card.Entrances() {
		own, err := url.Parse(e.Interface.URL)
		if err != nil {
			continue
		}
		base := strings.TrimSuffix(own.Path, "/")
		rest, below := strings.CutPrefix(path, base)
		switch {
		case !below:
		case e.Interface.Binding == agent.JSONRPC && (rest == "" || rest == "/"):
			return e, "", true
		case e.Interface.Binding == agent.HTTPJSON && len(rest) > 1 && rest[0] == '/':
			return e, rest, true
		}
	}
	return agent.Entrance{}, "", false
}
