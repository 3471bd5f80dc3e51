package did_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/store"
)

// The DIDs of the mesh of these tests, and one on a host that is not listed.
const (
	bob     = "did:web:bob.agents.example"
	outside = "did:web:agents.elsewhere.example:x"
)

// mesh is what the replicas of a test share: a bucket, hosts with documents, and claims.
type mesh struct {
	bucket store.Bucket
	opened time.Time

	mu       sync.Mutex
	claims   []did.Claim
	answers  map[string]string // a document such as "k1=A", where A! ends an hour after the start; or an outcome
	asked    []string
	outcomes []did.Outcome
	block    map[string]chan struct{} // fetches of a DID wait for this
}

// bubble runs a test on a clock of its own, with a mesh in which alice is claimed.
func bubble(t *testing.T, run func(t *testing.T, m *mesh)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run(t, newMesh(t))
	})
}

func newMesh(t testing.TB) *mesh {
	t.Helper()
	s := store.NewMemory(time.Now)
	t.Cleanup(func() { _ = s.Close() })
	bucket, err := s.Bucket(t.Context(), "dids")
	if err != nil {
		t.Fatal(err)
	}
	return &mesh{
		bucket: bucket, opened: time.Now(), claims: []did.Claim{{DID: alice, Revision: 1}},
		answers: map[string]string{alice: "k1=A"}, block: map[string]chan struct{}{},
	}
}

// keys are some public keys by a letter.
var keys = map[string]string{
	"A": aliceK, "B": otherK, "C": "z6MknGc3ocHs3zdPiJbnaaqDi58NGb4pk1Sp9WxWufuXSdxf", "M": "z6MkvqoYXQfDDJRv8L4wKzxYeuKyVZBfi9Qo6Ro8MiLH3kDQ",
}

// Resolve answers as the host of the DID does.
func (m *mesh) Resolve(ctx context.Context, web did.Web) (did.Document, error) {
	name := web.String()
	m.mu.Lock()
	m.asked = append(m.asked, name)
	answer, block := m.answers[name], m.block[name]
	m.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return did.Document{}, &did.ResolveError{Outcome: did.Failed, Problem: "the fetch was broken off"}
		}
	}
	switch outcome := did.Outcome(answer); outcome {
	case did.Withdrawn, did.Refused, did.Failed, "":
		return did.Document{}, &did.ResolveError{Outcome: outcome, Problem: "it is " + answer}
	}
	var pairs []string
	for word := range strings.FieldsSeq(answer) {
		id, letter, _ := strings.Cut(word, "=")
		pairs = append(pairs, "#"+id, keys[strings.TrimSuffix(letter, "!")])
	}
	document, err := did.ParseDocument([]byte(documentOf(name, pairs...)), name)
	if err != nil {
		return did.Document{}, &did.ResolveError{Outcome: did.Refused, Problem: err.Error()}
	}
	for i := range document.Keys {
		if _, fragment, _ := strings.Cut(document.Keys[i].ID, "#"); strings.Contains(answer, fragment+"="+"A!") {
			document.Keys[i].Until = m.opened.Add(time.Hour)
		}
	}
	return document, nil
}

// serves sets what the host of a DID answers with from now on.
func (m *mesh) serves(name, answer string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers[name] = answer
}

// claim replaces the claims.
func (m *mesh) claim(claims ...did.Claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claims = claims
}

// fetches returns how often the host of a DID was asked since the last time this was said.
func (m *mesh) fetches(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.asked)
	m.asked = slices.DeleteFunc(m.asked, func(s string) bool { return s == name })
	return before - len(m.asked)
}

// told returns the outcomes since the last time this was asked, joined.
func (m *mesh) told() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := strings.Trim(fmt.Sprint(m.outcomes), "[]")
	m.outcomes = nil
	return text
}

// replica opens one process of the mesh.
func (m *mesh) replica(t testing.TB, seed uint64, changes ...func(*did.Config)) *did.Documents {
	t.Helper()
	config := did.Config{
		Bucket: m.bucket, Resolver: m, Seed: seed, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Wanted: func() []did.Claim {
			m.mu.Lock()
			defer m.mu.Unlock()
			return slices.Clone(m.claims)
		},
		Observed: func(outcome did.Outcome) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.outcomes = append(m.outcomes, outcome)
		},
	}
	config.Hosts = hosts(t, "agents.example", "*.agents.example")
	for _, change := range changes {
		change(&config)
	}
	d, err := did.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// follow runs Follow until the returned function is called, which returns when Follow has.
func follow(t *testing.T, d *did.Documents) (kill func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Follow(ctx)
	}()
	kill = func() {
		cancel()
		<-done
	}
	t.Cleanup(kill)
	return kill
}

// later lets time pass, and then everything happen that is to happen.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// want checks which key a keyid names, by its letter; empty for none.
func want(t *testing.T, d *did.Documents, keyID, letter string) {
	t.Helper()
	synctest.Wait()
	key, ok := d.Image().Key(keyID, time.Now())
	got := ""
	for l, multibase := range keys {
		if ok && agent.NewKey(key.Public).Fragment() == multibase {
			got = l
		}
	}
	if got != letter || ok != (letter != "") {
		t.Errorf("%s names the key %q, want %q", keyID, got, letter)
	}
}
