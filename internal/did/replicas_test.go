package did_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/store"
)

func TestReplicasShareTheWork(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		var all []*did.Documents
		for seed := range uint64(4) {
			d := m.replica(t, seed*7)
			follow(t, d)
			all = append(all, d)
		}
		later(time.Minute)
		m.fetches(alice)
		later(2 * time.Hour)
		if n := m.fetches(alice); n < 24 || n > 30 {
			t.Errorf("4 processes fetched %d times in two hours", n)
		}
		for _, d := range all {
			want(t, d, alice, "A")
		}
	})
}

// TestMissIsAnsweredByAnyReplica holds that a fetch by another process answers a miss, and that the next miss counts.
func TestMissIsAnsweredByAnyReplica(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		first, second := m.replica(t, 1), m.replica(t, 2)
		first.Round(t.Context())
		second.Next()
		later(30 * time.Second)
		second.Miss(alice + "#k9")
		if wait := time.Until(second.Next()); wait > 36*time.Second {
			t.Errorf("the miss is looked into in %s", wait)
		}
		first.Next()
		first.Miss(alice + "#k9")
		later(36 * time.Second)
		first.Round(t.Context())
		later(time.Second)
		if wait := time.Until(second.Next()); m.fetches(alice) != 2 || wait < 4*time.Minute {
			t.Errorf("what another process has fetched is fetched again in %s", wait)
		}
		second.Miss(alice + "#k9")
		if wait := time.Until(second.Next()); wait > 66*time.Second {
			t.Errorf("the next miss is looked into in %s", wait)
		}
	})
}

// TestRestart holds that a process begins with what others know, and asks no host for it.
func TestRestart(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		first := m.replica(t, 1)
		first.Round(t.Context())
		first.Close()
		want(t, first, alice, "A")
		m.fetches(alice)
		second := m.replica(t, 2)
		want(t, second, alice, "A")
		if due := second.Round(t.Context()); due != nil || m.fetches(alice) != 0 {
			t.Errorf("due again: %v", due)
		}
		if next := time.Until(second.Next()); next < 4*time.Minute+30*time.Second || next > 5*time.Minute {
			t.Errorf("due in %s", next)
		}
	})
}

// hold makes fetches of a DID wait, and returns what lets them go on.
func (m *mesh) hold(name string) (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	block := make(chan struct{})
	m.block[name] = block
	return func() { close(block) }
}

func (m *mesh) pass(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.block, name)
}

// TestLateAnswerIsDropped holds that an answer which another process has outrun does not bring back what has vanished.
func TestLateAnswerIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		first, second := m.replica(t, 1), m.replica(t, 2)
		m.serves(alice, "k1=A k2=B")
		release := m.hold(alice)
		done := make(chan []string)
		go func() { done <- second.Round(t.Context()) }()
		synctest.Wait()
		m.pass(alice)
		m.serves(alice, "k1=A")
		first.Round(t.Context())
		release()
		<-done
		want(t, first, alice+"#k2", "")
		want(t, second, alice+"#k2", "")
		want(t, second, alice, "A")
		if told := m.told(); told != "fetched" {
			t.Errorf("told %s", told)
		}
	})
}

func TestRefusalDuringFetch(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		first, second := m.replica(t, 1), m.replica(t, 2)
		first.Round(t.Context())
		later(6 * time.Minute)
		m.serves(alice, "k1=A k2=B")
		release := m.hold(alice)
		done := make(chan []string)
		go func() { done <- second.Round(t.Context()) }()
		synctest.Wait()
		if err := first.Refuse(t.Context(), alice, alice+"#k2"); err != nil {
			t.Fatal(err)
		}
		release()
		<-done
		want(t, first, alice+"#k1", "A")
		want(t, first, alice+"#k2", "")
		if told := m.told(); told != "fetched fetched" {
			t.Errorf("told %s", told)
		}
	})
}

func TestSlowHostDelaysNoOther(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		claims := []did.Claim{{DID: alice}}
		for i := range 50 {
			name := fmt.Sprintf("did:web:h%d.agents.example", i)
			claims = append(claims, did.Claim{DID: name})
			m.serves(name, "k1=B")
		}
		m.claim(claims...)
		m.hold(alice)
		d := m.replica(t, 1, func(c *did.Config) { c.AtOnce = 2 })
		follow(t, d)
		later(10 * time.Second)
		for _, claim := range claims[1:] {
			want(t, d, claim.DID, "B")
		}
		want(t, d, alice, "")
	})
}

