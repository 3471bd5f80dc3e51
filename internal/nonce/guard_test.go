package nonce

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/store"
)

// step is one use of a nonce by one of two processes.
type step struct {
	name    string
	process int
	id      string
	created time.Duration // from noon
	at      time.Duration // from noon
	want    string
}

func TestAcrossProcesses(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	processes := []*Guard{m.start(t), m.start(t)}
	for _, s := range []step{
		{"first", 0, "a", 1 * time.Second, 1 * time.Second, "ok"},
		{"again-here", 0, "a", 1 * time.Second, 1 * time.Second, "replayed"},
		{"again-there", 1, "a", 1 * time.Second, 2 * time.Second, "replayed"},
		{"other-nonce-there", 1, "b", 1 * time.Second, 2 * time.Second, "ok"},
		{"other-nonce-here", 0, "b", 1 * time.Second, 2 * time.Second, "replayed"},
		{"at-expiry-there", 1, "a", 1 * time.Second, 61 * time.Second, "replayed"},
		{"ahead-of-the-clock", 0, "c", 70 * time.Second, 61 * time.Second, "ok"},
		{"ahead-of-the-clock-there", 1, "c", 70 * time.Second, 61 * time.Second, "replayed"},
		{"no-longer-ahead-there", 1, "c", 70 * time.Second, 75 * time.Second, "replayed"},
		{"made-in-the-second-of-the-start", 0, "d", 0, 1 * time.Second, "before-boot"},
		{"expired", 0, "a", 1 * time.Second, 90 * time.Second, "expired"},
	} {
		m.set(noon.Add(s.at))
		if got := outcome(processes[s.process].Use(t.Context(), proof(s.id, noon.Add(s.created)), m.now)); got != s.want {
			t.Errorf("%s: got %s, want %s", s.name, got, s.want)
		}
	}
}

// What was used between the beginning of the local memory and that of the guard cannot be told either.
func TestOpenFences(t *testing.T) {
	t.Parallel()
	opened := noon.Add(5 * time.Second)
	g, err := Open(t.Context(), Config{Local: identity.NewReplay(noon, 10)}, opened)
	if err != nil {
		t.Fatal(err)
	}
	for created, want := range map[time.Duration]string{time.Second: "before-boot", 5 * time.Second: "before-boot", 6 * time.Second: "ok"} {
		if got := outcome(g.Use(t.Context(), proof("a", noon.Add(created)), opened)); got != want {
			t.Errorf("made after %s: got %s, want %s", created, got, want)
		}
	}
}

// Other keys have nonces of their own, also where the two run into each other.
func TestKeysHaveTheirOwnNonces(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	g := m.start(t)
	m.set(noon.Add(time.Second))
	for i, pair := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"", "abc"}, {"a", "b"}} {
		p := proof(pair[1], m.now)
		p.Key = pair[0]
		if got := outcome(g.Use(t.Context(), p, m.now)); got != "ok" {
			t.Errorf("pair %d: got %s", i, got)
		}
	}
}

// A process that is killed forgets. Its successor refuses what it cannot know, and finds the rest.
func TestRestart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		shared, ahead bool
		created       time.Duration // from noon
		used, again   time.Duration // from noon; the process is killed in between, at 5 s
		want          string
	}{
		{"made-before", false, true, 2 * time.Second, 2 * time.Second, 6 * time.Second, "before-boot"},
		{"made-in-that-second", false, true, 5 * time.Second, 5 * time.Second, 5 * time.Second, "before-boot"},
		{"ahead-of-the-clock", false, true, 12 * time.Second, 2 * time.Second, 6 * time.Second, "replayed"},
		{"no-longer-ahead", false, true, 12 * time.Second, 2 * time.Second, 20 * time.Second, "replayed"},
		{"ahead-until-expiry", false, true, 12 * time.Second, 2 * time.Second, 72 * time.Second, "replayed"},
		{"ahead-in-the-shared-memory-alone", true, false, 12 * time.Second, 2 * time.Second, 20 * time.Second, "replayed"},
		{"ahead-in-both", true, true, 12 * time.Second, 2 * time.Second, 20 * time.Second, "replayed"},
		// Without either memory nothing could know: it is they who catch it.
		{"ahead-without-memory", false, false, 12 * time.Second, 2 * time.Second, 20 * time.Second, "ok"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t)
			var config Config
			if tt.shared {
				config.Shared = m.shared
			}
			if tt.ahead {
				config.Ahead = m.ahead
			}
			p := proof("a", noon.Add(tt.created))
			first := m.open(t, config)
			m.set(noon.Add(tt.used))
			if got := outcome(first.Use(t.Context(), p, m.now)); got != "ok" {
				t.Fatalf("the first use: got %s", got)
			}
			m.set(noon.Add(5 * time.Second))
			second := m.open(t, config)
			m.set(noon.Add(tt.again))
			if got := outcome(second.Use(t.Context(), p, m.now)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := outcome(second.Use(t.Context(), proof("b", m.now.Add(time.Second)), m.now)); got != "ok" {
				t.Errorf("a new nonce: got %s", got)
			}
		})
	}
}

