package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/inspect/ruledir"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/rulebook"
	"ringfence.dev/ringfence/internal/store"
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

// bookParts are what policies are kept with.
type bookParts struct {
	fx.In

	Lifecycle fx.Lifecycle
	Config    config.Config
	Store     store.Store
	Agents    *registry.Registry
	Review    *reviewer
	Approvers *approval.Approvers
	Rules     *ruledir.Rules
	Logger    *slog.Logger
}

func newRulebook(p bookParts) (*rulebook.Book, error) {
	bucket, err := openBucket(p.Store, rulebook.BucketName)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	book, err := rulebook.Open(ctx, rulebook.Config{
		Dir: p.Config.Policies.Dir, Bucket: bucket, UnknownAgents: p.Config.Policies.UnknownAgents == "accept",
		Agents: func() policy.Agents { return agentsOf(p.Agents.Snapshot()) },
		Now:    time.Now, Logger: p.Logger, Changed: p.Review.ask,
		Doubts: func(set *policy.Set) []policy.Problem {
			return slices.Concat(boundless(set), unfound(set, p.Rules.Set().Classes()), unanswerable(set, p.Approvers))
		},
	})
	if err != nil {
		return nil, err
	}
	p.Lifecycle.Append(fx.StopHook(book.Close))
	return book, nil
}

// boundless returns the documents of a set that are for one side of calls and do not say whose: they guard every call.
func boundless(set *policy.Set) []policy.Problem {
	var doubts []policy.Problem
	for _, d := range set.Documents() {
		field := ""
		switch {
		case d.Party == policy.CallerParty && len(d.Subjects.Agents)+len(d.Subjects.Owners) == 0:
			field = "subjects"
		case d.Party == policy.CalleeParty && len(d.Targets.Agents)+len(d.Targets.Owners) == 0:
			field = "targets"
		default:
			continue
		}
		doubts = append(doubts, policy.Problem{
			File: d.File, Line: d.Line, Document: d.Name,
			Reason: fmt.Sprintf("the document guards every call: name agents or owners in %s, or write party: gateway if that is meant", field),
		})
	}
	return doubts
}

// unfound returns the rules of a set that name classes of findings which no content rule has.
func unfound(set *policy.Set, classes []string) []policy.Problem {
	var doubts []policy.Problem
	for _, d := range set.Documents() {
		for _, rule := range d.Rules {
			for _, class := range rule.Classes {
				if !slices.Contains(classes, class) {
					doubts = append(doubts, policy.Problem{
						File: d.File, Line: rule.Line, Document: d.Name,
						Reason: fmt.Sprintf("nothing is ever found of class %q: there are %s", class, strings.Join(classes, ", ")),
					})
				}
			}
		}
	}
	return doubts
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

// newBudgets returns what counts limits. What this process has taken of shared ones and not used it gives back when it ends.
func newBudgets(lifecycle fx.Lifecycle, c config.Config, s store.Store, logger *slog.Logger) (*budget.Meter, error) {
	settings := budget.Config{Now: time.Now, Logger: logger, Jitter: func(pause time.Duration) time.Duration { return mathrand.N(pause + 1) }}
	if shares(c.Limits.Share, c) {
		ctx, cancel := context.WithTimeout(context.Background(), openWithin)
		defer cancel()
		bucket, err := s.Volatile(ctx, budgetsBucket)
		if err != nil {
			return nil, err
		}
		settings.Bucket, settings.Process = bucket, rand.Text()
	}
	meter, err := budget.New(settings)
	if err != nil {
		return nil, err
	}
	background(lifecycle, meter.Run)
	return meter, nil
}
