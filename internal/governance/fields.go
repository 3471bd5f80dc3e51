package governance

import (
	"context"
	"net/url"
	"strings"
)

// single are the fields that mean one thing only when they stand once: servers differ in whether the first, the last or
// a list of all counts. Host and content-length are Envoy's to hold to one.
var single = []string{
	"content-type", "content-encoding", "authorization", versionField, "traceparent", "te", "grpc-encoding", "grpc-timeout",
	delegationField, gateField,
}

const versionField = "a2a-version"

// fieldsStage refuses header fields that an agent could read otherwise than the mesh does.
type fieldsStage struct{}

func (fieldsStage) Judge(_ context.Context, x *Exchange) Verdict {
	for _, name := range single {
		if len(x.Request.Header.Values(name)) > 1 {
			return deny(Invalid, GatewaySide, "field-repeated", "the field "+name+" must stand once")
		}
	}
	return versions(x.Request)
}

// versions refuses a request whose field and query parameter name different versions of A2A (A2A 1.0 section 3.6.1 allows
// either): agents differ in which one they take.
func versions(r Request) Verdict {
	_, query, _ := strings.Cut(r.Path, "?")
	if query == "" {
		return allow()
	}
	said := r.Header.Values(versionField)
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		if name, err := url.QueryUnescape(name); err != nil || !strings.EqualFold(name, versionField) {
			continue
		}
		value, err := url.QueryUnescape(value)
		if err != nil || len(said) > 0 && said[0] != value {
			return deny(Invalid, GatewaySide, "version-conflict", "the request names two versions of A2A")
		}
		said = []string{value}
	}
	return allow()
}