// What the shared memory forgot is refused by every process, and it is exact again from then on.
func TestSharedMemoryLost(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	here, there := m.start(t), m.start(t)
	use := func(step string, g *Guard, p identity.Proof, want string) {
		t.Helper()
		if got := outcome(g.Use(t.Context(), p, m.now)); got != want {
			t.Errorf("%s: got %s, want %s", step, got, want)
		}
	}
	m.set(noon.Add(30 * time.Second))
	early, ahead := proof("early", m.now), proof("ahead", m.now.Add(9*time.Second))
	use("before", here, early, "ok")
	use("ahead of the clock, before", here, ahead, "ok")
	m.lose(t)
	m.set(m.now.Add(time.Second))
	use("what was used there", there, early, "before-boot")
	use("what was ahead then", there, ahead, "replayed")
	fresh := proof("fresh", m.now.Add(2*time.Second))
	m.set(m.now.Add(2 * time.Second))
	use("made after the loss was noticed", there, fresh, "ok")
	// This process notices only now, so it cannot tell what others accepted up to this moment.
	use("elsewhere", here, fresh, "replayed")
	m.set(m.now.Add(20 * time.Second))
	use("what was ahead then, later", there, ahead, "replayed")
	last := proof("last", m.now)
	use("both know of the loss, the one", there, last, "ok")
	use("both know of the loss, the other", here, last, "replayed")
	use("a new one at the one that noticed late", here, proof("later", m.now.Add(time.Second)), "ok")
}

// Of a loss that happens while a process is idle it learns too.
func TestSharedMemoryLostUnnoticed(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	busy, idle := m.start(t), m.start(t)
	m.set(noon.Add(10 * time.Second))
	p := proof("a", m.now)
	if got := outcome(busy.Use(t.Context(), p, m.now)); got != "ok" {
		t.Fatal(got)
	}
	m.lose(t)
	m.set(m.now.Add(time.Second))
	for i := range 100 {
		_ = busy.Use(t.Context(), proof(fmt.Sprint(i), m.now.Add(time.Second)), m.now)
	}
	if got := outcome(idle.Use(t.Context(), p, m.now)); got != "before-boot" {
		t.Errorf("got %s, want before-boot", got)
	}
}

// When the store does not answer, nobody can tell; the nonce counts as used.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	down := fmt.Errorf("writing: %w", store.ErrUnavailable)
	for name, tt := range map[string]struct {
		shared, ahead broken
		created       time.Duration // from the use
	}{
		"shared":               {shared: broken{create: down}},
		"epoch":                {shared: broken{get: down}},
		"ahead":                {ahead: broken{create: down}, created: 5 * time.Second},
		"ahead-after-the-boot": {ahead: broken{get: down}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t)
			shared, ahead := &broken{Bucket: m.shared}, &broken{Bucket: m.ahead}
			g := m.open(t, Config{Shared: shared, Ahead: ahead})
			shared.get, shared.create = tt.shared.get, tt.shared.create
			ahead.get, ahead.create = tt.ahead.get, tt.ahead.create
			m.set(noon.Add(time.Second))
			p := proof("a", m.now.Add(tt.created))
			if got := outcome(g.Use(t.Context(), p, m.now)); got != "undecided" {
				t.Errorf("got %s, want undecided", got)
			}
			shared.get, shared.create, ahead.get, ahead.create = nil, nil, nil, nil
			if got := outcome(g.Use(t.Context(), p, m.now)); got != "replayed" {
				t.Errorf("once the store is back: got %s, want replayed", got)
			}
		})
	}
	m := newMesh(t)
	config := Config{Local: identity.NewReplay(noon, 10), Shared: &broken{Bucket: m.shared, get: down}}
	if g, err := Open(t.Context(), config, noon); err == nil {
		t.Errorf("Open() = %v without the store", g)
	}
}

