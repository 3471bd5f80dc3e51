package governance

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/task"
)

// Question describes a request of which somebody wants to know how it would be decided.
type Question struct {
	// Caller is the agent that is taken to make the request, whatever evidence there is; empty judges the evidence.
	Caller agent.ID
	// Request is the request, its body included.
	Request Request
}

// Finding is what one factor of a decision comes to.
type Finding struct {
	// Factor names the stage.
	Factor string
	// Value is what the stage saw.
	Value string
	// Verdict is its verdict; the zero Verdict with Judged unset says that it was not judged, and Value why.
	Verdict Verdict
	Judged  bool
	// Witness reports that this is the factor that decided.
	Witness bool
}

// Explanation is how a request would be decided.
type Explanation struct {
	// Exchange is the request with what was found out about it.
	Exchange *Exchange
	// Findings has one entry for each factor, in the order of the pipeline.
	Findings []Finding
}

// Explain runs a described request through the stages of the pipeline, and leaves no trace of it: no nonce is used, no
// call is counted, nothing is recorded. After a factor that denies, those that can be judged without it are. The same
// question about the same mesh at the same moment has the same answer.
func (g *Governor) Explain(ctx context.Context, q Question) Explanation {
	q.Request.Complete = true
	x := &Exchange{ID: "explained", Time: g.config.Now(), Mesh: g.config.Mesh(), Request: q.Request, Verdict: allow()}
	x.Moment = x.Time
	e := Explanation{Exchange: x}
	for _, s := range g.explaining(q.Caller) {
		if s.when&(onHeaders|onBody) != 0 {
			e.judge(ctx, s)
		}
	}
	for i := range e.Findings {
		f := &e.Findings[i]
		f.Witness = f.Judged && x.Verdict.Decision != Allow && f.Factor == x.Verdict.Factor
	}
	return e
}

// explaining returns the pipeline with every stage replaced that would leave a trace.
func (g *Governor) explaining(caller agent.ID) []step {
	quiet := g.config
	quiet.Replay, quiet.Meter, quiet.Unknown = unspent{}, unmetered{}, nil
	quiet.SharedRings = false
	quiet.Budgets, quiet.Approvals, quiet.Shelf = unbudgeted{}, unasking{}, nil
	if quiet.Tasks != nil {
		quiet.Tasks = unasked{quiet.Tasks}
	}
	steps := pipeline(quiet)
	for i := range steps {
		switch name := steps[i].name; {
		case name == "serving":
			steps[i].stage = servingStage{}
		case caller == "":
		case name == "identity":
			steps[i].stage = asserted{caller}
		case name == "digest":
			steps[i].stage = nil
		}
	}
	return steps
}

func (e *Explanation) judge(ctx context.Context, s step) {
	x := e.Exchange
	f := Finding{Factor: s.name}
	switch {
	case s.stage == nil:
		f.Value = "not judged: the caller is taken for granted"
	case x.Verdict.Decision == Deny && !slices.Contains(independent, s.name):
		f.Value = "not judged: needs what the denied factor would have established"
	case x.Verdict.Decision == Deny && !e.may(s.name):
		f.Value = "not judged: " + x.Verdict.Factor + " denied before"
	default:
		v := s.stage.Judge(ctx, x)
		v.Factor = s.name
		f.Verdict, f.Judged = v, true
		f.Value = value(s.name, x)
		if len(v.Evidence) > 0 {
			f.Value = strings.TrimPrefix(f.Value+"; "+strings.Join(v.Evidence, "; "), "; ")
		}
		x.Verdict = x.Verdict.Meet(v)
	}
	e.Findings = append(e.Findings, f)
}

// independent are the factors that can be judged when another one before has denied, because what they read is there
// nevertheless.
var independent = []string{"expiry", "rate", "concurrency", "size", "ring", "trust", "operation", "tenant", "scope", "policy", "task", "callback", "content"}

// may reports whether what an independent factor reads was established: the callee, the caller's standing and chain, and,
// behind operation, the operation.
func (e *Explanation) may(factor string) bool {
	needed := []string{"callee", "fields", "identity", "standing", "delegation"}
	switch factor {
	case "tenant", "scope", "policy", "task", "callback", "content":
		needed = append(needed, "operation")
	}
	for _, f := range e.Findings {
		if slices.Contains(needed, f.Factor) && (!f.Judged || f.Verdict.Decision != Allow) {
			return false
		}
	}
	return true
}

