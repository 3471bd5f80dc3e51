package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/held"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/rulebook"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/token"
)

// budgetsBucket is the memory in which processes share limits: what they count is worth no disk.
const budgetsBucket = "budgets"

// knownAgents are the registered agents as policies are held against them.
type knownAgents struct {
	snapshot *registry.Snapshot
	owners   func() map[agent.Owner]bool
}

func agentsOf(snapshot *registry.Snapshot) knownAgents {
	return knownAgents{snapshot, sync.OnceValue(func() map[agent.Owner]bool {
		owners := map[agent.Owner]bool{}
		for _, record := range snapshot.Agents() {
			owners[record.Owner] = true
		}
		return owners
	})}
}

func (k knownAgents) Agent(name agent.ID) (agent.Owner, bool) {
	record, ok := k.snapshot.Agent(name)
	if !ok {
		return "", false
	}
	return record.Owner, true
}

func (k knownAgents) Owner(name agent.Owner) bool { return name != "" && k.owners()[name] }

func newRulebook(lifecycle fx.Lifecycle, c config.Config, s store.Store, agents *registry.Registry, r *reviewer, logger *slog.Logger) (*rulebook.Book, error) {
	bucket, err := openBucket(s, rulebook.BucketName)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	book, err := rulebook.Open(ctx, rulebook.Config{
		Dir: c.Policies.Dir, Bucket: bucket, UnknownAgents: c.Policies.UnknownAgents == "accept",
		Agents: func() policy.Agents { return agentsOf(agents.Snapshot()) },
		Now:    time.Now, Logger: logger, Changed: r.ask,
	})
	if err != nil {
		return nil, err
	}
	lifecycle.Append(fx.StopHook(book.Close))
	return book, nil
}

// followPolicies has documents judged again when agents come or go.
func followPolicies(lifecycle fx.Lifecycle, agents *registry.Registry, book *rulebook.Book, metrics prometheus.Registerer) {
	metrics.MustRegister(rulebookMetrics(book)...)
	background(lifecycle, func(ctx context.Context) {
		changes := agents.Subscribe(ctx)
		book.Recheck()
		for range changes {
			book.Recheck()
		}
	})
}

// partiesOf returns whose documents are judged here.
func partiesOf(c config.Policies) policy.Parties {
	var parties policy.Parties
	for _, name := range c.Parties {
		if party, err := policy.ParseParty(name); err == nil {
			parties |= policy.PartiesOf(party)
		}
	}
	return parties
}

func newBudgets(c config.Config, s store.Store, logger *slog.Logger) (*budget.Meter, error) {
	settings := budget.Config{Now: time.Now, Logger: logger, Jitter: func(pause time.Duration) time.Duration { return mathrand.N(pause + 1) }}
	if shares(c.Policies.Share, c) {
		ctx, cancel := context.WithTimeout(context.Background(), openWithin)
		defer cancel()
		bucket, err := s.Volatile(ctx, budgetsBucket)
		if err != nil {
			return nil, err
		}
		settings.Bucket, settings.Process = bucket, newDecisionID()
	}
	return budget.New(settings)
}

func newApprovers(c config.Config) (*approval.Approvers, error) {
	approvers, err := approval.Compile(c.Approvals.People())
	if err != nil {
		return nil, fmt.Errorf("reading approvals: %w", err)
	}
	return approvers, nil
}

func newApprovals(lifecycle fx.Lifecycle, c config.Config, s store.Store, agents *registry.Registry, logger *slog.Logger) (*approval.Ledger, error) {
	bucket, err := openBucket(s, approval.BucketName)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	ledger, err := approval.Open(ctx, approval.Config{
		Bucket: bucket, Random: rand.Reader, Now: time.Now, Logger: logger, Pending: c.Approvals.Pending, Acts: actsAs(agents),
	})
	if err != nil {
		return nil, err
	}
	lifecycle.Append(fx.StopHook(ledger.Close))
	return ledger, nil
}

// newShelf returns where messages are kept that wait for people. What came of one is remembered as long as whose a task is.
func newShelf(c config.Config, s store.Store) (*held.Shelf, error) {
	bucket, err := openBucket(s, held.BucketName)
	if err != nil {
		return nil, err
	}
	return &held.Shelf{Bucket: bucket, Kept: c.Tasks.Retention}, nil
}

