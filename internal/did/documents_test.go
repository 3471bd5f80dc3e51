package did_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/store"
)

func TestImageFindsKeys(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		m.claim(did.Claim{DID: alice}, did.Claim{DID: bob})
		m.serves(bob, "k1=B k2=C")
		d := m.replica(t, 1)
		d.Round(t.Context())
		want(t, d, alice+"#k1", "A")
		want(t, d, alice, "A")
		want(t, d, bob+"#k1", "B")
		want(t, d, bob+"#k2", "C")
		want(t, d, bob, "") // which of them?
		for _, other := range []string{
			"", "#k1", alice + "#", alice + "#k2", alice + "#K1", alice + "#k1#k1", alice + "?x#k1", "did:web:agents.example/a#k1",
			"did:web:agents.example/a", "did:web:agents.example:a:#k1", "did:web:agents.example#k1", "agents.example:a#k1", "did:key:agents.example:a#k1",
			strings.Repeat("x", 1<<16), "did:web:" + strings.Repeat(":", 1<<16),
		} {
			want(t, d, other, "")
		}
		if _, ok := d.Image().Assertion(alice+"#k1", time.Now()); ok {
			t.Error("a key for authentication makes assertions")
		}
		if status, ok := d.Status("did:web:agents.example/a"); ok {
			t.Errorf("known of what has the same key in the store: %+v", status)
		}
		for _, nothing := range []*did.Image{nil, {}} {
			if _, ok := nothing.Key(alice, time.Now()); ok {
				t.Error("no image has a key")
			}
		}
		old := d.Image()
		m.serves(alice, "k1=M")
		m.claim(did.Claim{DID: alice, Revision: 9})
		d.Round(t.Context())
		want(t, d, alice, "M")
		if key, ok := old.Key(alice, time.Now()); !ok || !strings.HasSuffix(key.DID, aliceK) {
			t.Error("an image changed after it was taken")
		}
	})
}

func TestRefreshStaleAndBack(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		d := m.replica(t, 1)
		follow(t, d)
		later(time.Minute)
		want(t, d, alice, "A")
		m.fetches(alice)
		later(time.Hour)
		if n := m.fetches(alice); n < 12 || n > 14 {
			t.Errorf("%d fetches in an hour", n)
		}
		if told := m.told(); strings.Count(told, "unchanged") < 12 || strings.Count(told, "fetched") != 1 {
			t.Errorf("told %s", told)
		}
		m.serves(alice, "failed")
		later(50 * time.Minute)
		want(t, d, alice, "A")
		if status, _ := d.Status(alice); status.Problem != "it is failed" || status.Stale || len(status.Keys) != 1 {
			t.Errorf("%+v", status)
		}
		later(11 * time.Minute)
		want(t, d, alice, "")
		if status, _ := d.Status(alice); !status.Stale || status.Keys != nil {
			t.Errorf("%+v", status)
		}
		m.serves(alice, "k1=A")
		later(6 * time.Minute)
		want(t, d, alice, "A")
	})
}

func TestKeysEndByTheirDocument(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		m.serves(alice, "k1=A! k2=B") // k1 for an hour
		d := m.replica(t, 1)
		follow(t, d)
		later(59 * time.Minute)
		want(t, d, alice+"#k1", "A")
		want(t, d, alice, "")
		later(time.Minute)
		want(t, d, alice+"#k1", "")
		want(t, d, alice, "B")
		if status, _ := d.Status(alice); len(status.Keys) != 1 {
			t.Errorf("%d keys count", len(status.Keys))
		}
	})
}

// TestStaleBound holds the last moment at which a key counts, and the first at which it does not.
func TestStaleBound(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		d := m.replica(t, 1, func(c *did.Config) { c.Stale = 10 * time.Minute })
		d.Round(t.Context())
		image, now := d.Image(), time.Now()
		for _, test := range []struct {
			at   time.Duration
			want bool
		}{{0, true}, {10 * time.Minute, true}, {10*time.Minute + 1, false}, {-time.Minute, true}, {-time.Minute - 1, false}} {
			if _, ok := image.Key(alice, now.Add(test.at)); ok != test.want {
				t.Errorf("after %s: %v", test.at, ok)
			}
		}
	})
}

func TestUnknownHostIsLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		m.serves(alice, "failed")
		d := m.replica(t, 1)
		follow(t, d)
		later(29 * time.Second)
		if n := m.fetches(alice); n != 1 {
			t.Errorf("%d fetches in the first 29 s", n)
		}
		want(t, d, alice, "")
		later(time.Hour)
		if n := m.fetches(alice); n < 12 || n > 16 {
			t.Errorf("%d fetches in an hour", n)
		}
		m.serves(alice, "k1=A")
		later(6 * time.Minute)
		want(t, d, alice, "A")
	})
}

