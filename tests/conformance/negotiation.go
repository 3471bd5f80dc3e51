package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
)

// versionParameter is the service parameter, header and query parameter that names the protocol version
// (A2A 1.0 section 3.6.1).
const versionParameter = "A2A-Version"

// Extension is the URI of an extension that the agent activates when a client asks for it, so that answers carry the
// activation.
const Extension = "https://ringfence.dev/ext/conformance/v1"

var extension = a2a.AgentExtension{
	URI:         Extension,
	Description: "Does nothing but being activated.",
}

// negotiation does what the SDK leaves to agents: it checks the protocol version (A2A 1.0 section 3.6.2) and the
// media types of messages (section 3.1.1), and activates the extension.
type negotiation struct {
	a2asrv.PassthroughCallInterceptor
}

func (negotiation) Before(ctx context.Context, call *a2asrv.CallContext, r *a2asrv.Request) (context.Context, any, error) {
	versions, _ := call.ServiceParams().Get(versionParameter)
	for _, version := range versions {
		if !spoken(version) {
			return ctx, nil, fmt.Errorf("%w: the agent speaks 1.0 and 0.3", a2a.ErrVersionNotSupported)
		}
	}
	if send, ok := r.Payload.(*a2a.SendMessageRequest); ok && send.Message != nil {
		for _, part := range send.Message.Parts {
			if part != nil && part.MediaType != "" && !slices.Contains(mediaTypes, part.MediaType) {
				return ctx, nil, fmt.Errorf("%w: the agent reads %s", a2a.ErrUnsupportedContentType, strings.Join(mediaTypes, ", "))
			}
		}
	}
	if extensions := call.Extensions(); slices.Contains(requested(extensions), extension.URI) {
		extensions.Activate(&extension)
	}
	return ctx, nil, nil
}

// spoken reports whether the agent speaks a version. Patch numbers do not count; no version means 0.3.
func spoken(version string) bool {
	if version == "" {
		return true
	}
	parts := strings.SplitN(version, ".", 3)
	return len(parts) > 1 && slices.Contains([]string{"0.3", "1.0"}, parts[0]+"."+parts[1])
}

// requested returns the extensions a client asks for. They may stand in one field, with commas.
func requested(extensions *a2asrv.Extensions) []string {
	var uris []string
	for _, field := range extensions.RequestedURIs() {
		for uri := range strings.SplitSeq(field, ",") {
			uris = append(uris, strings.TrimSpace(uri))
		}
	}
	return uris
}
