// Package governance decides exchanges. A request becomes one Exchange, runs through one ordered list of stages
// (pipeline.go) and ends in one Verdict. It knows no Envoy: adapters bring headers and bodies, and carry the
// verdict away.
package governance

import (
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/policy"
)

// Form says how the route that the proxy chose names the callee. Only the proxy knows which route it took, so the
// governor never derives the form from the request: the two could read one request differently. The zero value
// names no callee.
type Form uint8

// The forms.
const (
	NoForm    Form = iota // no route, or one that says nothing: there is no callee
	HostForm              // the agent's own host name; the whole path is the agent's
	PathForm              // /agents/<name> on the gateway's host, whatever the host is
	RouteForm             // the route's own configuration, for proxies whose routes are not Ringfence's
	RootForm              // the route's own configuration; the whole path is the agent's, as with HostForm
)

// Request is what a proxy saw of a request before its body.
type Request struct {
	// Method is the HTTP verb, upper case.
	Method string
	// Scheme is http or https, as the client reached the gateway.
	Scheme string
	// Authority is the Host field or :authority as the client sent it.
	Authority string
	// Path is the path with the query, as the proxy routes it.
	Path string
	// Header holds all other fields, names in lower case, duplicates kept.
	Header identity.Header
	// Peer is the SPIFFE ID of the connection that brought the request, as the proxy authenticated it; empty when it has
	// none.
	Peer string
	// Form says what names the callee.
	Form Form
	// Callee is the agent that the route's configuration names, for RouteForm and RootForm.
	Callee string
	// Body is the whole body when Complete is set.
	Body []byte
	// Complete reports that the request has no body beyond Body.
	Complete bool
	// Told reports that the proxy tells how calls go on whose requests were allowed: what it is asked to show of an answer,
	// and that each call is over.
	Told bool
}

// Asked is what the caller of a case is told of it: its id, empty where nobody was asked, and until when it waits.
type Asked struct {
	ID      string
	Expires time.Time
}

// Exchange is one request on its way to a verdict. Stages read what earlier stages filled in.
type Exchange struct {
	// ID names the decision in the denial, the record and the logs.
	ID string
	// Time is when the exchange began, and Moment the one at which stages judge: that of the phase's begin.
	Time, Moment time.Time
	// Mesh is what is known of the mesh at Moment.
	Mesh Mesh
	// Request is the request as the proxy saw it.
	Request Request

	// Callee is the agent that is called; nil until the callee stage.
	Callee *agent.Record
	// Entrance is which of its interfaces is used, and Binding that interface's.
	Entrance agent.Entrance
	Binding  a2a.Binding
	// Below is the path below the entrance, empty or beginning with a slash.
	Below string

	// Caller is what evidence proves; CallerRecord is its registration, nil for the anonymous caller.
	Caller       identity.Caller
	CallerRecord *agent.Record
	// Proof is the evidence's window and nonce, for the replay stage. Once reports that it was one that is good for a
	// single request.
	Proof identity.Proof
	Once  bool
	// unknown is the keyid of the evidence, if it names no key.
	unknown string
	// Own is what the caller holds by itself, Chain on whose behalf it acts, and Authority what it may do there.
	Own       authority.Authority
	Chain     Chain
	Authority authority.Authority

	// Policy is what the parties of the call have written about it; judgedBy is the epoch of what it was read from, empty
	// until the policy stage. question is what was asked. bytes is how long the body is, owed are the approvals that the call waits for, and shadowed is
	// what documents in shadow mode would have refused. drawn are the limits that count the call as under way.
	Policy   policy.Outcome
	judgedBy string
	question policy.Call
	bytes    int
	owed     []policy.Requirement
	shadowed []policy.Refusal
	drawn    []budget.Draw
	counted  bool // in the limits that policies set
	// Approval is the case that people were asked about, once they were; granted reports that they let the call through, or that
	// a message goes on which waited for them in vain, and statusURL is where the caller can see how its case stands.
	Approval  Asked
	granted   bool
	statusURL string

	// Replaces is what of the request the proxy can still replace; an adapter says it before Close.
	Replaces Replaces
	// Sent is what goes to the agent in the place of the request; nil sends the request itself. instead is what the caller is
	// told in the place of a denial, and standIn what the exchange has to do with tasks that the mesh stands in for.
	Sent    *Sent
	instead *a2a.Response
	standIn *standIn

	// TimeLimit is how long the call may take, its answer included; 0 when nothing bounds it. timed is the
	// rule of a policy that says so, if it is one.
	TimeLimit time.Duration
	timed     policy.Ref

	// Operation is what is asked for, once known; Effect is the strongest thing it may do.
	Operation a2a.Operation
	Effect    agent.Effect

	// Reply is the answer as the proxy saw it. Unit is what of its body is judged at once: all of it, or one event or
	// message of a stream. Answer is what Unit says, once known; Rewritten takes the place of Unit where a stage set it.
	Reply     Reply
	Unit      []byte
	Answer    a2a.Answer
	Rewritten []byte
	// Renamed takes the place of both: the same with the names that the caller knows. Redacted takes the place of all: the
	// same without what may not pass.
	Renamed, Redacted []byte
	// strands are what the agent has said so far in a stream; nil for other answers.
	strands *strands
	// findings are what content rules have found in the request or, once it is relayed, in the answer.
	findings []audit.Finding
	// learned are the tasks that the answer has started so far.
	learned []string

	// holding is what the standing stage found that the caller holds, and behalf for whom the delegation stage found that it
	// acts where no delegation says so.
	holding authority.Holding
	behalf  *behalf
	// carried reports that the end of the exchange will be told with Leave; inside that it is counted as under way, in
	// insideRing; scarce that room for such calls is. serving is the call as the callee's, running which of its tasks go on; heard reports that it is known
	// whether any does.
	carried    bool
	inside     bool
	insideRing agent.Ring
	scarce     bool
	serving    *lineage.Call
	running    []string
	heard      bool

	// Verdict is the meet of all factors that were judged.
	Verdict Verdict
	// Final reports that no stage is left to judge.
	Final bool
	// Next says how the call goes on; it counts where the exchange is final, allowed and Told.
	Next Next
}

// known reports whether the operation is determined.
func (x *Exchange) known() bool { return x.Operation.Method != "" }
