package api_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/registry/api"
	"ringfence.dev/ringfence/internal/store"
)

const token = "test-token-test-token-test-token"

func fixedNow() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

// faultyBucket fails every write and read while it is told to.
type faultyBucket struct {
	store.Bucket
	faulty atomic.Bool
}

var errDisk = fmt.Errorf("disk: %w", store.ErrUnavailable)

func (b *faultyBucket) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	if b.faulty.Load() {
		return 0, errDisk
	}
	return b.Bucket.Create(ctx, key, value, ttl)
}

func (b *faultyBucket) Get(ctx context.Context, key string) (store.Entry, error) {
	if b.faulty.Load() {
		return store.Entry{}, errDisk
	}
	return b.Bucket.Get(ctx, key)
}

type fetchFunc func(context.Context, string) (agent.Card, error)

func (f fetchFunc) FetchCard(ctx context.Context, url string, _ registry.CardVersion) (registry.FetchedCard, error) {
	card, err := f(ctx, url)
	return registry.FetchedCard{Card: card}, err
}

func (fetchFunc) FetchKeySet(context.Context, string) ([]byte, error) {
	return nil, errors.New("no key sets here")
}

// fixture is an API over an empty mesh.
type fixture struct {
	server   *api.Server
	handler  http.Handler
	registry *registry.Registry
	bucket   *faultyBucket
	ticks    chan time.Time
	notReady []string
	served   atomic.Pointer[string] // the card at http://cards.test/weather; nil is the usual one
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	memory := store.NewMemory(fixedNow)
	t.Cleanup(func() { memory.Close() })
	bucket, err := memory.Bucket(t.Context(), "agents")
	if err != nil {
		t.Fatal(err)
	}
	revoked, err := memory.Bucket(t.Context(), "revoked")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{bucket: &faultyBucket{Bucket: bucket}, ticks: make(chan time.Time)}
	logger := slog.New(slog.DiscardHandler)
	f.registry, err = registry.Open(t.Context(), registry.Config{
		Bucket: f.bucket, Revoked: revoked, Now: fixedNow, Logger: logger, Defaults: registry.StandardDefaults(),
		Cards:           cards.Policy{Mode: cards.Warn, Verifier: cards.NewVerifier(cards.VerifierConfig{Algorithms: []string{"EdDSA"}}), Accepted: []agent.CardChange{agent.SkillsChange}},
		AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Fetch: fetchFunc(func(_ context.Context, url string) (agent.Card, error) {
			if url != "http://cards.test/weather" {
				return agent.Card{}, errors.Join(errors.New("first problem"), errors.New("second problem"))
			}
			if changed := f.served.Load(); changed != nil {
				return agent.ParseCard([]byte(*changed))
			}
			return agent.ParseCard([]byte(card))
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.registry.Close)
	metrics := prometheus.NewRegistry()
	counters, err := api.NewMetrics(metrics, f.registry.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	f.server, err = api.New(api.Config{
		Registry: f.registry, Token: token, PublicURL: func() string { return "https://mesh.test/" },
		Cards: api.CardConfig{Issuer: cards.NewIssuer(meshSigner(t), cards.Policy{}), Verbatim: true, Addresses: func() cards.Addresses {
			return cards.Addresses{PublicURL: "https://mesh.test/", Domain: "mesh.test"}
		}},
		DIDDocument: func(did string) (json.RawMessage, bool) {
			return json.RawMessage(`{"id":"` + did + `"}`), did == key(1).Mesh
		},
		Now: fixedNow, NotReady: func() []string { return f.notReady }, MetricsPage: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}),
		Metrics: counters, Logger: logger, Version: "1.2.3", MaxWatchers: 2,
		KeepAlive: func() (<-chan time.Time, func()) { return f.ticks, func() {} },
	})
	if err != nil {
		t.Fatal(err)
	}
	f.handler = f.server.Handler()
	return f
}

// meshSigner returns the signer of a fixed key.
func meshSigner(t testing.TB) *cards.Signer {
	t.Helper()
	signer, err := cards.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// request is one call of the API with the administrator's token.
type request struct {
	method, path, body string
	header             map[string]string // an empty value leaves the field out
}

func (f *fixture) do(t testing.TB, r request) *http.Response {
	t.Helper()
	req := httptest.NewRequest(r.method, r.path, strings.NewReader(r.body))
	req.Header.Set("Authorization", "Bearer "+token)
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		req.Header.Del(name)
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	recorder := httptest.NewRecorder()
	f.handler.ServeHTTP(recorder, req)
	return recorder.Result()
}

// register registers an agent that must be good, and returns its ETag.
func (f *fixture) register(t testing.TB, body string) string {
	t.Helper()
	answer := f.do(t, request{method: "POST", path: "/v1/agents", body: body})
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("status %d: %s", answer.StatusCode, content(t, answer))
	}
	return answer.Header.Get("ETag")
}

func content(t testing.TB, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// refusals returns detail-free lines of a problem: its status, then location and message of each error.
func refusals(t testing.TB, response *http.Response) []string {
	t.Helper()
	var problem struct {
		Status int
		Title  string
		Errors []struct{ Location, Message string }
	}
	body := content(t, response)
	if err := json.Unmarshal([]byte(body), &problem); err != nil {
		t.Fatalf("not a problem: %v\n%s", err, body)
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/problem+json" || problem.Status != response.StatusCode || problem.Title == "" {
		t.Errorf("status %d, content type %q, body %s", response.StatusCode, kind, body)
	}
	lines := []string{fmt.Sprint(problem.Status)}
	for _, e := range problem.Errors {
		lines = append(lines, e.Location+": "+e.Message)
	}
	return lines
}

func key(n int) agent.Key {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, fmt.Sprint("key ", n))
	return agent.NewKey(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}

const card = `{"name":"Weather","version":"1.0.0","skills":[{"id":"forecast","name":"Forecast","tags":["weather","eu"]}],` +
	`"supportedInterfaces":[{"url":"http://127.0.0.1:9001/a2a","protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}`

func body(name, rest string) string {
	return `{"name":"` + name + `","card":` + card + rest + `}`
}

// same fails the test unless want and got are equal.
func same[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func nameOf(t testing.TB, response *http.Response) agent.ID {
	t.Helper()
	var answer struct{ Name agent.ID }
	if err := json.Unmarshal([]byte(content(t, response)), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Name
}
