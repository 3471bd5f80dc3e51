package identity

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// use takes the nonce at now with a signature made at now that lives a minute.
func use(r *Replay, key, nonce string, now time.Time) string {
	return reasonOf(r.Use(context.Background(), Proof{Key: key, Nonce: nonce, Created: now, Expires: now.Add(time.Minute)}, now))
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return err.(*Refusal).Reason.String()
}

func TestReplayUse(t *testing.T) {
	t.Parallel()
	r := NewReplay(noon.Add(-time.Second), 100)
	steps := []struct {
		name, key, nonce string
		after            time.Duration
		want             string
	}{
		{"first", "a", "1", 0, ""},
		{"again", "a", "1", 0, "replayed"},
		{"other-nonce", "a", "2", 0, ""},
		{"other-key", "b", "1", 0, ""},
		{"same-concatenation", "a1", "", 0, ""},
		{"same-concatenation-again", "", "a1", 0, ""},
		{"later", "a", "1", 30 * time.Second, "replayed"},
		{"at-expiry", "a", "1", 60 * time.Second, "replayed"},
		{"within-margin", "a", "1", 70 * time.Second, "replayed"},
		{"forgotten", "a", "1", 90 * time.Second, ""},
		{"remembered-anew", "a", "1", 90 * time.Second, "replayed"},
	}
	for _, s := range steps {
		if got := use(r, s.key, s.nonce, noon.Add(s.after)); got != s.want {
			t.Errorf("%s: got %q, want %q", s.name, got, s.want)
		}
	}
}

// The keyid is inside the signature, so another spelling of it fails to verify. The memory does not rely on
// that: it goes by the key.
func TestReplayUnderAnotherSpelling(t *testing.T) {
	t.Parallel()
	r := NewReplay(noon.Add(-time.Second), 10)
	for i, id := range names(alice).IDs() {
		m := sample()
		d := newDraft(m)
		d.params = fmt.Sprintf(`;created=%d;expires=%d;nonce="%s";keyid="%s";tag="a2a-agent"`,
			noon.Unix(), noon.Unix()+60, sampleNonce, id)
		proof, err := Verify(d.apply(m), keyring{}, noon)
		if err != nil {
			t.Fatal(err)
		}
		want := "replayed"
		if i == 0 {
			want = ""
		}
		if got := reasonOf(r.Use(t.Context(), proof, noon)); got != want {
			t.Errorf("nonce under keyid %s: got %q, want %q", id, got, want)
		}
	}
}

