package governance

import (
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
)

// operationStage reads what is asked for. What it cannot read unambiguously it refuses, with the error the
// protocol itself has for it.
type operationStage struct {
	limits a2a.Limits
}

func (s operationStage) Judge(x *Exchange) Verdict {
	if x.known() {
		return allow() // reading a card, which its path tells
	}
	if coding, ok := x.Request.Header.Get("content-encoding"); ok && !strings.EqualFold(coding, "identity") {
		return deny(Invalid, GatewaySide, "content-encoded", "compressed bodies cannot be inspected; send identity encoding")
	}
	var operation a2a.Operation
	var problem *a2a.Problem
	switch x.Binding {
	case a2a.JSONRPC:
		operation, problem = a2a.ParseJSONRPC(x.Request.Body, s.limits)
	case a2a.HTTPJSON:
		path := x.Below
		if _, query, ok := strings.Cut(x.Request.Path, "?"); ok {
			path += "?" + query
		}
		operation, problem = a2a.ParseHTTPJSON(x.Request.Method, path, x.Request.Body, s.limits)
	default:
		return deny(Invalid, GatewaySide, "binding-ungoverned", "the mesh does not govern this binding")
	}
	if problem != nil {
		return unreadable(x, problem)
	}
	x.Operation = operation
	x.Effect = x.Callee.EffectOf(operation.Skill)
	if operation.Method.ReadOnly() {
		x.Effect = agent.EffectRead
	}
	return allow()
}

// unreadable refuses what the parser refused. What was read before the problem still shapes the denial: the id
// to echo, and whether to stream it.
func unreadable(x *Exchange, p *a2a.Problem) Verdict {
	x.Operation = a2a.Operation{Method: p.Method, RequestID: p.RequestID}
	kind := Invalid
	if p.Denial().HTTPStatus == codes[TooLarge].HTTP {
		kind = TooLarge
	}
	v := deny(kind, GatewaySide, strings.ToLower(strings.ReplaceAll(p.Reason, "_", "-")), p.Error())
	v.Code = p.Code
	return v
}
