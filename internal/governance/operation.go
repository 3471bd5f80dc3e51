package governance

import (
	"context"
	"mime"
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
)

// operationStage reads what is asked for. What it cannot read unambiguously it refuses, with the error the
// protocol itself has for it.
type operationStage struct {
	limits a2a.Limits
}

func (s operationStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.known() {
		return allow() // reading a card, which its path tells
	}
	if refusal, ok := encoding(x.Request, x.Binding); !ok {
		return refusal
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
	case a2a.GRPC:
		operation, problem = a2a.ParseGRPC(x.Below, x.Request.Body, s.limits)
	default:
		return deny(Invalid, GatewaySide, "binding-ungoverned", "the mesh does not govern this binding")
	}
	if problem != nil {
		return unreadable(x, problem)
	}
	if len(operation.Skill) > maxDeclared || len(operation.Action) > maxDeclared {
		return deny(Invalid, GatewaySide, "declaration-too-long", "a declared skill or action may have 512 bytes")
	}
	x.Operation = operation
	x.Effect = effect(x)
	return allow()
}

// maxDeclared bounds, in bytes, what a caller can declare: no skill has a longer name, and policies compare it.
const maxDeclared = 512

// effect returns the strongest thing the operation may do: what its method tells, else what the callee's registration
// says. A registration can raise the effect of a method that writes, and cannot lower it.
func effect(x *Exchange) agent.Effect {
	method := x.Operation.Method
	if method.ReadOnly() {
		return agent.EffectRead
	}
	registered := x.Callee.EffectOf(x.Operation.Skill)
	writes := method.Writes()
	if method == a2a.OtherMethod && x.Binding == a2a.HTTPJSON {
		writes = x.Request.Method != "GET" && x.Request.Method != "HEAD"
	}
	if writes && registered == agent.EffectRead {
		return agent.EffectWrite
	}
	return registered
}

// encoding refuses bodies that an agent could decode otherwise than the mesh does: compressed ones, and ones in another
// charset, of which some frameworks know many. Without a content type there is nothing to decode by; gRPC has no call
// without one.
func encoding(r Request, binding a2a.Binding) (Verdict, bool) {
	for _, f := range r.Header {
		if (f.Name == "content-encoding" || f.Name == "grpc-encoding") && !strings.EqualFold(strings.TrimSpace(f.Value), "identity") {
			return deny(BadMedia, GatewaySide, "content-encoded", "compressed bodies cannot be inspected; send identity encoding"), false
		}
	}
	if binding == a2a.GRPC {
		if !isGRPC(r) {
			return deny(BadMedia, GatewaySide, "content-type", "send application/grpc with protobuf messages"), false
		}
		return Verdict{}, true
	}
	content, times := r.Header.First("content-type")
	if len(r.Body) == 0 || times == 0 {
		return Verdict{}, true
	}
	if times > 1 || !isJSON(content) {
		return deny(BadMedia, GatewaySide, "content-type", "send application/json in UTF-8"), false
	}
	return Verdict{}, true
}

// isJSON reports whether a content type is that of JSON in UTF-8, as A2A has it.
func isJSON(content string) bool {
	if plainMedia(content) {
		return content != eventStream
	}
	media, params, err := mime.ParseMediaType(content)
	charset, declared := params["charset"]
	return err == nil && (media == "application/json" || media == "application/a2a+json") &&
		(!declared || strings.EqualFold(charset, "utf-8")) && (len(params) == 0 || len(params) == 1 && declared)
}

// plainMedia reports whether a content type is one that nearly all messages have, spelled so that there is nothing in it to
// be read.
func plainMedia(content string) bool {
	return content == "application/json" || content == "application/a2a+json" || content == eventStream
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