// A store that never answers costs a request no more than the timeout.
func TestStoreHangs(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]time.Duration{"default": DefaultTimeout, "configured": time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				config := Config{Ahead: &broken{hangs: true}, Local: identity.NewReplay(noon, 10)}
				if want != DefaultTimeout {
					config.Timeout = want
				}
				g, err := Open(t.Context(), config, noon)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				if got := outcome(g.Use(t.Context(), proof("a", noon.Add(time.Second)), noon.Add(time.Second))); got != "undecided" {
					t.Errorf("got %s, want undecided", got)
				}
				if took := time.Since(start); took != want {
					t.Errorf("it took %s, want %s", took, want)
				}
			})
		})
	}
}

// The store learns neither keys nor nonces.
func TestNamesTellNothing(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	g := m.start(t)
	m.set(noon.Add(time.Second))
	p := proof("secret-nonce", m.now.Add(time.Second))
	p.Key = "secret-key"
	if err := g.Use(t.Context(), p, m.now); err != nil {
		t.Fatal(err)
	}
	for _, b := range []store.Bucket{*m.shared.inner.Load(), m.ahead} {
		ctx, cancel := context.WithCancel(t.Context())
		events, err := b.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for event := range events {
			if event.Synced {
				break
			}
			if text := event.Key + string(event.Value); strings.Contains(text, "secret") || event.Key != epochKey && len(event.Key) != 43 {
				t.Errorf("the store holds %q", text)
			}
		}
		cancel()
	}
}

// Law: of many uses of one nonce at once, over two processes, exactly one wins.
func race(t *testing.T, processes []*Guard, now time.Time) {
	t.Helper()
	const nonces, each = 50, 4
	var wins [nonces]atomic.Int32
	var group sync.WaitGroup
	for _, g := range processes {
		for range each {
			group.Go(func() {
				for n := range nonces {
					switch got := outcome(g.Use(t.Context(), proof(fmt.Sprint(n), now), now)); got {
					case "ok":
						wins[n].Add(1)
					case "replayed":
					default:
						t.Errorf("nonce %d: %s", n, got)
					}
				}
			})
		}
	}
	group.Wait()
	for n := range wins {
		if got := wins[n].Load(); got != 1 {
			t.Errorf("nonce %d counted %d times, want 1", n, got)
		}
	}
}

func TestRace(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	processes := []*Guard{m.start(t), m.start(t)}
	m.set(noon.Add(time.Second))
	race(t, processes, m.now)
}

// Law: whatever is killed, started and lost, no proof counts twice as long as it is valid.
func TestNothingCountsTwice(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		m := newMesh(t)
		processes := []*Guard{m.start(t), m.start(t), m.start(t)}
		accepted := map[identity.Proof]bool{}
		var known []identity.Proof
		for range 3000 {
			m.set(m.now.Add(time.Duration(random.IntN(400)) * time.Millisecond))
			switch random.IntN(60) {
			case 0:
				processes[random.IntN(3)] = m.start(t)
				continue
			case 1:
				m.lose(t)
				continue
			}
			p := proof(fmt.Sprint(random.IntN(1<<30)), m.now.Add(time.Duration(random.IntN(70)-60)*time.Second).Add(time.Second))
			if len(known) > 0 && random.IntN(2) == 0 {
				p = known[max(0, len(known)-1-random.IntN(60))]
			}
			if p.Expires.Before(m.now) || p.Created.After(m.now.Add(skew)) {
				continue // what identity.Verify refuses
			}
			known = append(known, p)
			err := processes[random.IntN(3)].Use(t.Context(), p, m.now)
			if outcome(err) == "undecided" {
				t.Fatal(err)
			}
			if err == nil && accepted[p] {
				t.Fatalf("seed %d: a proof made at %s counted twice, at %s again", seed, p.Created, m.now)
			}
			if err == nil {
				accepted[p] = true
			}
		}
		if len(accepted) < 100 {
			t.Errorf("seed %d: only %d proofs counted at all", seed, len(accepted))
		}
	}
}