// TestKilledWhileFetching holds that a process which ends in the middle of a fetch leaves nothing behind.
func TestKilledWhileFetching(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		release := m.hold(alice)
		defer release()
		first := m.replica(t, 1)
		kill := follow(t, first)
		later(time.Second)
		kill()
		if _, err := m.bucket.Get(t.Context(), "agents.example/a"); err == nil {
			t.Error("something was stored")
		}
		m.pass(alice)
		second := m.replica(t, 2)
		follow(t, second)
		later(time.Second)
		want(t, second, alice, "A")
		want(t, first, alice, "A")
	})
}

// failing is a bucket whose writes fail when told to.
type failing struct {
	store.Bucket
	down   atomic.Bool
	writes atomic.Int32
}

func (b *failing) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	b.writes.Add(1)
	if b.down.Load() {
		return 0, store.ErrUnavailable
	}
	return b.Bucket.Create(ctx, key, value, ttl)
}

func TestStoreDownAndBack(t *testing.T) {
	bubble(t, func(t *testing.T, m *mesh) {
		bucket := &failing{Bucket: m.bucket}
		bucket.down.Store(true)
		d := m.replica(t, 1, func(c *did.Config) { c.Bucket = bucket })
		follow(t, d)
		later(5 * time.Minute)
		if n := m.fetches(alice); n < 5 || n > 11 || n != int(bucket.writes.Load()) {
			t.Errorf("%d fetches and %d writes in 5 minutes without a store", n, bucket.writes.Load())
		}
		want(t, d, alice, "")
		bucket.down.Store(false)
		later(time.Minute)
		want(t, d, alice, "A")
	})
}

// TestLaws lets two processes live through a random history of one host and its operators. After each step both know
// the same, nothing counts that the host has not listed when it was asked last, nothing that was refused, and under
// SwapHold nothing of an intruder who does not know which key to go on listing.
func TestLaws(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, m *mesh) { history(t, m, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func history(t *testing.T, m *mesh, random *rand.Rand) {
	all := []*did.Documents{m.replica(t, 1), m.replica(t, 2)}
	owners := []string{"k1=A", "k1=A k2=B", "k2=B", "k2=B k3=C", "k3=C k1=A", "k1=A k3=C", "failed", "withdrawn"}
	intruders := []string{"k1=M", "k2=M k3=M", "m=M"}
	refused := map[string]bool{}
	last := "k1=A" // what the host answered last when it had a document
	all[0].Round(t.Context())
	for i := range 60 {
		d := all[random.IntN(len(all))]
		switch random.IntN(8) {
		case 0:
			m.serves(alice, intruders[random.IntN(len(intruders))])
		case 1, 2, 3:
			m.serves(alice, owners[random.IntN(len(owners))])
		case 4:
			d.Miss(alice + "#k9")
		case 5:
			if letter := []string{"A", "B", "C"}[random.IntN(3)]; i > 40 {
				refused[letter] = true
				if err := d.Refuse(t.Context(), alice, "did:key:"+keys[letter]); err != nil {
					t.Fatal(err)
				}
			}
		}
		later(time.Duration(random.IntN(400)) * time.Second)
		m.mu.Lock()
		answer := m.answers[alice]
		m.mu.Unlock()
		if due := d.Round(t.Context()); due != nil && answer != "failed" {
			last = answer
		}
		synctest.Wait()
		for _, id := range []string{"k1", "k2", "k3", "m"} {
			key, ok := all[0].Image().Key(alice+"#"+id, time.Now())
			other, same := all[1].Image().Key(alice+"#"+id, time.Now())
			if ok != same || key.DID != other.DID {
				t.Fatalf("step %d: two processes differ about %s", i, id)
			}
			if !ok {
				continue
			}
			for letter, multibase := range keys {
				if key.DID != "did:key:"+multibase {
					continue
				}
				if letter == "M" || refused[letter] || !strings.Contains(" "+last+" ", " "+id+"="+letter+" ") {
					t.Fatalf("step %d: %s=%s counts while the host has %q and these are refused: %v", i, id, letter, last, refused)
				}
			}
		}
	}
}

func BenchmarkImageKey(b *testing.B) {
	d := newMesh(b).replica(b, 1)
	d.Round(b.Context())
	image, now, id := d.Image(), time.Now(), alice+"#k1"
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := image.Key(id, now); !ok {
				b.Fatal("the key is unknown")
			}
		}
	})
}
