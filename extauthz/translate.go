package extauthz

import (
	"strconv"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
)

// Context extensions that routes and virtual hosts may carry for this filter.
const (
	// FormExtension says how the route names the callee: by the agent's own host name, by the path on the
	// gateway's host, or by CalleeExtension at the root of that host. Without it and without CalleeExtension the
	// request is denied.
	FormExtension = "ringfence.form"
	HostForm      = "host"
	PathForm      = "path"
	RootForm      = "root"
	// CalleeExtension names the callee: the one at the root, or without RootForm that of a route which is not
	// Ringfence's and keeps the paths that the agent has without a mesh.
	CalleeExtension = "ringfence.callee"
	// BodyExtension, with the value IncludedBody, says that the filter is configured to send whole bodies, so
	// that one check decides everything.
	BodyExtension = "ringfence.body"
	IncludedBody  = "included"
	// CallsExtension, with the value CallsTold, says that Envoy tells how calls go on which were allowed: the filter behind
	// this one does what Next says, and the end of each call is logged (accesslog).
	CallsExtension = "ringfence.calls"
	CallsTold      = "told"
)

// BelowExtension is the length in bytes from which Envoy sends the beginning of a body alone (max_request_bytes, with
// allow_partial_message). It counts where CallsExtension does.
const BelowExtension = "ringfence.below"

// partialField says whether the body in a check was cut. Envoy says so only of a body of which it had more than it sends:
// of one that had come as far as it sends, and goes on, it says false.
const partialField = "x-envoy-auth-partial-body"

// request returns what the governor is asked.
func request(check *envoywire.Check) governance.Request {
	r := governance.Request{
		Method:    check.Method,
		Scheme:    check.Scheme,
		Authority: check.Authority,
		Path:      check.Path,
		Header:    check.Header,
		Peer:      peer(check.Principal),
		Callee:    check.Extensions.Get(CalleeExtension),
	}
	switch form := check.Extensions.Get(FormExtension); {
	case form == RootForm:
		r.Form = governance.RootForm
	case r.Callee != "":
		r.Form = governance.RouteForm
	case form == HostForm:
		r.Form = governance.HostForm
	case form == PathForm:
		r.Form = governance.PathForm
	}
	r.Told = check.Extensions.Get(CallsExtension) == CallsTold
	// Where nothing follows the check, it has to decide about what it was sent: a body cut short fails its digest.
	if check.Extensions.Get(BodyExtension) == IncludedBody && (!r.Told || entire(check)) {
		r.Complete, r.Body = true, check.Body
	}
	return r
}

// entire reports whether a check brings all of the request's body. A client's own field would stand beside Envoy's. Of an
// empty body nothing tells whether it was one, or none, which matters where something is to take the place of the request.
func entire(check *envoywire.Check) bool {
	said, lines := check.Header.First(partialField)
	below, err := strconv.Atoi(check.Extensions.Get(BelowExtension))
	return lines == 1 && said == "false" && err == nil && 0 < len(check.Body) && len(check.Body) < below
}

// nexts are how a call goes on, as Envoy is told: of NextJudge nothing is said, since nothing said means no less.
var nexts = [...]string{governance.NextAnswer: envoywire.NextAnswer, governance.NextPass: envoywire.NextPass}

// verdict returns what Envoy is told. Only an allow lets the request go on; a denial is whole: status, fields, body.
func verdict(x *governance.Exchange) envoywire.Verdict {
	if x.Verdict.Decision == governance.Allow {
		v := envoywire.Verdict{
			Allowed: true,
			Passage: x.Passage().String(),
			Request: bounds(x),
			Answer:  [][2]string{{governance.DecisionHeader, x.ID}},
		}
		if x.Final {
			v.Next = nexts[x.Next]
		}
		return v
	}
	denial := x.Denial()
	return envoywire.Verdict{Code: x.Verdict.Kind.Codes().GRPC, Status: denial.Status, Header: denial.Headers, Body: denial.Body}
}

// timeoutField is how Envoy's router is told, for one request, how long all of it may take. It does not reach the agent.
const timeoutField = "x-envoy-upstream-rq-timeout-ms"

// grace is how much longer than allowed the router lets a call take. The governor ends calls itself, with a last event
// where they are streams, which the router cannot; the router's bound is for what the governor does not see.
const grace = 3 * time.Second

// bounds returns the fields that bound an allowed call. Envoy strips a client's own.
func bounds(x *governance.Exchange) [][2]string {
	if x.TimeLimit <= 0 {
		return nil
	}
	return [][2]string{{timeoutField, strconv.FormatInt((x.TimeLimit + grace).Milliseconds(), 10)}}
}

// peer returns the SPIFFE ID of a connection's principal. One that is no SPIFFE ID identifies no workload; one that looks
// like an ID and is none belongs to nobody.
func peer(principal string) string {
	if !strings.HasPrefix(principal, "spiffe:") {
		return ""
	}
	return principal
}
