package registry_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
)

// server is a server of one card, which changes.
type server struct {
	mu    sync.Mutex
	card  string
	tag   string
	fail  error
	sets  map[string]string
	asked []registry.CardVersion
}

func (s *server) serve(card, tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.card, s.tag, s.fail = card, tag, nil
}

func (s *server) FetchCard(_ context.Context, url string, known registry.CardVersion) (registry.FetchedCard, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, known)
	if s.fail != nil {
		return registry.FetchedCard{}, s.fail
	}
	if s.tag != "" && known.Tag == s.tag && known.URL == url {
		return registry.FetchedCard{Unchanged: true, Version: known}, nil
	}
	card, err := agent.ParseCard([]byte(s.card))
	return registry.FetchedCard{Card: card, Version: registry.CardVersion{URL: url, Tag: s.tag}}, err
}

func (s *server) FetchKeySet(_ context.Context, url string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set, ok := s.sets[url]
	if !ok {
		return nil, fmt.Errorf("%s answers with status 404", url)
	}
	return []byte(set), nil
}

const cardURL = "http://agent.example/"

// Variants of the card, each with another class of change.
var (
	moved    = strings.Replace(card, "127.0.0.1:9001", "93.184.215.14:80", 1)
	original = strings.Replace(card, "127.0.0.1:9001", "agent.example", 1)
	skilled  = strings.Replace(original, `"forecast"`, `"storms"`, 1)
	private  = strings.Replace(card, "127.0.0.1:9001", "192.168.0.1:1", 1)
)

// following returns a registry that follows the card of the agent weather, which is registered with the original.
func following(t testing.TB, b store.Bucket, s *server, change ...func(*registry.Config)) *registry.Registry {
	t.Helper()
	s.serve(original, `"1"`)
	r := followed(t, b, s, change...)
	if _, err := r.Register(t.Context(), registry.Registration{Name: "weather", CardURL: cardURL}); err != nil {
		t.Fatal(err)
	}
	return r
}

func followed(t testing.TB, b store.Bucket, s *server, change ...func(*registry.Config)) *registry.Registry {
	t.Helper()
	policy := func(config *registry.Config) {
		config.Fetch = s
		config.Cards = cards.Policy{
			Mode: cards.Warn, Verifier: cards.NewVerifier(cards.VerifierConfig{
				Algorithms: []string{"EdDSA"}, KeySets: []string{"https://keys.example"},
			}),
			Accepted: []agent.CardChange{agent.SkillsChange, agent.OtherChange},
		}
	}
	return open(t, b, append([]func(*registry.Config){policy}, change...)...)
}

func refresh(t testing.TB, r *registry.Registry, want registry.CardOutcome) *agent.Record {
	t.Helper()
	record, outcome, err := r.RefreshCard(t.Context(), "weather")
	if outcome != want || (err != nil) != (want == registry.CardFailed || want == registry.CardRefused) {
		t.Fatalf("outcome %s, %v, want %s", outcome, err, want)
	}
	current, err := r.Get("weather")
	if err != nil {
		t.Fatal(err)
	}
	if record != nil && current.Revision < record.Revision {
		t.Fatalf("the snapshot has revision %d, %d was answered", current.Revision, record.Revision)
	}
	return current
}

func TestRefreshAcceptsAndHolds(t *testing.T) {
	t.Parallel()
	s := &server{}
	r := following(t, newBucket(t), s)
	first := refresh(t, r, registry.CardUnchanged)
	if first.CardUpdate != nil || first.Pending != nil {
		t.Fatalf("an unchanged card is reported: %+v", first)
	}
	if again := refresh(t, r, registry.CardUnchanged); again.Revision != first.Revision {
		t.Error("an unchanged card is written")
	}
	if want := (registry.CardVersion{URL: cardURL, Tag: `"1"`}); s.asked[len(s.asked)-1] != want {
		t.Errorf("asked for %+v, want %+v", s.asked[len(s.asked)-1], want)
	}
	s.serve(skilled, `"2"`)
	accepted := refresh(t, r, registry.CardAccepted)
	if string(accepted.Card.Raw) != skilled || accepted.Pending != nil ||
		!cmp.Equal(accepted.CardUpdate, &agent.CardUpdate{At: accepted.Updated, Changes: []agent.CardChange{agent.SkillsChange}}) {
		t.Errorf("%+v, %+v", accepted.CardUpdate, accepted.Pending)
	}
	s.serve(moved, `"3"`)
	held := refresh(t, r, registry.CardHeld)
	if string(held.Card.Raw) != skilled || string(held.Pending.Card.Raw) != moved ||
		!slices.Equal(held.Pending.Changes, []agent.CardChange{agent.InterfacesChange, agent.SkillsChange}) {
		t.Errorf("%+v", held.Pending)
	}
	if again := refresh(t, r, registry.CardHeld); again.Revision != held.Revision {
		t.Error("a card that waits already is written again")
	}
	s.serve(skilled, "")
	if back := refresh(t, r, registry.CardUnchanged); back.Pending != nil || string(back.Card.Raw) != skilled {
		t.Errorf("a card that is no longer served waits: %+v", back.Pending)
	}
}