// actsAs reports whether an agent of the mesh has the key or the token of an approver: agents do not approve.
func actsAs(agents *registry.Registry) func(approval.Approver) bool {
	return func(a approval.Approver) bool {
		snapshot := agents.Snapshot()
		if a.Key != "" {
			if _, ok := snapshot.Key(a.Key); ok {
				return true
			}
		}
		if a.Token != (agent.Subject{}) {
			if _, ok := snapshot.Subject(a.Token.Issuer, a.Token.Name); ok {
				return true
			}
		}
		return false
	}
}

// subjectOf returns whom bearer tokens of the configured issuers are about.
func subjectOf(tokens *token.Issuers) func(context.Context, string, time.Time) (agent.Subject, error) {
	return func(_ context.Context, raw string, now time.Time) (agent.Subject, error) {
		claims, refusal := tokens.Verify(raw, now)
		switch {
		case refusal != nil:
			return agent.Subject{}, refusal
		case claims.Once:
			return agent.Subject{}, errors.New("tokens that are good for one call do not vote")
		}
		return claims.About(), nil
	}
}

// approvalsURL is where callers see how their cases stand.
func approvalsURL(c config.Config, l *listeners) string {
	base := c.Approvals.StatusURL
	if base == "" {
		base = "http://" + l.api.Addr().String()
	}
	return base + approvalsPath + "/"
}

// approvalParts are what cases are kept and told with.
type approvalParts struct {
	fx.In

	Lifecycle fx.Lifecycle
	Config    config.Config
	Store     store.Store
	Ledger    *approval.Ledger
	Listeners *listeners
	Logger    *slog.Logger
}

// keepApprovals ends cases whose time is over, and tells the configured addresses what becomes of each.
func keepApprovals(p approvalParts) error {
	background(p.Lifecycle, p.Ledger.Run)
	if len(p.Config.Approvals.Webhooks) == 0 {
		return nil
	}
	hooks := make([]approval.Hook, len(p.Config.Approvals.Webhooks))
	for i, hook := range p.Config.Approvals.Webhooks {
		text, err := os.ReadFile(hook.SecretFile)
		if err != nil {
			return fmt.Errorf("reading approvals.webhooks[%d].secretFile: %w", i, err)
		}
		secret, err := approval.ParseSecret(string(text))
		if err != nil {
			return fmt.Errorf("reading approvals.webhooks[%d].secretFile: %w", i, err)
		}
		hooks[i] = approval.Hook{URL: hook.URL, Secret: secret}
	}
	bucket, err := openBucket(p.Store, approval.NoticesBucketName)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	told, err := approval.OpenHooks(ctx, approval.HooksConfig{
		Ledger: p.Ledger, Bucket: bucket, Hooks: hooks, Source: publicURL(p.Config, p.Listeners), Now: time.Now, Logger: p.Logger,
	})
	if err != nil {
		return fmt.Errorf("reading approvals.webhooks: %w", err)
	}
	p.Lifecycle.Append(fx.StopHook(told.Close))
	background(p.Lifecycle, told.Run)
	return nil
}

// rulebookMetrics shows what the book of policies counts.
func rulebookMetrics(book *rulebook.Book) []prometheus.Collector {
	gauge := func(name, help string, value func(rulebook.Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ringfence_policy_" + name, Help: help}, func() float64 { return value(book.Stats()) })
	}
	counter := func(name, help string, value func(rulebook.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "ringfence_policy_" + name + "_total", Help: help},
			func() float64 { return float64(value(book.Stats())) })
	}
	return []prometheus.Collector{
		gauge("documents", "Policy documents in force.", func(s rulebook.Stats) float64 { return float64(s.Documents) }),
		gauge("problems", "Why the latest policy documents are not in force; 0 when they are.", func(s rulebook.Stats) float64 { return float64(s.Problems) }),
		gauge("warnings", "What is doubtful about the policy documents in force.", func(s rulebook.Stats) float64 { return float64(s.Warnings) }),
		gauge("stale", "1 while the policy documents in force are older than those that are held.", func(s rulebook.Stats) float64 {
			if s.Stale {
				return 1
			}
			return 0
		}),
		counter("sets_judged", "Sets of policy documents that were compiled.", func(s rulebook.Stats) uint64 { return s.Judged }),
		counter("sets_refused", "Sets of policy documents of which something was refused.", func(s rulebook.Stats) uint64 { return s.Refused }),
		counter("writes", "Policy documents that were stored or deleted.", func(s rulebook.Stats) uint64 { return s.Written }),
		counter("conflicts", "Writes of policy documents that another one came before.", func(s rulebook.Stats) uint64 { return s.Conflicts }),
	}
}