// value says what a factor saw, in the words of the mesh. It is called after the factor was judged.
func value(factor string, x *Exchange) string {
	switch factor {
	case "callee":
		if x.Callee == nil {
			return ""
		}
		return strings.TrimSpace(string(x.Callee.Name) + " " + x.Binding.String() + " " + x.Below)
	case "identity":
		if x.Caller.Anonymous() {
			return "nobody"
		}
		return strings.TrimSpace(string(x.Caller.Agent) + " by " + x.Caller.Assurance.String() + " " + x.Caller.KeyID)
	case "hop":
		return x.Request.Peer
	case "freshness":
		return "behind by " + x.Mesh.Behind.String()
	case "standing":
		return fmt.Sprintf("ring %s, trust %d", x.holding.Ring, x.holding.Trust)
	case "delegation":
		return x.Chain.describe()
	case "expiry":
		if x.Authority.Until.Year() > 9000 {
			return "no end"
		}
		return "until " + x.Authority.Until.UTC().Format(time.RFC3339)
	case "size":
		return strconv.Itoa(len(x.Request.Body)) + " bytes"
	case "operation":
		return strings.TrimSpace(string(x.Operation.Method) + ", effect " + x.Effect.String() + " " + x.Operation.Skill)
	case "tenant":
		return x.Operation.Tenant
	case "ring":
		return "acts in ring " + x.Authority.Ring.String()
	case "trust":
		return fmt.Sprintf("acts with %d of %d", x.Authority.Trust, x.Callee.RequiredTrust)
	case "scope":
		return scopeText(x)
	case "policy":
		return x.written()
	case "task":
		return x.Operation.TaskID
	default:
		return ""
	}
}

func (c Chain) describe() string {
	text := c.Descent.String()
	if len(c.Holders) > 0 {
		text += ": " + names(c.Holders)
	}
	if c.Gate != "" {
		text += " through " + c.Gate
	}
	if c.Unchained {
		text += " (unchained)"
	}
	return text
}

func scopeText(x *Exchange) string {
	sets := make([]string, len(x.Authority.Scope))
	for i, set := range x.Authority.Scope {
		texts := make([]string, len(set))
		for j, capability := range set {
			texts[j] = string(capability)
		}
		sets[i] = strings.Join(texts, " ")
	}
	return strings.Join(sets, " and ")
}

// unspent is a memory of nonces in which none is used, and keeps none.
type unspent struct{}

func (unspent) Use(context.Context, identity.Proof, time.Time) error { return nil }

// unasked is a memory of tasks that is asked by nobody: what is looked up to explain counts against no agent.
type unasked struct{ Ledger }

func (u unasked) Owner(ctx context.Context, _ agent.ID, ref task.Ref) (task.Owner, error) {
	return u.Ledger.Owner(ctx, "", ref)
}

// unmetered counts nothing and bounds nothing.
type unmetered struct{}

func (unmetered) Take(agent.ID, agent.Ring, limit.Limits, time.Time) (time.Duration, bool) {
	return 0, true
}

// unbudgeted has room in every limit, and counts nothing.
type unbudgeted struct{}

func (unbudgeted) Take(context.Context, []budget.Draw, time.Time) budget.Result {
	return budget.Result{OK: true}
}
func (unbudgeted) Leave([]budget.Draw) {}

// unasking asks nobody: every case waits.
type unasking struct{}

func (unasking) Ask(context.Context, approval.Case, time.Time) (approval.Approval, error) {
	return approval.Approval{State: approval.Pending}, nil
}

func (unasking) Get(context.Context, string, time.Time) (approval.Approval, error) {
	return approval.Approval{}, approval.ErrNotFound
}

func (unasking) Withdraw(context.Context, string, agent.ID, time.Time) (approval.Approval, error) {
	return approval.Approval{}, approval.ErrNotFound
}

func (unmetered) Enter(agent.ID, agent.Ring, int) int { return 1 }
func (unmetered) Leave(agent.ID, agent.Ring)          {}
