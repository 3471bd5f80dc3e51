package callback_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/callback"
)

const hook = "https://hooks.example.com/"

func TestNamesAreAskedForAsMeant(t *testing.T) {
	t.Parallel()
	resolver := world()
	word(t, compile(t, func(c *callback.Config) { c.Resolver = resolver }), hook)
	word(t, compile(t, func(c *callback.Config) { c.Resolver, c.Allow = resolver, []string{"intranet"} }), "https://intranet/")
	if diff := cmp.Diff([]string{"hooks.example.com.", "intranet"}, resolver.asked); diff != "" {
		t.Errorf("names asked for (-want +got)\n%s", diff)
	}
}

func TestAnswersAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		resolver := world()
		p := compile(t, func(c *callback.Config) { c.Resolver, c.Now = resolver, time.Now })
		for _, step := range []struct {
			raw   string
			after time.Duration
			asked int
		}{
			{hook, 0, 1},
			{"https://hooks.example.com/other", 29 * time.Second, 1},
			{hook, 2 * time.Second, 2},
			{"https://nowhere.example.com/", 0, 3},
			{"https://nowhere.example.com/", 4 * time.Second, 3},
			{"https://nowhere.example.com/", 2 * time.Second, 4},
		} {
			time.Sleep(step.after)
			p.Check(t.Context(), step.raw)
			if got := resolver.count(); got != step.asked {
				t.Errorf("%s: %d names were asked for, want %d", step.raw, got, step.asked)
			}
		}
		resolver.addrs["hooks.example.com"] = []string{"10.0.0.1"}
		time.Sleep(30 * time.Second)
		if got := word(t, p, hook); got != "address" {
			t.Errorf("a name that was pointed elsewhere is %s", got)
		}
	})
}

func TestResolverFails(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		errors.New("server misbehaving at 10.0.0.53"),
		&net.DNSError{Err: "server misbehaving", IsTemporary: true},
		&net.DNSError{Err: "timeout", IsTimeout: true},
	} {
		resolver := world()
		resolver.err = err
		p := compile(t, func(c *callback.Config) { c.Resolver = resolver })
		if got := word(t, p, hook); got != "lookup" {
			t.Errorf("%v: %s, want lookup", err, got)
		}
		resolver.err = nil
		if got := word(t, p, hook); got != "ok" {
			t.Errorf("%v is remembered: %s", err, got)
		}
	}
}

// slow is a resolver that answers when it is released, and knows how many wait.
type slow struct {
	release   chan struct{}
	now, most atomic.Int32
	asked     atomic.Int32
}

func (s *slow) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	s.asked.Add(1)
	most := s.now.Add(1)
	defer s.now.Add(-1)
	for old := s.most.Load(); most > old && !s.most.CompareAndSwap(old, most); old = s.most.Load() {
	}
	select {
	case <-s.release:
		return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestLookUpsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		resolver := &slow{release: make(chan struct{})}
		p := compile(t, func(c *callback.Config) { c.Resolver, c.Now = resolver, time.Now })
		begun := time.Now()
		words := make([]string, 200)
		var checks sync.WaitGroup
		for i := range words {
			checks.Go(func() { words[i] = word(t, p, fmt.Sprintf("https://h%d.example.com/", i)) })
		}
		checks.Wait()
		if i := slices.IndexFunc(words, func(w string) bool { return w != "lookup" }); i >= 0 {
			t.Errorf("a look-up without an answer is %s", words[i])
		}
		if most := resolver.most.Load(); most > 32 {
			t.Errorf("%d look-ups at once, want 32 at most", most)
		}
		if took := time.Since(begun); took > 700*time.Millisecond {
			t.Errorf("the last answer took %v, want 700ms at most", took)
		}
	})
}

func TestOneLookUpForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		resolver := &slow{release: make(chan struct{})}
		p := compile(t, func(c *callback.Config) { c.Resolver, c.Now = resolver, time.Now })
		impatient, leave := context.WithCancel(t.Context())
		var checks sync.WaitGroup
		checks.Go(func() {
			if refusal := p.Check(impatient, hook); refusal == nil || refusal.Reason != callback.Overloaded {
				t.Errorf("a caller that left got %v", refusal)
			}
		})
		synctest.Wait() // the look-up is the impatient caller's
		for range 10 {
			checks.Go(func() {
				if got := word(t, p, hook); got != "ok" {
					t.Errorf("a waiting caller got %s", got)
				}
			})
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		close(resolver.release)
		checks.Wait()
		if got := resolver.asked.Load(); got != 1 {
			t.Errorf("the resolver was asked %d times for one name", got)
		}
	})
}

// TestManyNames shows that remembering answers takes bounded memory and stays right.
func TestManyNames(t *testing.T) {
	t.Parallel()
	resolver := &slow{release: make(chan struct{})}
	close(resolver.release)
	p := compile(t, func(c *callback.Config) { c.Resolver = resolver })
	for i := range 3000 {
		if got := word(t, p, fmt.Sprintf("https://h%d.example.com/", i)); got != "ok" {
			t.Fatalf("name %d is %s", i, got)
		}
	}
	if got := callback.Remembered(p); got == 0 || got > 1024 {
		t.Errorf("%d answers are remembered, want 1024 at most", got)
	}
}
