package attack

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/delegation"
	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/held"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/internal/killswitch"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/nonce"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/rulebook"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/task"
	"ringfence.dev/ringfence/internal/token"
	"ringfence.dev/ringfence/internal/trust"
)

// Buckets, as the binary names those whose packages do not.
const (
	agentsBucket  = "agents"
	revokedBucket = "revoked"
	trustBucket   = "trust"
	didsBucket    = "dids"
	tasksBucket   = "tasks"
	noncesBucket  = "nonces"
	aheadBucket   = "nonces-ahead"
)

// replica is one process's set of parts.
type replica struct {
	w         *world
	line      *line
	agents    *registry.Registry
	trust     *trust.Ledger
	switches  *killswitch.Board
	gates     *gate.Ledger
	documents *did.Documents
	guard     *nonce.Guard
	lineage   *lineage.Ledger
	tokens    *token.Issuers
	tasks     *task.Ledger
	book      *rulebook.Book
	budgets   *budget.Meter
	approvals *approval.Ledger
	shelf     *held.Shelf
	governor  *governance.Governor
	open      governance.Open

	review     chan struct{}
	background context.Context
	end        context.CancelFunc
	running    sync.WaitGroup

	mu      sync.Mutex
	dead    bool
	records []audit.Record
	signals []trust.Signal
}

// start begins a process of the mesh. It is there for the whole test unless it is killed.
func (w *world) start() *replica {
	w.Helper()
	r := &replica{w: w, line: newLine(w.store), review: make(chan struct{}, 1)}
	r.background, r.end = context.WithCancel(w.Context())
	w.must(errors.Join(r.openRegistry(), r.openState(), r.openEvidence(), r.openPolicies()))
	r.governor = governance.New(r.config())
	r.follow()
	w.replicas = append(w.replicas, r)
	w.Cleanup(r.kill)
	synctest.Wait()
	return r
}

func (r *replica) bucket(name string) store.Bucket {
	b, err := r.line.Bucket(r.w.Context(), name)
	r.w.must(err)
	return b
}

func (r *replica) openRegistry() (err error) {
	r.agents, err = registry.Open(r.w.Context(), registry.Config{
		Bucket: r.bucket(agentsBucket), Revoked: r.bucket(revokedBucket), Now: time.Now, Logger: quiet, Defaults: registry.StandardDefaults(),
		Cards: cards.Policy{Mode: cards.Warn, Verifier: cards.NewVerifier(cards.VerifierConfig{})},
	})
	return err
}

func (r *replica) registered(name agent.ID) (*agent.Record, bool) {
	return r.agents.Snapshot().Agent(name)
}

func (r *replica) openState() error {
	var problems [4]error
	ctx := r.w.Context()
	r.trust, problems[0] = trust.Open(ctx, trust.Config{
		Bucket: r.bucket(trustBucket), Now: time.Now, Logger: quiet, Rules: trust.DefaultRules(), Agent: r.registered,
	})
	r.switches, problems[1] = killswitch.Open(ctx, killswitch.Config{
		Bucket: r.bucket(killswitch.Bucket), Now: time.Now, Logger: quiet, Changed: r.ask,
	})
	r.gates, problems[2] = gate.Open(ctx, gate.Config{Bucket: r.bucket(gate.BucketName), Agent: r.registered, Now: time.Now, Logger: quiet})
	listed, err := did.ParseHosts([]string{"agents.example"})
	r.w.must(err)
	r.documents, problems[3] = did.Open(ctx, did.Config{
		Bucket: r.bucket(didsBucket), Hosts: listed, Swap: r.w.swap, Resolver: r.w.hosts, Wanted: r.claims, Seed: uint64(len(r.w.replicas)),
		Now: time.Now, Logger: quiet,
	})
	r.tasks = task.Open(ctx, task.Config{
		Bucket: r.bucket(tasksBucket), Now: time.Now, Logger: quiet, Memory: 1000, Retention: 24 * time.Hour, Finished: time.Hour,
	})
	return errors.Join(problems[:]...)
}

// claims returns the did:webs of registered agents.
func (r *replica) claims() (claims []did.Claim) {
	for _, record := range r.agents.Snapshot().Agents() {
		if record.Status == agent.Revoked {
			continue
		}
		for _, name := range record.DIDs {
			claims = append(claims, did.Claim{DID: name, Revision: uint64(record.Registered.Unix())})
		}
	}
	return claims
}

func (r *replica) openEvidence() (err error) {
	ctx := r.w.Context()
	settings := nonce.Config{Local: identity.NewReplay(time.Now(), 10_000), Ahead: r.bucket(aheadBucket)}
	if settings.Shared, err = r.line.Volatile(ctx, noncesBucket); err != nil {
		return err
	}
	if r.guard, err = nonce.Open(ctx, settings, time.Now()); err != nil {
		return err
	}
	if r.lineage, err = r.openLineage(); err != nil {
		return err
	}
	r.tokens, err = token.Compile(r.w.tokens)
	return err
}

// lingering is how long a call that broke off counts as served.
const lingering = 30 * time.Minute

