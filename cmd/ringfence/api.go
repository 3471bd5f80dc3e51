package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/fx"

	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/killswitch"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/nonce"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/registry/api"
	"ringfence.dev/ringfence/internal/rulebook"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/task"
	"ringfence.dev/ringfence/internal/token"
	"ringfence.dev/ringfence/internal/trust"
)

// Buckets of the registry in the store.
const (
	agentsBucket  = "agents"  // registrations
	revokedBucket = "revoked" // what is revoked for ever
)

// registryParts are what the registry works with.
type registryParts struct {
	fx.In

	Lifecycle fx.Lifecycle
	Config    config.Config
	Listeners *listeners
	Store     store.Store
	Logger    *slog.Logger
	Cards     cards.Policy
	Metrics   *cardMetrics
	Content   cardContent
}

func newRegistry(p registryParts) (*registry.Registry, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	bucket, err := p.Store.Bucket(ctx, agentsBucket)
	if err != nil {
		return nil, err
	}
	revoked, err := p.Store.Bucket(ctx, revokedBucket)
	if err != nil {
		return nil, err
	}
	hosts, err := did.ParseHosts(p.Config.Identity.Web.Hosts)
	if err != nil {
		return nil, fmt.Errorf("reading identity.web.hosts: %w", err)
	}
	r, err := registry.Open(ctx, registry.Config{
		Bucket:   bucket,
		Revoked:  revoked,
		Now:      time.Now,
		Logger:   p.Logger,
		Fetch:    registry.NewFetcher(registry.FetchConfig{AllowedNetworks: p.Config.Registry.Networks()}),
		Defaults: registry.Defaults{Capabilities: p.Config.Registry.Capabilities},

		Content:         p.Content.refuses,
		Cards:           p.Cards,
		CardsObserved:   p.Metrics.observe,
		AllowedNetworks: p.Config.Registry.Networks(),
		Own:             p.Listeners.owns,
		WebDID:          webDIDCheck(hosts),
	})
	if err != nil {
		return nil, err
	}
	p.Lifecycle.Append(fx.StopHook(r.Close))
	return r, nil
}

func newToken(dir lockedDir) (api.Token, error) {
	return api.LoadOrCreateToken(filepath.Join(string(dir), tokenFile), rand.Reader)
}

// apiParts are what the API shows besides agents.
type apiParts struct {
	fx.In

	Config     config.Config
	Listeners  *listeners
	Registry   *registry.Registry
	Store      store.Store
	Token      api.Token
	Logger     *slog.Logger
	Gatherer   *prometheus.Registry
	Registerer prometheus.Registerer
	Inspection inspection
	Gateway    *gateway
	Issuer     *cards.Issuer
	Tasks      *task.Ledger
	Governor   *governance.Governor
	Mesh       func() governance.Mesh
	Guard      *nonce.Guard
	Begun      guardBegun
	Board      *killswitch.Board
	Gates      *gate.Ledger
	Documents  *did.Documents
	Trust      *trust.Ledger
	Lineage    *lineage.Ledger
	Book       *rulebook.Book
	Approvals  *approval.Ledger
	Approvers  *approval.Approvers
	Tokens     *token.Issuers
	Trail      *audit.Trail
}

