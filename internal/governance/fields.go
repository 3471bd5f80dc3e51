package governance

import (
	"context"
	"math/bits"
	"net/url"
	"strings"

	"ringfence.dev/ringfence/internal/identity"
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
	if name, ok := repeated(x.Request.Header); ok {
		return deny(Invalid, GatewaySide, "field-repeated", "the field "+name+" must stand once")
	}
	return versions(x.Request)
}

// repeated returns the first of the fields in single that stands more than once.
func repeated(h identity.Header) (name string, ok bool) {
	var seen, again uint
	for i := range h {
		for at, name := range single {
			if h[i].Name == name {
				again |= seen & (1 << at)
				seen |= 1 << at
				break
			}
		}
	}
	if again == 0 {
		return "", false
	}
	return single[bits.TrailingZeros(again)], true
}

// versions refuses a request whose field and query parameter name different versions of A2A (A2A 1.0 section 3.6.1 allows
// either): agents differ in which one they take.
func versions(r Request) Verdict {
	_, query, _ := strings.Cut(r.Path, "?")
	if query == "" {
		return allow()
	}
	said, times := r.Header.First(versionField)
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		if name, err := url.QueryUnescape(name); err != nil || !strings.EqualFold(name, versionField) {
			continue
		}
		value, err := url.QueryUnescape(value)
		if err != nil || times > 0 && said != value {
			return deny(Invalid, GatewaySide, "version-conflict", "the request names two versions of A2A")
		}
		said, times = value, 1
	}
	return allow()
}