func TestMissFetchesOnceAMinute(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		first, second := m.replica(t, 1), m.replica(t, 2)
		follow(t, first)
		follow(t, second)
		later(10 * time.Second)
		m.fetches(alice)
		m.serves(alice, "k1=A k2=B")
		for i := range 170 {
			for j := range 20 {
				first.Miss(fmt.Sprintf("%s#random%d", alice, j*i))
				second.Miss(alice + "#k2")
				first.Miss(bob + "#k1")
			}
			later(time.Second)
		}
		if n := m.fetches(alice); n < 2 || n > 3 {
			t.Errorf("%d fetches in 170 s of unknown keys", n)
		}
		if n := m.fetches(bob); n != 0 {
			t.Errorf("%d fetches of what nobody claims", n)
		}
		want(t, first, alice+"#k2", "B")
		want(t, second, alice+"#k2", "B")
	})
}

func TestSwapIsHeld(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		first, second := m.replica(t, 1), m.replica(t, 2)
		follow(t, first)
		later(time.Second)
		m.serves(alice, "k1=M")
		later(6 * time.Minute)
		want(t, first, alice+"#k1", "")
		want(t, second, alice+"#k1", "")
		status, ok := second.Status(alice)
		if !ok || status.Held == nil || len(status.Held.Keys) != 1 || !strings.HasSuffix(status.Held.Keys[0].DID, keys["M"]) || status.Digest == status.Held.Digest || status.Keys != nil {
			t.Fatalf("%+v", status)
		}
		if err := second.Accept(t.Context(), alice, status.Digest); !errors.Is(err, did.ErrNotHeld) {
			t.Errorf("accepting what is not held: %v", err)
		}
		if err := second.Accept(t.Context(), bob, status.Held.Digest); !errors.Is(err, did.ErrUnknown) {
			t.Errorf("accepting for an unknown DID: %v", err)
		}
		if err := second.Accept(t.Context(), "did:web:agents.example/a", status.Held.Digest); !errors.Is(err, did.ErrNotWeb) {
			t.Errorf("accepting for what has the same key in the store: %v", err)
		}
		if err := second.Accept(t.Context(), alice, status.Held.Digest); err != nil {
			t.Fatal(err)
		}
		want(t, second, alice+"#k1", "M")
		want(t, first, alice+"#k1", "M")
		if err := second.Accept(t.Context(), alice, status.Held.Digest); !errors.Is(err, did.ErrNotHeld) {
			t.Errorf("accepting twice: %v", err)
		}
		if told := m.told(); !strings.Contains(told, "held") {
			t.Errorf("told %s", told)
		}
	})
}

// TestUnclaimingDoesNotLaunder holds that a DID which is given up for a moment comes back with its continuity.
func TestUnclaimingDoesNotLaunder(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		d := m.replica(t, 1)
		follow(t, d)
		later(time.Minute)
		m.claim()
		later(30 * time.Minute)
		m.serves(alice, "k1=M")
		m.claim(did.Claim{DID: alice, Revision: 1})
		d.ClaimsChanged()
		later(time.Minute)
		want(t, d, alice, "")
		m.claim(did.Claim{DID: alice, Revision: 2}, did.Claim{DID: alice, Revision: 1}, did.Claim{DID: "did:web:Bad"})
		d.ClaimsChanged()
		later(time.Second)
		want(t, d, alice, "M")
	})
}

func TestRefuse(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		first, second := m.replica(t, 1), m.replica(t, 2)
		follow(t, first)
		m.serves(alice, "k1=A k2=B")
		later(time.Second)
		if err := second.Refuse(t.Context(), alice, alice+"#k1"); err != nil {
			t.Fatal(err)
		}
		want(t, second, alice+"#k1", "")
		want(t, first, alice+"#k1", "")
		want(t, first, alice, "B")
		m.serves(alice, "other=A k1=C k2=B")
		later(6 * time.Minute)
		want(t, first, alice+"#other", "")
		want(t, first, alice+"#k1", "")
		if err := first.Refuse(t.Context(), alice, "did:key:"+otherK); err != nil {
			t.Fatal(err)
		}
		want(t, second, alice+"#k2", "")
		if err := first.Refuse(t.Context(), bob, ""); err != nil {
			t.Fatal(err)
		}
		m.claim(did.Claim{DID: alice, Revision: 1}, did.Claim{DID: bob, Revision: 2})
		m.serves(bob, "k1=C")
		later(time.Minute)
		want(t, first, bob, "")
		if status, ok := m.replica(t, 3).Status(bob); !ok || !slices.Equal(status.Refused, []string{bob}) || status.Digest == "" || status.Keys != nil {
			t.Errorf("a new process knows %+v", status)
		}
		for _, foreign := range []string{bob + "#k1", alice, "k1", "did:key:z1"} {
			if err := first.Refuse(t.Context(), alice, foreign); !errors.Is(err, did.ErrForeignKey) {
				t.Errorf("refusing %s: %v", foreign, err)
			}
		}
		if err := first.Refuse(t.Context(), "did:web:agents.example/a", ""); !errors.Is(err, did.ErrNotWeb) {
			t.Errorf("refusing for no DID: %v", err)
		}
	})
}

