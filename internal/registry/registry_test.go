package registry_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 890, time.FixedZone("", 3600))

func fixedNow() time.Time { return start }

// bucket is a memory bucket that can be made to fail and whose watches can be cut.
type bucket struct {
	store.Bucket
	mu   sync.Mutex
	fail error
	cut  context.CancelFunc
}

func newBucket(t testing.TB) *bucket {
	t.Helper()
	memory := store.NewMemory(fixedNow)
	t.Cleanup(func() { memory.Close() })
	b, err := memory.Bucket(t.Context(), "agents")
	if err != nil {
		t.Fatal(err)
	}
	return &bucket{Bucket: b}
}

func (b *bucket) setFail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = err
}

func (b *bucket) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fail
}

func (b *bucket) cutWatch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut()
}

func (b *bucket) Watch(ctx context.Context) (<-chan store.Event, error) {
	if err := b.failure(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	ctx, b.cut = context.WithCancel(ctx)
	return b.Bucket.Watch(ctx)
}

func (b *bucket) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	if err := b.failure(); err != nil {
		return 0, err
	}
	return b.Bucket.Create(ctx, key, value, ttl)
}

// open returns a registry over the bucket and, unless a change shares one, over a bucket of revocations of its own.
func open(t testing.TB, b store.Bucket, change ...func(*registry.Config)) *registry.Registry {
	t.Helper()
	config := registry.Config{
		Bucket: b, Revoked: newBucket(t), Now: fixedNow, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Defaults: registry.StandardDefaults(),
		Cards: cards.Policy{Mode: cards.Off},
	}
	for _, c := range change {
		c(&config)
	}
	r, err := registry.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func key(n int) agent.Key {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, fmt.Sprint("key ", n))
	return agent.NewKey(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}

const card = `{"name":"Weather","version":"1.0.0","skills":[{"id":"forecast","name":"Forecast","tags":["weather"]}],
	"supportedInterfaces":[{"url":"http://127.0.0.1:9001/a2a","protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}`

func registration(name string, dids ...string) registry.Registration {
	return registry.Registration{Name: name, Card: []byte(card), DIDs: dids}
}

func problems(err error) []string {
	var lines []string
	for _, field := range agent.FieldErrors(err) {
		lines = append(lines, field.Error())
	}
	var conflict *registry.ConflictError
	if errors.As(err, &conflict) {
		lines = append(lines, "conflict: "+conflict.Error())
	}
	if err != nil && lines == nil {
		lines = []string{"unnamed: " + err.Error()}
	}
	return lines
}

func TestRegisterFillsIn(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	ceiling := 2
	k := key(1)
	tests := []struct {
		name string
		edit func(*registry.Registration)
		want func(*agent.Record)
	}{
		{"defaults", func(*registry.Registration) {}, func(*agent.Record) {}},
		{"mints-did-mesh", func(g *registry.Registration) { g.DIDs = []string{k.DID} }, func(r *agent.Record) { r.DIDs = []string{k.DID, k.Mesh} }},
		{"no-capabilities", func(g *registry.Registration) { g.Capabilities = []string{} }, func(r *agent.Record) { r.Capabilities = []agent.Capability{} }},
		{"own-capabilities", func(g *registry.Registration) { g.Capabilities = []string{"read:*"} }, func(r *agent.Record) { r.Capabilities = []agent.Capability{"read:*"} }},
		{"vouched-for", func(g *registry.Registration) { g.RingCeiling = &ceiling }, func(r *agent.Record) { r.Ceiling, r.Base = agent.User, 400 }},
		{"owner", func(g *registry.Registration) { g.Owner = "Team Wetter ☂" }, func(r *agent.Record) { r.Owner = "Team Wetter ☂" }},
		{"effects", func(g *registry.Registration) {
			g.Effect, g.SkillEffects = "read", map[string]string{"forecast": "admin"}
		}, func(r *agent.Record) {
			r.Effect, r.SkillEffects = agent.EffectRead, map[string]agent.Effect{"forecast": agent.EffectAdmin}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := registration(test.name)
			test.edit(&g)
			got, err := r.Register(t.Context(), g)
			if err != nil {
				t.Fatal(err)
			}
			parsed, _ := agent.ParseCard([]byte(card))
			now := start.UTC().Truncate(time.Second)
			want := &agent.Record{
				Name: agent.ID(test.name), Capabilities: []agent.Capability{"call:*"}, Ceiling: agent.Supervisor, Base: 250,
				Status: agent.Active, Effect: agent.EffectWrite, Card: parsed, Created: now, Registered: now, Updated: now, Revision: got.Revision,
			}
			test.want(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			seen, err := r.Get(agent.ID(test.name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Errorf("snapshot (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRegistrationProblems(t *testing.T) {
	t.Parallel()
	k, other := key(1), key(2)
	four, minus := 4, -1
	tests := []struct {
		name string
		edit func(*registry.Registration)
		want []string
	}{
		{"good", func(*registry.Registration) {}, nil},
		{"everything-at-once", func(g *registry.Registration) {
			*g = registry.Registration{
				Name: "Bad Name", Card: []byte(`{"skills":[{}]}`), CardURL: "ftp://h", DIDs: []string{"did:web:", k.DID, k.DID, other.Mesh},
				Owner: "a\nb", Capabilities: []string{"read:*", "read"}, RingCeiling: &four, Effect: "root", SkillEffects: map[string]string{"x": "y"},
			}
		}, []string{
			"name: must be lower-case letters, digits and inner hyphens; character 1 is 'B'",
			"owner: must have at most 256 bytes and no control characters",
			"cardUrl: must be left out when card is given",
			"cardUrl: must be an absolute http or https URL",
			"card.name: is required",
			"card.supportedInterfaces: is required: it says where the agent listens",
			"card.skills[0].id: is required",
			"dids[0]: must have a host in lower case after did:web, with %3A and a number where it has a port",
			"dids[2]: is listed twice",
			"dids[3]: needs the did:key it was minted from beside it: a did:mesh alone carries no key",
			"capabilities[1]: must be verb:resource, such as read:* or write:ledger",
			"ringCeiling: must be 0, 1, 2 or 3",
			"effect: must be read, write or admin",
			"skillEffects.x: must be read, write or admin",
		}},
		{"no-card", func(g *registry.Registration) { g.Card = nil }, []string{"card: is required, or cardUrl to fetch it from"}},
		{"negative-ring", func(g *registry.Registration) { g.RingCeiling = &minus }, []string{"ringCeiling: must be 0, 1, 2 or 3"}},
		{"mesh-beside-its-key", func(g *registry.Registration) { g.DIDs = []string{k.Mesh, k.DID} }, nil},
		{"skill-not-in-card", func(g *registry.Registration) { g.SkillEffects = map[string]string{"other": "read"} }, []string{"skillEffects.other: must name a skill of the card"}},
		{"too-many-dids", func(g *registry.Registration) { g.DIDs = make([]string, 33) }, []string{"dids: must list at most 32 identifiers"}},
		{"too-many-capabilities", func(g *registry.Registration) { g.Capabilities = make([]string, 257) }, []string{"capabilities: must list at most 256 capabilities"}},
		{"url-with-user", func(g *registry.Registration) { g.Card, g.CardURL = nil, "http://u:p@h/card.json?a=b" }, []string{"cardUrl: must not contain user information"}},
		{"url-with-fragment", func(g *registry.Registration) { g.Card, g.CardURL = nil, "http://h/#x" }, []string{"cardUrl: must be an absolute http or https URL without a fragment"}},
		{"url-with-query", func(g *registry.Registration) { g.Card, g.CardURL = nil, "http://h/card?id=1" }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := registration("weather")
			test.edit(&g)
			if diff := cmp.Diff(test.want, problems(g.Validate())); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	a, b := key(1), key(2)
	if _, err := r.Register(t.Context(), registration("first", a.DID)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Register(t.Context(), registration("second", b.DID)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		do   func() error
		want []string
	}{
		{"name", func() error { _, err := r.Register(t.Context(), registration("first")); return err }, []string{"conflict: name: is taken by another agent"}},
		{"did", func() error { _, err := r.Register(t.Context(), registration("third", key(3).DID, a.DID)); return err }, []string{"conflict: dids[1]: belongs to another agent"}},
		{"did-in-both-forms", func() error {
			_, err := r.Register(t.Context(), registration("third", a.Mesh, a.DID))
			return err
		}, []string{"conflict: dids[0]: belongs to another agent; dids[1]: belongs to another agent"}},
		{"did-on-replace", func() error { _, err := r.Replace(t.Context(), "second", registration("second", a.DID), 0); return err }, []string{"conflict: dids[0]: belongs to another agent"}},
		{"own-did-on-replace", func() error { _, err := r.Replace(t.Context(), "first", registration("first", a.DID), 0); return err }, nil},
		{"renaming", func() error { _, err := r.Replace(t.Context(), "first", registration("second"), 0); return err }, []string{"name: must be the name in the path: agents are not renamed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, problems(test.do())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRegisteredRisesWithWebs: who changes something else of an agent did not look at the document of its did:web.
func TestRegisteredRisesWithWebs(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	const web, other = "did:web:agents.example", "did:web:agents.example:other"
	record, err := r.Register(t.Context(), registration("a", web))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name  string
		dids  []string
		rises bool
	}{
		{"nothing", []string{web}, false},
		{"a-key", []string{web, key(1).DID}, false},
		{"another-web", []string{web, other}, true},
		{"without-the-first", []string{other}, false},
		{"the-first-again", []string{other, web}, true},
	} {
		next, err := r.Replace(t.Context(), "a", registration("a", step.dids...), 0)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if next.Registered.After(record.Registered) != step.rises {
			t.Errorf("%s: %v after %v", step.name, next.Registered, record.Registered)
		}
		record = next
	}
}

func TestReplaceAndDeleteAreConditional(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	first, err := r.Register(t.Context(), registration("a", key(1).DID))
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Replace(t.Context(), "a", registration("a", key(2).DID), first.Revision)
	if err != nil || second.Revision <= first.Revision {
		t.Fatalf("%+v, %v", second, err)
	}
	if !second.Created.Equal(first.Created) || !second.Registered.Equal(first.Registered) {
		t.Errorf("a change of anything but a did:web: %v after %v", second.Registered, first.Registered)
	}
	if _, ok := r.Snapshot().Key(key(1).DID); ok {
		t.Error("the replaced key is still held")
	}
	if holder, ok := r.Snapshot().Key(key(2).Mesh); !ok || holder.Agent.Revision != second.Revision {
		t.Error("the new key is not held")
	}
	if _, err := r.Replace(t.Context(), "a", registration("a"), first.Revision); !errors.Is(err, registry.ErrChanged) {
		t.Errorf("replacing a stale revision: %v", err)
	}
	if err := r.Delete(t.Context(), "a", first.Revision); !errors.Is(err, registry.ErrChanged) {
		t.Errorf("deleting a stale revision: %v", err)
	}
	if _, err := r.Replace(t.Context(), "b", registration("b"), 0); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("replacing nobody: %v", err)
	}
	if err := r.Delete(t.Context(), "a", second.Revision); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get("a"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("after deletion: %v", err)
	}
	if err := r.Delete(t.Context(), "a", 0); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("deleting nobody: %v", err)
	}
	if _, err := r.Register(t.Context(), registration("c", key(2).DID)); err != nil {
		t.Errorf("a freed key cannot be taken: %v", err)
	}
}

func TestStoreFailures(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	r := open(t, b)
	b.setFail(fmt.Errorf("disk: %w", store.ErrUnavailable))
	if _, err := r.Register(t.Context(), registration("a", key(1).DID)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("registering: %v", err)
	}
	b.setFail(nil)
	if _, err := r.Register(t.Context(), registration("b", key(1).DID)); err != nil {
		t.Errorf("a failed registration keeps its claims: %v", err)
	}
	b.setFail(store.ErrUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	config := registry.Config{Bucket: b, Revoked: newBucket(t), Now: fixedNow, Logger: slog.New(slog.DiscardHandler)}
	if _, err := registry.Open(ctx, config); !errors.Is(err, store.ErrUnavailable) || !strings.HasPrefix(err.Error(), "loading ") {
		t.Errorf("opening: %v", err)
	}
}

func TestOpenLoadsAndSkipsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	r := open(t, b)
	if _, err := r.Register(t.Context(), registration("good")); err != nil {
		t.Fatal(err)
	}
	good, err := b.Get(t.Context(), "good")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"garbage": "{", "empty": "", "other-name": string(good.Value), "UPPER": string(good.Value)} {
		if _, err := b.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	var log strings.Builder
	second := open(t, b, func(c *registry.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	if diff := cmp.Diff(r.Snapshot().Agents(), second.Snapshot().Agents()); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
	if n := strings.Count(log.String(), "skipping an agent that cannot be read"); n != 4 {
		t.Errorf("%d entries logged, want 4:\n%s", n, log.String())
	}
	if _, err := second.Register(t.Context(), registration("garbage")); err == nil {
		t.Error("the name of an unreadable entry was given away")
	}
	if _, err := second.Replace(t.Context(), "garbage", registration("garbage"), 0); err != nil {
		t.Errorf("an unreadable entry cannot be repaired: %v", err)
	}
	if err := second.Delete(t.Context(), "empty", 0); err != nil {
		t.Errorf("an unreadable entry cannot be deleted: %v", err)
	}
}

func TestLostWatchIsListedAgain(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	r := open(t, b)
	writer := open(t, b.Bucket) // another replica, whose watch holds
	for _, name := range []string{"stays", "goes", "changes"} {
		if _, err := writer.Register(t.Context(), registration(name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Register(t.Context(), registration("barrier")); err != nil {
		t.Fatal(err)
	}
	if behind := r.Behind(start.Add(time.Minute)); behind != 0 || r.Healthy() != nil {
		t.Errorf("it follows, and says it is %v behind: %v", behind, r.Healthy())
	}
	changes := r.Subscribe(t.Context())
	b.setFail(store.ErrUnavailable)
	b.cutWatch()
	for r.Healthy() == nil {
		if t.Context().Err() != nil {
			t.Fatal("the loss was not noticed")
		}
	}
	if behind := r.Behind(start.Add(time.Minute)); behind != time.Minute {
		t.Errorf("a minute after the loss it is %v behind", behind)
	}
	if err := writer.Delete(t.Context(), "goes", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Replace(t.Context(), "changes", registration("changes", key(5).DID), 0); err != nil {
		t.Fatal(err)
	}
	b.setFail(nil)
	got := map[string]bool{}
	for len(got) < 2 {
		c := <-changes
		got[string(c.Kind)+" "+string(c.Name)] = true
	}
	if diff := cmp.Diff(map[string]bool{"deleted goes": true, "replaced changes": true}, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if behind := r.Behind(start.Add(time.Minute)); behind != 0 {
		t.Errorf("it follows again, and says it is %v behind", behind)
	}
	if diff := cmp.Diff(writer.Snapshot().Agents(), r.Snapshot().Agents()); diff != "" {
		t.Errorf("agents (-writer +reader):\n%s", diff)
	}
}