func TestReplayBootFence(t *testing.T) {
	t.Parallel()
	boot := noon.Add(700 * time.Millisecond)
	tests := []struct {
		name    string
		created time.Time
		want    string
	}{
		{"second-before", noon.Add(-time.Second), "before-boot"},
		{"same-second", noon, "before-boot"},
		{"after", noon.Add(time.Second), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := reasonOf(NewReplay(boot, 1).Use(t.Context(), Proof{Key: "a", Nonce: "1", Created: tt.created, Expires: tt.created.Add(time.Minute)}, boot))
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReplayFence(t *testing.T) {
	t.Parallel()
	r := NewReplay(noon.Add(-time.Hour), 10)
	if got := use(r, "a", "1", noon); got != "" {
		t.Fatalf("before the fence: got %q", got)
	}
	r.Fence(noon.Add(500 * time.Millisecond))
	r.Fence(noon.Add(-time.Minute))
	for after, want := range map[time.Duration]string{0: "before-boot", time.Second: ""} {
		if got := use(r, "a", "2", noon.Add(after)); got != want {
			t.Errorf("made %s after the fence: got %q, want %q", after, got, want)
		}
	}
	if got := r.Fenced(); !got.Equal(noon) {
		t.Errorf("the fence is at %s, want the last second that is refused, %s", got, noon)
	}
}

// A token that counts once lives for hours. Its nonce is remembered as long, and so are those of signatures meanwhile.
func TestReplayLongLives(t *testing.T) {
	t.Parallel()
	for _, life := range []time.Duration{90 * time.Second, 10 * time.Minute, time.Hour, 24*time.Hour + 10*time.Second} {
		t.Run(life.String(), func(t *testing.T) {
			t.Parallel()
			r := NewReplay(noon.Add(-time.Second), 1000)
			token := Proof{Key: "issuer", Nonce: "id", Created: noon, Expires: noon.Add(life)}
			if err := r.Use(t.Context(), token, noon); err != nil {
				t.Fatal(err)
			}
			for after := time.Duration(0); after <= life; after += max(life/50, time.Second) {
				if got := reasonOf(r.Use(t.Context(), token, noon.Add(after))); got != "replayed" {
					t.Fatalf("after %s: got %q, want replayed", after, got)
				}
				if got := use(r, "a", after.String(), noon.Add(after)); got != "" {
					t.Fatalf("a signature after %s: got %q", after, got)
				}
			}
			end := noon.Add(life + time.Duration(replayMargin+farWidth)*time.Second)
			if got := reasonOf(r.Use(t.Context(), token, end)); got != "expired" {
				t.Errorf("after its life: got %q, want expired", got)
			}
			r.sweep(end.Add(time.Hour))
			if got := r.entries.Load(); got != 0 {
				t.Errorf("%d entries are left when all have expired", got)
			}
		})
	}
	if got := reasonOf(NewReplay(noon.Add(-time.Second), 1).Use(t.Context(),
		Proof{Key: "a", Nonce: "1", Created: noon, Expires: noon.Add(MaxRemembered)}, noon)); got != "" {
		t.Errorf("the longest life: got %q", got)
	}
}

func TestReplayFull(t *testing.T) {
	t.Parallel()
	const capacity = 100
	r := NewReplay(noon.Add(-time.Second), capacity)
	for i := range capacity {
		if got := use(r, "a", fmt.Sprint(i), noon); got != "" {
			t.Fatalf("nonce %d of %d: got %q", i, capacity, got)
		}
	}
	if got := use(r, "a", "more", noon); got != "overloaded" {
		t.Errorf("a nonce beyond capacity: got %q, want overloaded", got)
	}
	if got := use(r, "a", "0", noon); got != "replayed" {
		t.Errorf("a replay when full: got %q, want replayed", got)
	}
	for i := range capacity {
		if got := use(r, "b", fmt.Sprint(i), noon.Add(90*time.Second)); got != "" {
			t.Fatalf("after all expired, nonce %d: got %q, want room", i, got)
		}
	}
	if got := use(r, "b", "more", noon.Add(90*time.Second)); got != "overloaded" {
		t.Errorf("a nonce beyond capacity, later: got %q, want overloaded", got)
	}
	if got := use(new(Replay), "a", "1", noon); got != "overloaded" {
		t.Errorf("the zero memory: got %q, want overloaded", got)
	}
}

// Law: while the clock goes on, or back, no nonce is accepted twice before its signature has expired.
func TestReplayNeverAcceptsTwice(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	r := NewReplay(noon.Add(-time.Hour), 1<<20)
	accepted := map[string]time.Time{}
	now := noon
	for range 200_000 {
		now = now.Add(time.Duration(random.IntN(2000)-900) * time.Millisecond)
		nonce := fmt.Sprint(random.IntN(300))
		created := now.Add(time.Duration(random.IntN(71)-60) * time.Second).Truncate(time.Second)
		expires := created.Add(time.Duration(1+random.IntN(60)) * time.Second)
		if random.IntN(50) == 0 {
			expires = created.Add(time.Duration(random.Int64N(int64(24 * time.Hour))).Truncate(time.Second))
		}
		if random.IntN(5000) == 0 {
			now = now.Add(time.Duration(random.Int64N(int64(20 * time.Hour))))
		}
		if expires.Before(now) {
			continue
		}
		if r.Use(context.Background(), Proof{Key: "a", Nonce: nonce, Created: created, Expires: expires}, now) != nil {
			continue
		}
		if until, ok := accepted[nonce]; ok && !now.After(until) {
			t.Fatalf("nonce %s was accepted again at %s, before %s", nonce, now, until)
		}
		accepted[nonce] = expires
	}
	if len(accepted) != 300 {
		t.Errorf("%d of 300 nonces were ever accepted", len(accepted))
	}
}

func TestReplayClock(t *testing.T) {
	t.Parallel()
	r := NewReplay(time.Unix(-100, 0), 10)
	if got := use(r, "a", "1", time.Unix(-50, 0)); got != "" {
		t.Errorf("before 1970: got %q, want room", got)
	}
	if got := reasonOf(r.Use(t.Context(), Proof{Key: "a", Nonce: "1", Created: noon, Expires: noon.Add(26 * time.Hour)}, noon)); got != "malformed" {
		t.Errorf("a signature beyond the horizon: got %q, want malformed", got)
	}
}

// Law: what a jump of the clock made the memory forget is refused once the clock is back.
func TestReplayClockBack(t *testing.T) {
	t.Parallel()
	r := NewReplay(noon.Add(-time.Second), 10_000)
	const nonces = 300
	for i := range nonces {
		if got := use(r, "a", fmt.Sprint(i), noon); got != "" {
			t.Fatalf("nonce %d: got %q", i, got)
		}
	}
	for i := range nonces {
		if got := use(r, "b", fmt.Sprint(i), noon.Add(time.Hour)); got != "" {
			t.Fatalf("nonce %d after the jump: got %q", i, got)
		}
	}
	for i := range nonces {
		if got := use(r, "a", fmt.Sprint(i), noon); got != "expired" && got != "replayed" {
			t.Errorf("nonce %d after the jump back: got %q, want a refusal", i, got)
		}
	}
}

func TestReplayConcurrently(t *testing.T) {
	t.Parallel()
	const goroutines, nonces = 16, 200
	r := NewReplay(noon.Add(-time.Second), 1000)
	var wins [nonces]atomic.Int32
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range nonces {
				n := (i + g) % nonces
				// Half of them see the next bucket begin meanwhile.
				if use(r, "a", fmt.Sprint(n), noon.Add(time.Duration(g%2*10)*time.Second)) == "" {
					wins[n].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for n := range wins {
		if got := wins[n].Load(); got != 1 {
			t.Errorf("nonce %d was accepted %d times, want 1", n, got)
		}
	}
	if got := r.entries.Load(); got != nonces {
		t.Errorf("%d entries are counted, want %d", got, nonces)
	}
}
