package governance

import (
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/approval"
)

// Accept is what a caller must sign, as RFC 9421 section 5.1 lets a server say it.
const Accept = `agent=("@method" "@authority" "@path" "content-digest");created;expires;nonce;keyid;tag="a2a-agent"`

// Denial returns the answer a denied exchange gets, in the shape its binding and method need. It tells the
// caller the reason, whose boundary it was, the decision id, and nothing of rules or content.
func (x *Exchange) Denial() a2a.Response {
	if x.instead != nil && x.Verdict.Decision == Approve {
		told := *x.instead
		told.Headers = append(slices.Clone(told.Headers), [2]string{DecisionHeader, x.ID})
		return told
	}
	response := x.denial().Response()
	if x.Verdict.Kind == Unauthenticated {
		response.Headers = append(response.Headers,
			[2]string{"www-authenticate", `Signature realm="ringfence"`},
			[2]string{"accept-signature", Accept})
	}
	response.Headers = append(response.Headers, [2]string{DecisionHeader, x.ID})
	return response
}

func (x *Exchange) denial() a2a.Denial {
	v := x.Verdict
	wire := v.Kind.Codes()
	code := wire.JSONRPC
	if v.Code != 0 {
		code = v.Code
	}
	metadata := []a2a.Pair{
		{Key: "decisionId", Value: x.ID},
		{Key: "party", Value: string(v.Party)},
	}
	if x.Approval.ID != "" {
		metadata = append(metadata, x.waiting()...)
	}
	return a2a.Denial{
		Binding:    x.Binding,
		Streaming:  x.awaitsEvents(),
		RequestID:  x.Operation.RequestID,
		Transport:  wire.Transport,
		HTTPStatus: wire.HTTP,
		Code:       code,
		GRPC:       wire.GRPC,
		Reason:     strings.ToUpper(strings.ReplaceAll(v.Reason, "-", "_")),
		Message:    v.Message,

		RetryAfterSeconds: v.RetryAfterSeconds,
		Metadata:          metadata,
	}
}

// asks has the exchange be about a case, whose state the caller sees below the URL if there is one.
func (x *Exchange) asks(a approval.Approval, statusURL string) {
	x.Approval = Asked{ID: a.ID, Expires: a.Expires}
	if statusURL != "" {
		x.statusURL = statusURL + a.ID
	}
}

// waiting tells the caller of a case that people were asked about which one it is, until when it waits, and where it can
// see how the case stands.
func (x *Exchange) waiting() []a2a.Pair {
	pairs := []a2a.Pair{
		{Key: "approvalId", Value: x.Approval.ID},
		{Key: "expiresAt", Value: x.Approval.Expires.UTC().Format(time.RFC3339)},
	}
	if x.statusURL != "" {
		pairs = append(pairs, a2a.Pair{Key: "statusUrl", Value: x.statusURL})
	}
	return pairs
}

// awaitsEvents reports whether the caller reads the answer as a stream. Where the body is not read yet, or cannot be, the
// method is unknown: then it is a caller that accepts nothing but events.
func (x *Exchange) awaitsEvents() bool {
	if x.Operation.Method != "" {
		return x.Operation.Method.Streaming()
	}
	accepts := x.Request.Header.Values("accept")
	for _, line := range accepts {
		for element := range strings.SplitSeq(line, ",") {
			media, _, _ := strings.Cut(element, ";")
			if !strings.EqualFold(strings.TrimSpace(media), eventStream) {
				return false
			}
		}
	}
	return len(accepts) > 0
}

// DecisionHeader carries the decision id on denials, for people who read headers.
const DecisionHeader = "ringfence-decision"
