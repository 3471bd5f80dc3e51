package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/held"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/token"
)

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
		Bucket: bucket, Random: rand.Reader, Now: time.Now, Logger: logger, Pending: c.Approvals.Pending,
		Retention: c.Approvals.Retention, Acts: actsAs(agents),
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
	Metrics   prometheus.Registerer
}

// keepApprovals ends cases whose time is over, and tells the configured addresses what becomes of each.
func keepApprovals(p approvalParts) error {
	background(p.Lifecycle, p.Ledger.Run)
	p.Metrics.MustRegister(newApprovalStates(p.Ledger, time.Now))
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

// unanswerable returns the rules of a set that ask for approvals which nobody can give: such calls are never let through.
func unanswerable(set *policy.Set, approvers *approval.Approvers) []policy.Problem {
	var doubts []policy.Problem
	for _, document := range set.Documents() {
		for _, rule := range document.Rules {
			asks := rule.Kind == policy.RequireApproval || rule.Kind == policy.Content && rule.Approve
			if asks && !approvers.Enough(rule.Minimum, rule.Groups, nil) {
				doubts = append(doubts, policy.Problem{
					File: document.File, Line: rule.Line, Document: document.Name,
					Reason: fmt.Sprintf("approvals.approvers has fewer than %d in %s: nobody can let such calls through", rule.Minimum, strings.Join(rule.Groups, ", ")),
				})
			}
		}
	}
	return doubts
}