func TestForget(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		d := m.replica(t, 1)
		follow(t, d)
		later(time.Second)
		if err := d.Refuse(t.Context(), alice, ""); err != nil {
			t.Fatal(err)
		}
		want(t, d, alice, "")
		if err := d.Forget(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		later(11 * time.Second)
		want(t, d, alice, "A")
		if err := d.Forget(t.Context(), bob); !errors.Is(err, did.ErrUnknown) {
			t.Errorf("forgetting what is unknown: %v", err)
		}
		if err := d.Forget(t.Context(), "did:web:agents.example/a"); !errors.Is(err, did.ErrNotWeb) {
			t.Errorf("forgetting no DID: %v", err)
		}
	})
}

func TestUnclaimedAreRemoved(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		d := m.replica(t, 1)
		follow(t, d)
		m.claim(did.Claim{DID: alice}, did.Claim{DID: bob})
		m.serves(bob, "k1=B k2=C")
		later(time.Second)
		if err := d.Refuse(t.Context(), bob, bob+"#k2"); err != nil {
			t.Fatal(err)
		}
		m.claim()
		later(59 * time.Minute)
		if _, ok := d.Status(alice); !ok {
			t.Error("removed while keys may count")
		}
		later(20 * time.Minute)
		if status, ok := d.Status(alice); ok {
			t.Errorf("still there: %+v", status)
		}
		if status, ok := d.Status(bob); !ok || len(status.Refused) != 2 {
			t.Errorf("who was shut out is forgotten: %+v", status)
		}
	})
}

func TestUnlistedHost(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		m.claim(did.Claim{DID: outside})
		m.serves(outside, "k1=A")
		wide := m.replica(t, 1, func(c *did.Config) { c.Hosts = hosts(t, "agents.elsewhere.example") })
		wide.Round(t.Context())
		want(t, wide, outside, "A")
		if told := m.told(); told != "fetched" {
			t.Errorf("told %s", told)
		}
		narrow := m.replica(t, 2)
		follow(t, narrow)
		later(time.Hour)
		want(t, narrow, outside, "")
		if told := m.told(); told != "refused" || m.fetches(outside) != 1 {
			t.Errorf("told %s", told)
		}
		want := "the host is not among those of identity.web.hosts"
		if status, ok := narrow.Status(outside); !ok || status.Problem != want {
			t.Errorf("%+v", status)
		}
		m.claim(did.Claim{DID: "did:web:127.0.0.1"}, did.Claim{DID: "did:key:" + aliceK})
		later(time.Minute)
		if status, ok := narrow.Status("did:web:127.0.0.1"); !ok || status.Problem != "the DID must have a host with a domain, not a single label or an address" {
			t.Errorf("%+v", status)
		}
		if told := m.told(); told != "refused" {
			t.Errorf("told %s of what is no did:web in its one form", told)
		}
		if _, ok := narrow.Status("did:key:" + aliceK); ok {
			t.Error("a did:key is one of the mesh's did:webs")
		}
		if _, ok := narrow.Status(bob); ok {
			t.Error("something is known of a DID that nobody claims")
		}
	})
}

func TestStatus(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		d := m.replica(t, 1)
		d.Round(t.Context())
		synctest.Wait()
		got, ok := d.Status(alice)
		now := time.Now().UTC()
		want := did.Status{DID: alice, Digest: got.Digest, Keys: got.Keys, Confirmed: now, Attempted: now}
		if diff := cmp.Diff(want, got); !ok || diff != "" || len(got.Keys) != 1 || len(got.Digest) != len("sha256:")+64 {
			t.Errorf("(-want +got):\n%s", diff)
		}
		m.serves(alice, "withdrawn")
		later(6 * time.Minute)
		d.Round(t.Context())
		got, _ = d.Status(alice)
		if !got.Withdrawn || got.Keys != nil || got.Problem != "it is withdrawn" || !got.Confirmed.Equal(now) {
			t.Errorf("%+v", got)
		}
		if err := d.Healthy(); err != nil || d.Behind(time.Now()) != 0 {
			t.Errorf("it follows, and says %v", err)
		}
	})
}

// TestUnreadableEntry holds that nothing counts of an entry that cannot be read, and that no document replaces it.
func TestUnreadableEntry(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		for _, value := range []string{
			"", "{", `{"did":"` + bob + `"}`, `{"did":"did:web:agents.example/a"}`,
			`{"did":"` + alice + `","inForce":{"keys":[{"id":"` + bob + `#k1","key":"did:key:` + aliceK + `","authentication":true}]}}`,
			`{"did":"` + alice + `","inForce":{"keys":[{"id":"` + alice + `#k1","key":"did:key:z1","authentication":true}]}}`,
		} {
			if _, err := m.bucket.Put(t.Context(), "agents.example/a", []byte(value)); err != nil {
				t.Fatal(err)
			}
			d := m.replica(t, 1)
			d.Round(t.Context())
			want(t, d, alice, "")
			stored, err := m.bucket.Get(t.Context(), "agents.example/a")
			if err != nil || string(stored.Value) != value {
				t.Errorf("%s became %s, %v", value, stored.Value, err)
			}
			if err := d.Refuse(t.Context(), alice, ""); err == nil || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("refusing over %q: %v", value, err)
			}
		}
	})
}