func (r *replica) openLineage() (*lineage.Ledger, error) {
	bucket, err := r.line.Volatile(r.w.Context(), lineage.BucketName)
	if err != nil {
		return nil, err
	}
	return lineage.Open(r.w.Context(), lineage.Config{
		Bucket: bucket, Process: fmt.Sprint("p", r.w.ids.next()), Linger: lingering, Now: time.Now, Logger: quiet,
	})
}

func (r *replica) config() governance.Config {
	return governance.Config{
		Mesh: r.mesh, Policy: r.policy(), Replay: r.guard, Tokens: r.tokens, Unknown: r.documents.Miss,
		Links: delegation.NewVerifier(1000), Lineage: r.lineage, Meter: limit.NewMeter(time.Now()),
		Budgets: r.budgets, Approvals: r.approvals, Shelf: r.shelf,
		Observe: r.observe,
		Scanner: r.w.scanner, Tasks: r.tasks, Now: time.Now,
		NewID:  func() string { return fmt.Sprintf("d-%08d", r.w.ids.next()) },
		Record: r.record,
	}
}

func (r *replica) policy() governance.Policy {
	p := governance.Policy{
		Domain: meshtest.Domain, Limits: a2a.DefaultLimits(), AnswerLimits: a2a.DefaultLimits(), AnswersHeld: 1 << 30,
		Required: governance.DefaultRings(), UnknownTasks: governance.AskAgent, Missing: r.w.missing, Stale: r.w.stale,
		RingLimits: r.w.rings, Parties: policy.AllParties, Content: r.w.content, AnswerContent: r.w.content,
		Treatments: append(r.w.treatments[:len(r.w.treatments):len(r.w.treatments)], inspect.DefaultTreatments()...),
	}
	for _, text := range r.w.hops {
		pattern, err := identity.ParseWorkloadPattern(text)
		r.w.must(err)
		p.Carriers = append(p.Carriers, pattern)
	}
	return p
}

func (r *replica) mesh() governance.Mesh {
	now := time.Now()
	return governance.Mesh{
		Agents: r.agents.Snapshot(), Trust: r.trust.Image(), Switches: r.switches.Image(), Gates: r.gates.Image(), Documents: r.documents.Image(),
		Policies: r.book.Image(),
		Behind:   max(r.agents.Behind(now), r.trust.Behind(now), r.switches.Behind(now), r.gates.Behind(now), r.documents.Behind(now), r.lineage.Behind(now), r.book.Behind(now)),
	}
}

// ask has what is under way judged anew soon.
func (r *replica) ask() {
	select {
	case r.review <- struct{}{}:
	default:
	}
}

// follow does what the binary does in the background.
func (r *replica) follow() {
	changes := r.agents.Subscribe(r.background)
	for _, record := range r.agents.Snapshot().Agents() {
		r.trust.Admit(record.Name)
	}
	r.running.Go(func() {
		for change := range changes {
			if change.Kind == registry.Registered || change.Kind == registry.Replaced {
				r.trust.Admit(change.Name)
			}
			r.documents.ClaimsChanged()
			r.book.Recheck()
			r.ask()
		}
	})
	if !r.w.still {
		r.running.Go(func() { r.documents.Follow(r.background) })
	}
	r.running.Go(func() {
		r.tokens.Follow(r.background, token.Source{
			Fetch: r.w.issuer.fetch, ReadFile: r.w.issuer.read, Now: time.Now, Random: func(n int64) int64 { return n / 2 }, Logger: quiet,
		})
	})
	r.running.Go(func() { r.budgets.Run(r.background) })
	r.running.Go(func() { r.approvals.Run(r.background) })
	r.running.Go(r.reviewing)
}

func (r *replica) reviewing() {
	judge := func(x *governance.Exchange) governance.Verdict { return r.governor.Review(r.background, x) }
	var tick <-chan time.Time
	if !r.w.still {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-r.review:
		case <-tick:
		case <-r.background.Done():
			return
		}
		r.open.Review(judge)
	}
}

// kill ends the process at once: what it has not stored by now is lost.
func (r *replica) kill() {
	if r.dead {
		return
	}
	r.dead = true
	r.end()
	r.running.Wait()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.trust.Close(now) // says what was lost, as it has to be
	_ = r.tasks.Close(now)
	_ = r.lineage.Close(now)
	r.approvals.Close()
	r.book.Close()
	r.gates.Close()
	r.switches.Close()
	r.documents.Close()
	r.agents.Close()
}

// observe tells the ledger what decisions say of agents.
func (r *replica) observe(o trust.Outcome) {
	signals := trust.Classify(o)
	r.mu.Lock()
	r.signals = append(r.signals, signals...)
	r.mu.Unlock()
	r.trust.Observe(signals...)
}

func (r *replica) record(record audit.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, record)
}

// recorded returns the records of a decision.
func (r *replica) recorded(id string) (list []audit.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range r.records {
		if record.ID == id {
			list = append(list, record)
		}
	}
	return list
}

// settled lets the process store what it has seen of agents.
func (r *replica) settled() {
	for range 100 {
		r.w.pass(100 * time.Millisecond)
		if r.trust.Stats().Waiting == 0 {
			return
		}
	}
	r.w.Fatal("events of trust are not stored")
}

// standing returns what an agent has at present.
func (r *replica) standing(name agent.ID) trust.Standing {
	record, _ := r.registered(name)
	return r.trust.Image().Standing(record, time.Now())
}
