package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	randv2 "math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/nonce"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/token"
)

const didsBucket = "dids"

// documentParts are what the documents of did:webs are kept with.
type documentParts struct {
	fx.In

	Lifecycle fx.Lifecycle
	Config    config.Config
	Store     store.Store
	Registry  *registry.Registry
	Logger    *slog.Logger
	Metrics   prometheus.Registerer
}

func newDocuments(p documentParts) (*did.Documents, error) {
	c := p.Config.Identity.Web
	bucket, err := openBucket(p.Store, didsBucket)
	if err != nil {
		return nil, err
	}
	hosts, err := did.ParseHosts(c.Hosts)
	if err != nil {
		return nil, fmt.Errorf("reading identity.web.hosts: %w", err)
	}
	swap, err := did.ParseSwap(c.Swap)
	if err != nil {
		return nil, fmt.Errorf("reading identity.web.swap: %w", err)
	}
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ringfence_did_documents_total", Help: "Attempts to fetch the document of a did:web, by what became of them.",
	}, []string{"outcome"})
	p.Metrics.MustRegister(outcomes)
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	documents, err := did.Open(ctx, did.Config{
		Bucket: bucket, Hosts: hosts, Swap: swap, Refresh: c.Refresh, Stale: c.Stale, Seed: randv2.Uint64(),
		Resolver: did.NewFetcher(did.FetchConfig{Hosts: hosts, AllowedNetworks: c.Networks()}),
		Wanted:   webClaims(p.Registry), Now: time.Now, Logger: p.Logger,
		Observed: func(o did.Outcome) { outcomes.WithLabelValues(string(o)).Inc() },
	})
	if err != nil {
		return nil, err
	}
	p.Lifecycle.Append(fx.StopHook(documents.Close))
	return documents, nil
}

// webDIDCheck returns why the document of a did:web cannot be had.
func webDIDCheck(hosts did.Hosts) func(string) error {
	return func(name string) error {
		web, err := did.ParseWeb(name)
		if err != nil {
			return err
		}
		if !hosts.Allow(web) {
			return errors.New("has a host that is not among those of identity.web.hosts")
		}
		return nil
	}
}

// webClaims returns the did:webs of registered agents. They are looked for once for each state of the registry.
func webClaims(r *registry.Registry) func() []did.Claim {
	type found struct {
		of     *registry.Snapshot
		claims []did.Claim
	}
	var last atomic.Pointer[found]
	return func() []did.Claim {
		snapshot := r.Snapshot()
		if known := last.Load(); known != nil && known.of == snapshot {
			return known.claims
		}
		next := &found{of: snapshot}
		for _, record := range snapshot.Agents() {
			if record.Status == agent.Revoked {
				continue
			}
			for _, name := range record.DIDs {
				if strings.HasPrefix(name, agent.WebMethod) {
					next.claims = append(next.claims, did.Claim{DID: name, Revision: uint64(record.Registered.Unix())})
				}
			}
		}
		last.Store(next)
		return next.claims
	}
}

// followDocuments keeps the documents of did:webs fresh while the mesh runs.
func followDocuments(lifecycle fx.Lifecycle, d *did.Documents, r *registry.Registry, review *reviewer) {
	background(lifecycle, d.Follow)
	background(lifecycle, func(ctx context.Context) {
		for range r.Subscribe(ctx) {
			d.ClaimsChanged()
			review.ask()
		}
	})
}

// background runs work from start to stop.
func background(lifecycle fx.Lifecycle, work func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go func() {
				defer close(done)
				work(ctx)
			}()
			return nil
		},
		OnStop: func(context.Context) error {
			cancel()
			<-done
			return nil
		},
	})
}

func newTokens(c config.Config) (*token.Issuers, error) {
	issuers, err := token.Compile(c.Identity.TokenIssuers())
	if err != nil {
		return nil, fmt.Errorf("reading identity.issuers: %w", err)
	}
	return issuers, nil
}

// followTokens keeps the keys of issuers fresh while the mesh runs.
func followTokens(lifecycle fx.Lifecycle, c config.Config, issuers *token.Issuers, logger *slog.Logger) {
	fetcher := registry.NewFetcher(registry.FetchConfig{AllowedNetworks: c.Registry.Networks()})
	background(lifecycle, func(ctx context.Context) {
		issuers.Follow(ctx, token.Source{
			Fetch: fetcher.FetchKeySet, ReadFile: os.ReadFile, Now: time.Now, Random: randv2.Int64N, Logger: logger,
		})
	})
}

func carriers(c config.Config) ([]identity.WorkloadPattern, error) {
	patterns := make([]identity.WorkloadPattern, len(c.Identity.Hops))
	for i, text := range c.Identity.Hops {
		var err error
		if patterns[i], err = identity.ParseWorkloadPattern(text); err != nil {
			return nil, fmt.Errorf("reading identity.hops[%d]: it %w", i, err)
		}
	}
	return patterns, nil
}

// Buckets of nonces: in the store's memory, shared by all processes of a mesh, and on its disk.
const (
	noncesBucket = "nonces"
	aheadBucket  = "nonces-ahead"
)

// guardBegun is the moment until which signatures count as made too early to know whether they were used.
type guardBegun time.Time

// over returns nil once the second is over in which the memory began: what is signed in it is refused.
func (b guardBegun) over(now time.Time) error {
	if now.Unix() > time.Time(b).Unix() {
		return nil
	}
	return errors.New("the memory of signatures began in this very second")
}

// newGuard returns what remembers which signatures were used. It begins with the process: what was made before is
// refused.
func newGuard(c config.Config, s store.Store) (*nonce.Guard, guardBegun, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	ahead, err := s.Bucket(ctx, aheadBucket)
	if err != nil {
		return nil, guardBegun{}, err
	}
	settings := nonce.Config{Local: identity.NewReplay(time.Now(), c.Limits.Nonces), Ahead: ahead}
	if shares(c.Identity.Replay, c) {
		if settings.Shared, err = s.Volatile(ctx, noncesBucket); err != nil {
			return nil, guardBegun{}, err
		}
	}
	begun := time.Now()
	guard, err := nonce.Open(ctx, settings, begun)
	return guard, guardBegun(begun), err
}

// shares reports whether the processes of the mesh share what a key of the configuration is about.
func shares(how string, c config.Config) bool {
	return how == "store" || how == "auto" && c.Store.URL != ""
}

// lineageFlush bounds how long a stop waits until other processes can know what is not served any more.
const lineageFlush = 5 * time.Second

// newLineage returns what knows which calls agents serve.
func newLineage(lifecycle fx.Lifecycle, c config.Config, s store.Store, logger *slog.Logger) (*lineage.Ledger, error) {
	if !shares(c.Delegation.Share, c) {
		return lineage.NewLedger(c.Delegation.Linger), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	bucket, err := s.Volatile(ctx, lineage.BucketName)
	if err != nil {
		return nil, err
	}
	served, err := lineage.Open(ctx, lineage.Config{
		Bucket: bucket, Process: rand.Text(), Linger: c.Delegation.Linger, Now: time.Now, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	lifecycle.Append(fx.StopHook(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, lineageFlush)
		defer cancel()
		return served.Close(ctx)
	}))
	return served, nil
}

// beyond waits until the second is over in which the memory of signatures began: what is signed in it is refused, so that
// nothing is ready before.
func beyond(ctx context.Context, begun guardBegun) error {
	next := time.Unix(time.Time(begun).Unix()+1, 0)
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("starting: %w", ctx.Err())
	}
}