func newAPI(p apiParts) (*api.Server, error) {
	metrics, err := api.NewMetrics(p.Registerer, p.Registry.Snapshot)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	people := approvalReview{
		ledger: p.Approvals, approvers: p.Approvers, subject: subjectOf(p.Tokens),
		epoch: func() string { return p.Book.Image().Epoch() }, agent: api.Agent, now: time.Now, logger: p.Logger,
	}
	return api.New(api.Config{
		Registry:  p.Registry,
		Token:     p.Token,
		PublicURL: func() string { return publicURL(p.Config, p.Listeners) },
		Cards: api.CardConfig{
			Issuer: p.Issuer, Verbatim: p.Config.Cards.Serve == "verbatim",
			Addresses: func() cards.Addresses { return cardAddresses(p.Config, p.Listeners) },
		},
		Agents:      agentAccess(p.Mesh, p.Config.Store.Stale, p.Guard),
		Admits:      people.admits,
		DIDDocument: didDocument(p.Registry, p.Logger),
		Now:         time.Now,
		NotReady: func() []string {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			return notReady(p.Begun.over(time.Now()), p.Registry.Healthy(), p.Store.Healthy(ctx), p.Gateway.notReady(),
				p.Board.Healthy(), p.Gates.Healthy(), p.Documents.Healthy(), p.Trust.Healthy(), p.Lineage.Healthy(),
				p.Book.Healthy(), p.Approvals.Healthy())
		},
		MetricsPage: promhttp.HandlerFor(p.Gatherer, promhttp.HandlerOpts{}),
		Metrics:     metrics,
		Logger:      p.Logger,
		Version:     release(),
		Extend: func(a huma.API) {
			p.Inspection.register(a)
			taskReview{tasks: p.Tasks, agents: p.Registry.Snapshot, now: time.Now, logger: p.Logger}.register(a)
			trustReview{ledger: p.Trust, agents: p.Registry.Snapshot, now: time.Now, logger: p.Logger}.register(a)
			killSwitches{board: p.Board, logger: p.Logger}.register(a)
			gateReview{gates: p.Gates, now: time.Now, logger: p.Logger}.register(a)
			webReview{documents: p.Documents, logger: p.Logger}.register(a)
			peerReview{lookup: peerLookup(p.Mesh, p.Config.Store.Stale), now: time.Now}.register(a)
			people.register(a)
			policyReview{
				book: p.Book, recorded: p.Trail.Latest, parties: partiesOf(p.Config.Policies), now: time.Now, logger: p.Logger,
			}.register(a)
			explanation{governor: p.Governor, gateway: func() string { return publicURL(p.Config, p.Listeners) }}.register(a)
		},
	})
}

func notReady(problems ...error) []string {
	var reasons []string
	for _, err := range problems {
		if err != nil {
			reasons = append(reasons, err.Error())
		}
	}
	return reasons
}

// didDocument returns the documents of the keys that registered agents hold.
func didDocument(r *registry.Registry, logger *slog.Logger) func(string) (json.RawMessage, bool) {
	return func(did string) (json.RawMessage, bool) {
		hosted, ok := r.Snapshot().Hosted(did, time.Now())
		if !ok {
			return nil, false
		}
		document, err := identity.Document(hosted)
		if err != nil {
			logger.Error("making a DID document failed", slog.Any("error", err))
			return nil, false
		}
		return document, true
	}
}

func serveAPI(lifecycle fx.Lifecycle, l *listeners, s *api.Server, logger *slog.Logger, stop fx.Shutdowner) {
	server := newHTTPServer(s.Handler(), logger)
	lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go serveHTTP(server, l.api, logger, stop)
			return nil
		},
		OnStop: func(ctx context.Context) error {
			s.Close()
			return stopHTTP(ctx, server)
		},
	})
}

func serveCards(lifecycle fx.Lifecycle, l *listeners, s *api.Server, logger *slog.Logger, stop fx.Shutdowner) {
	server := newHTTPServer(s.Cards(), logger)
	lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go serveHTTP(server, l.cards, logger, stop)
			return nil
		},
		OnStop: func(ctx context.Context) error { return stopHTTP(ctx, server) },
	})
}

func newHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

func serveHTTP(server *http.Server, l net.Listener, logger *slog.Logger, stop fx.Shutdowner) {
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		logger.Error("HTTP server failed", slog.Any("error", err))
		shutdown(stop, logger)
	}
}

// stopHTTP lets requests under way finish until ctx ends, then cuts what is left.
func stopHTTP(ctx context.Context, server *http.Server) error {
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