func TestRefreshRefuses(t *testing.T) {
	t.Parallel()
	s := &server{}
	r := following(t, newBucket(t), s)
	s.serve(moved, "")
	refresh(t, r, registry.CardHeld)
	s.serve(private, "")
	if got := refresh(t, r, registry.CardRefused); got.Pending != nil || string(got.Card.Raw) != original {
		t.Errorf("a card that may not be registered leaves %+v", got.Pending)
	}
	s.mu.Lock()
	s.fail = errors.New("http://agent.example/ answers with status 502")
	s.mu.Unlock()
	before := refresh(t, r, registry.CardFailed)
	_, _, err := r.RefreshCard(t.Context(), "weather")
	if want := []string{"cardUrl: leads to no card: http://agent.example/ answers with status 502"}; !cmp.Equal(want, problems(err)) {
		t.Errorf("problems %v", problems(err))
	}
	if after, _ := r.Get("weather"); after.Revision != before.Revision {
		t.Error("a failure is written")
	}
	if _, _, err := r.RefreshCard(t.Context(), "nobody"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := r.Register(t.Context(), registration("inline")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.RefreshCard(t.Context(), "inline"); !errors.Is(err, registry.ErrNoCardURL) {
		t.Errorf("inline: %v", err)
	}
}

func TestApproveAndReject(t *testing.T) {
	t.Parallel()
	s, b := &server{}, newBucket(t)
	r := following(t, b, s)
	s.serve(moved, `"2"`)
	digest := refresh(t, r, registry.CardHeld).Pending.Digest
	for _, wrong := range []string{"", "sha256:0", strings.ToUpper(digest)} {
		if _, err := r.ApproveCard(t.Context(), "weather", wrong); !errors.Is(err, registry.ErrNotPending) {
			t.Errorf("approving %q: %v", wrong, err)
		}
	}
	rejected, err := r.RejectCard(t.Context(), "weather", digest)
	if err != nil || rejected.Pending != nil || string(rejected.Card.Raw) != original {
		t.Fatalf("%+v, %v", rejected, err)
	}
	for range 2 { // the second time the server says that nothing has changed
		if again := refresh(t, r, registry.CardRejected); again.Pending != nil || again.Revision != rejected.Revision {
			t.Errorf("a rejected card is asked about again: %+v", again.Pending)
		}
	}
	if _, err := r.ApproveCard(t.Context(), "weather", digest); !errors.Is(err, registry.ErrNotPending) {
		t.Errorf("approving what was rejected: %v", err)
	}
	s.serve(original, "")
	if back := refresh(t, r, registry.CardUnchanged); back.Rejected != "" {
		t.Error("the rejection outlives the card")
	}
	s.serve(moved, "")
	refresh(t, r, registry.CardHeld)
	restarted := followed(t, b, s)
	waiting, err := restarted.Get("weather")
	if err != nil || waiting.Pending == nil || string(waiting.Pending.Card.Raw) != moved || waiting.Pending.Digest != digest {
		t.Fatalf("after a restart %+v waits, %v", waiting, err)
	}
	approved, err := restarted.ApproveCard(t.Context(), "weather", digest)
	if err != nil {
		t.Fatal(err)
	}
	want := &agent.CardUpdate{At: approved.Updated, Changes: []agent.CardChange{agent.InterfacesChange}, Approved: true}
	if string(approved.Card.Raw) != moved || approved.Pending != nil || !cmp.Equal(want, approved.CardUpdate) {
		t.Errorf("%+v", approved)
	}
	if refresh(t, restarted, registry.CardUnchanged).Revision != approved.Revision {
		t.Error("an approved card is written again")
	}
}

func TestApproveJudgesAgain(t *testing.T) {
	t.Parallel()
	s := &server{}
	var closed atomic.Bool
	r := following(t, newBucket(t), s, func(config *registry.Config) {
		config.Own = func(host, _ string) bool { return closed.Load() && host == "93.184.215.14" }
	})
	s.serve(moved, "")
	digest := refresh(t, r, registry.CardHeld).Pending.Digest
	closed.Store(true)
	_, err := r.ApproveCard(t.Context(), "weather", digest)
	if want := []string{"card.supportedInterfaces[0].url: leads to the mesh itself"}; !cmp.Equal(want, problems(err)) {
		t.Errorf("problems %v", problems(err))
	}
}

// TestReplicasDoNotFight lets two replicas refresh, and a person decide, at the same time. There is one write for
// each decision, and what is approved stays.
func TestReplicasDoNotFight(t *testing.T) {
	t.Parallel()
	s, b := &server{}, newBucket(t)
	one := following(t, b, s)
	two := followed(t, b, s)
	s.serve(moved, "")
	race := func(act func(*registry.Registry)) {
		var both sync.WaitGroup
		for range 4 {
			for _, r := range []*registry.Registry{one, two} {
				both.Go(func() { act(r) })
			}
		}
		both.Wait()
	}
	before, _ := one.Get("weather")
	race(func(r *registry.Registry) {
		if _, outcome, err := r.RefreshCard(t.Context(), "weather"); err != nil || outcome != registry.CardHeld {
			t.Errorf("%s, %v", outcome, err)
		}
	})
	held := refresh(t, one, registry.CardHeld)
	if held.Revision != before.Revision+1 {
		t.Errorf("%d writes for one change", held.Revision-before.Revision)
	}
	var approvals atomic.Int32
	race(func(r *registry.Registry) {
		switch _, err := r.ApproveCard(t.Context(), "weather", held.Pending.Digest); {
		case err == nil:
			approvals.Add(1)
		case !errors.Is(err, registry.ErrNotPending):
			t.Errorf("approving: %v", err)
		}
		if _, _, err := r.RefreshCard(t.Context(), "weather"); err != nil {
			t.Errorf("refreshing: %v", err)
		}
	})
	after := refresh(t, one, registry.CardUnchanged)
	if approvals.Load() != 1 || after.Revision != held.Revision+1 || string(after.Card.Raw) != moved || after.Pending != nil {
		t.Errorf("%d approvals, %d writes, %+v waits", approvals.Load(), after.Revision-held.Revision, after.Pending)
	}
}

// TestARegistrationWinsOverARefresh holds that a card fetched for an earlier registration changes nothing.
func TestARegistrationWinsOverARefresh(t *testing.T) {
	t.Parallel()
	s := &server{}
	var r *registry.Registry
	replacing := &replacingFetcher{server: s}
	r = following(t, newBucket(t), s, func(config *registry.Config) { config.Fetch = replacing })
	replacing.before = func() {
		replacing.before = nil
		if _, err := r.Replace(t.Context(), "weather", registry.Registration{Name: "weather", Card: []byte(original)}, 0); err != nil {
			t.Error(err)
		}
	}
	s.serve(moved, "")
	if _, _, err := r.RefreshCard(t.Context(), "weather"); !errors.Is(err, registry.ErrChanged) {
		t.Errorf("%v", err)
	}
	if got, _ := r.Get("weather"); got.Pending != nil || string(got.Card.Raw) != original {
		t.Errorf("%+v", got)
	}
}

// TestATagIsOfOneRegistration holds that what a server sent for an earlier registration is compared with the present
// one, although the server says that nothing has changed.
func TestATagIsOfOneRegistration(t *testing.T) {
	t.Parallel()
	s := &server{}
	r := following(t, newBucket(t), s)
	refresh(t, r, registry.CardUnchanged)
	s.serve(moved, `"2"`)
	if _, err := r.Replace(t.Context(), "weather", registry.Registration{Name: "weather", CardURL: cardURL}, 0); err != nil {
		t.Fatal(err)
	}
	s.serve(original, `"1"`)
	if held := refresh(t, r, registry.CardHeld); string(held.Pending.Card.Raw) != original {
		t.Errorf("%s waits", held.Pending.Card.Raw)
	}
}

// racedBucket lets somebody else write just before a write.
type racedBucket struct {
	store.Bucket
	before func()
}

func (b *racedBucket) CompareAndSet(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if b.before != nil {
		first := b.before
		b.before = nil
		first()
	}
	return b.Bucket.CompareAndSet(ctx, key, value, revision)
}

// TestALostRaceIsDecidedAnew holds that neither a refresh nor a decision overwrites what another process wrote in
// between.
func TestALostRaceIsDecidedAnew(t *testing.T) {
	t.Parallel()
	s, shared := &server{}, newBucket(t)
	raced := &racedBucket{Bucket: shared}
	r := following(t, raced, s)
	other := followed(t, shared, s)
	own := func(owner string) func() {
		return func() {
			s.mu.Lock()
			now := s.card
			s.mu.Unlock()
			s.serve(original, "")
			if _, err := other.Replace(t.Context(), "weather", registry.Registration{Name: "weather", CardURL: cardURL, Owner: owner}, 0); err != nil {
				t.Error(err)
			}
			s.serve(now, "")
		}
	}
	s.serve(moved, "")
	raced.before = own("first")
	held := refresh(t, r, registry.CardHeld)
	if held.Owner != "first" || held.Pending == nil {
		t.Fatalf("a refresh overwrites a registration: %+v", held)
	}
	raced.before = func() {
		if _, err := other.RejectCard(t.Context(), "weather", held.Pending.Digest); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.ApproveCard(t.Context(), "weather", held.Pending.Digest); !errors.Is(err, registry.ErrNotPending) {
		t.Errorf("an approval wins over a rejection that was first: %v", err)
	}
}

// replacingFetcher does something before each fetch.
type replacingFetcher struct {
	*server
	before func()
}

func (f *replacingFetcher) FetchCard(ctx context.Context, url string, known registry.CardVersion) (registry.FetchedCard, error) {
	if f.before != nil {
		f.before()
	}
	return f.server.FetchCard(ctx, url, known)
}

func TestRefreshCardsTellsOfEach(t *testing.T) {
	t.Parallel()
	s, seen := &server{}, make(chan string, 8)
	r := following(t, newBucket(t), s, func(config *registry.Config) {
		config.CardsObserved = func(outcome registry.CardOutcome, changes []agent.CardChange) {
			seen <- fmt.Sprint(outcome, changes)
		}
	})
	for _, name := range []string{"a", "b"} {
		if _, err := r.Register(t.Context(), registry.Registration{Name: name, CardURL: cardURL}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Register(t.Context(), registration("inline")); err != nil {
		t.Fatal(err)
	}
	s.serve(moved, "")
	// The second round finds the same cards again, which is no news.
	r.RefreshCards(t.Context(), 2)
	r.RefreshCards(t.Context(), 2)
	close(seen)
	var got []string
	for outcome := range seen {
		got = append(got, outcome)
	}
	want := append(slices.Repeat([]string{"held[interfaces]"}, 3), slices.Repeat([]string{"held[]"}, 3)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// sign returns the card with a signature by the key of a number, under the name k<number>.
func sign(t testing.TB, card string, n byte, jku string) string {
	t.Helper()
	document := agentCard(t, card)
	payload, err := cardPayload(document)
	if err != nil {
		t.Fatal(err)
	}
	options := &jose.SignerOptions{}
	if jku != "" {
		options = options.WithHeader("jku", jku)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: signingKey(n), KeyID: fmt.Sprint("k", n)}}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.DetachedCompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	protected, signature, _ := strings.Cut(compact, "..")
	return strings.TrimSuffix(card, "}") + fmt.Sprintf(`,"signatures":[{"protected":%q,"signature":%q}]}`, protected, signature)
}

func agentCard(t testing.TB, raw string) map[string]any {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(raw), &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// cardPayload is RFC 8785 of cards whose keys and strings are ASCII and that have no numbers.
func cardPayload(document map[string]any) ([]byte, error) { return json.Marshal(document) }

func signingKey(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

func publicJWK(t testing.TB, n byte) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKey{Key: signingKey(n).Public(), KeyID: fmt.Sprint("k", n)})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRegisterVerifies(t *testing.T) {
	t.Parallel()
	const jku = "https://keys.example/set.json"
	s := &server{sets: map[string]string{jku: `{"keys":[` + string(publicJWK(t, 3)) + `]}`}}
	b := newBucket(t)
	warn := followed(t, b, s)
	require := followed(t, b, s, func(config *registry.Config) { config.Cards.Mode = cards.Require })
	tests := []struct {
		name, card string
		keys       []json.RawMessage
		want       agent.CardStatus
	}{
		{"unsigned", original, nil, agent.CardUnsigned},
		{"pinned", sign(t, original, 1, ""), []json.RawMessage{publicJWK(t, 1)}, agent.CardVerified},
		{"not-the-pinned-key", sign(t, original, 2, ""), []json.RawMessage{publicJWK(t, 1)}, agent.CardUnknownKey},
		{"changed", strings.Replace(sign(t, original, 1, ""), "agent.example", "evil.example", 1), []json.RawMessage{publicJWK(t, 1)}, agent.CardInvalid},
		{"key-set", sign(t, original, 3, jku), nil, agent.CardVerified},
		{"key-set-of-another", sign(t, original, 3, "https://evil.example/set.json"), nil, agent.CardUnknownKey},
		{"key-set-that-is-gone", sign(t, original, 3, jku+".old"), nil, agent.CardUnknownKey},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := registry.Registration{Name: test.name, Card: []byte(test.card), CardKeys: test.keys}
			record, err := warn.Register(t.Context(), g)
			if err != nil || record.Verification.Status != test.want {
				t.Fatalf("%+v, %v", record, err)
			}
			g.Name += "-required"
			_, err = require.Register(t.Context(), g)
			if (err == nil) != (test.want == agent.CardVerified) {
				t.Errorf("required: %v", err)
			}
			if err != nil && !strings.HasPrefix(problems(err)[0], "card: must be signed by a key that is pinned or trusted: ") {
				t.Errorf("problems %v", problems(err))
			}
		})
	}
}

// TestRefreshOfSignedCards holds that a card which loses its signature is held, whatever else changes, that nothing is
// taken from a key set which cannot be had for one that is gone, and that required signatures stay required.
func TestRefreshOfSignedCards(t *testing.T) {
	t.Parallel()
	const jku = "https://keys.example/set.json"
	s := &server{sets: map[string]string{jku: `{"keys":[` + string(publicJWK(t, 3)) + `]}`}}
	r := followed(t, newBucket(t), s)
	s.serve(sign(t, original, 3, jku), "")
	first, err := r.Register(t.Context(), registry.Registration{Name: "weather", CardURL: cardURL})
	if err != nil || !first.Verification.Verified() {
		t.Fatalf("%+v, %v", first, err)
	}
	s.serve(sign(t, skilled, 3, jku), "")
	if got := refresh(t, r, registry.CardAccepted); !got.Verification.Verified() {
		t.Errorf("%+v", got.Verification)
	}
	s.serve(strings.Replace(sign(t, skilled, 3, jku), "storms", "forged", 1), "")
	held := refresh(t, r, registry.CardHeld)
	if diff := cmp.Diff([]agent.CardChange{agent.SkillsChange, agent.KeysChange}, held.Pending.Changes); diff != "" || held.Pending.Verification.Verified() {
		t.Errorf("%+v (-want +got)\n%s", held.Pending.Verification, diff)
	}
	s.sets = nil
	s.serve(sign(t, skilled, 3, jku), "")
	if got := refresh(t, r, registry.CardFailed); !cmp.Equal(held, got, cmpopts.EquateComparable()) {
		t.Error("a key set that cannot be had changes the record")
	}
}

// What the content rules say of a card is asked when it is registered and whenever it has changed.
func TestCardsOfUnwelcomeContent(t *testing.T) {
	t.Parallel()
	s := &server{}
	rules := func(config *registry.Config) {
		config.Content = func(card []byte) string {
			if strings.Contains(string(card), "storms") {
				return "holds content that is not let through"
			}
			return ""
		}
	}
	r := following(t, newBucket(t), s, rules)
	s.serve(skilled, `"2"`)
	if got := refresh(t, r, registry.CardRefused); got.Pending != nil || string(got.Card.Raw) != original {
		t.Errorf("an unwelcome card leaves %+v", got)
	}
	_, _, err := r.RefreshCard(t.Context(), "weather")
	if want := []string{"cardUrl: leads to a card that holds content that is not let through"}; !cmp.Equal(want, problems(err)) {
		t.Errorf("refreshed: %v", problems(err))
	}
	g := registration("other")
	g.Card = []byte(skilled)
	_, err = r.Register(t.Context(), g)
	if want := []string{"card: holds content that is not let through"}; !cmp.Equal(want, problems(err)) {
		t.Errorf("registered: %v", problems(err))
	}
}
