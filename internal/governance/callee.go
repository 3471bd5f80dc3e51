package governance

import (
	"context"
	"net/netip"
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

func (s calleeStage) Judge(_ context.Context, x *Exchange) Verdict {
	path, _, _ := strings.Cut(x.Request.Path, "?")
	grpc := isGRPC(x.Request)
	if grpc {
		x.Binding = a2a.GRPC // whoever is called, a gRPC client can read no other denial
	}
	if !validAuthority(x.Request.Authority) {
		return deny(Invalid, GatewaySide, "authority-invalid", "the Host must be a host name or address, with a port or without")
	}
	name, below, ok := s.locate(x.Request, path)
	if !ok {
		return deny(NotFound, GatewaySide, "callee-unknown", "no agent is addressed by this host and path")
	}
	callee, ok := x.Mesh.Agents.Agent(name)
	if !ok {
		return deny(NotFound, GatewaySide, "callee-unknown", "no agent of this name is registered")
	}
	x.Callee = callee
	if isCard(below) || x.Request.Form == HostForm && below == agent.KeySetPath {
		return s.card(x, below)
	}
	enter := callee.Card.Enter
	if x.Request.Form == RouteForm {
		enter = func(path string) (agent.Entrance, string, bool) { return enterByURL(&callee.Card, path) }
	}
	entrance, rest, ok := enter(below)
	if !ok {
		return deny(NotFound, GatewaySide, "entrance-unknown", "the agent has no interface at this path")
	}
	binding := bindings[entrance.Interface.Binding]
	switch {
	case grpc != (binding == a2a.GRPC):
		return deny(NotFound, GatewaySide, "entrance-unknown", "gRPC is for the agent's gRPC services, and these take nothing else")
	case binding != a2a.HTTPJSON && x.Request.Method != "POST":
		return deny(NotFound, GatewaySide, "entrance-unknown", "the agent's JSON-RPC and gRPC interfaces take POST only")
	}
	x.Entrance, x.Below, x.Binding = entrance, rest, binding
	return allow()
}

// card begins the reading of a card or, on the agent's own host, of the keys that verify it. Either is decided on headers
// alone and so must have no body.
func (s calleeStage) card(x *Exchange, below string) Verdict {
	if verb := x.Request.Method; verb != "GET" && verb != "HEAD" || message(x.Request).HasBody {
		return deny(NotFound, GatewaySide, "entrance-unknown", "agent cards can only be read")
	}
	x.Operation = a2a.Operation{Method: a2a.GetAgentCard, Wire: "GET " + below}
	x.Effect = agent.EffectRead
	return allow()
}

var bindings = map[agent.Binding]a2a.Binding{
	agent.JSONRPC:  a2a.JSONRPC,
	agent.HTTPJSON: a2a.HTTPJSON,
	agent.GRPC:     a2a.GRPC,
}

// isGRPC reports whether the request says that it is a gRPC call with protobuf messages, the only ones that are read.
func isGRPC(r Request) bool {
	media, times := r.Header.First("content-type")
	return times == 1 && (media == "application/grpc" || media == "application/grpc+proto")
}

// locate returns the callee's name and the path below its base, as the route's form has it.
func (s calleeStage) locate(r Request, path string) (name agent.ID, below string, ok bool) {
	switch r.Form {
	case HostForm:
		name, ok = s.byHost(r.Authority)
		return name, path, ok
	case PathForm:
		return agent.SplitMeshPath(path)
	case RootForm, RouteForm:
		name, err := agent.ParseID(r.Callee)
		return name, path, err == nil && !(r.Form == RootForm && s.below(r.Authority))
	default:
		return "", "", false
	}
}

// validAuthority reports whether an authority is a host or a bracketed address, with a numeric port or without.
func validAuthority(authority string) bool {
	host, port := authority, ""
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		host, port = authority[:i], authority[i+1:]
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		_, err := netip.ParseAddr(inner)
		return closed && err == nil && isNumber(port)
	}
	for i := range len(host) {
		switch c := host[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return host != "" && isNumber(port)
}

func isNumber(port string) bool {
	return len(port) <= 5 && strings.Trim(port, "0123456789") == ""
}

// below reports whether the authority is a host below the mesh domain. Such a name means its own agent: when that is gone,
// and the proxy takes the host for one of its own, the root agent must not get what was for another.
func (s calleeStage) below(authority string) bool {
	host := strings.ToLower(authority)
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	return s.domain != "" && strings.HasSuffix(strings.TrimSuffix(host, "."), "."+s.domain)
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
// keep the paths agents have without a mesh. A JSON-RPC interface is entered at its path exactly and counts before
// the HTTP+JSON interfaces, of which the one with the longest path counts. The paths of gRPC are the same everywhere.
func enterByURL(card *agent.Card, path string) (found agent.Entrance, rest string, ok bool) {
	if agent.ServiceOf(path) != 0 {
		return card.Enter(path)
	}
	for _, e := range card.Entrances() {
		own, err := url.Parse(e.Interface.URL)
		if err != nil {
			continue
		}
		below, under := strings.CutPrefix(path, strings.TrimSuffix(own.Path, "/"))
		switch {
		case !under:
		case e.Interface.Binding == agent.JSONRPC && (below == "" || below == "/"):
			return e, "", true
		case e.Interface.Binding == agent.HTTPJSON && len(below) > 1 && below[0] == '/' && (!ok || len(below) < len(rest)):
			found, rest, ok = e, below, true
		}
	}
	return found, rest, ok && agent.ServiceOf(rest) == 0
}
