package approval

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

// onEveryStore runs a test on memory and on an embedded NATS server.
func onEveryStore(t *testing.T, test func(*testing.T, store.Bucket)) {
	for name, open := range map[string]func(*testing.T) store.Store{
		"memory": func(*testing.T) store.Store { return store.NewMemory(time.Now) },
		"nats": func(t *testing.T) store.Store {
			s, err := store.OpenNATS(t.Context(), store.NATSConfig{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() { s.Close() })
			bucket, err := s.Bucket(t.Context(), BucketName)
			if err != nil {
				t.Fatal(err)
			}
			test(t, bucket)
		})
	}
}

// TestRacingConsumers holds that of all who ask at the same time in two processes exactly one may go on.
func TestRacingConsumers(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, bucket store.Bucket) {
		d := newDesk(t, bucket)
		ledgers := []*Ledger{d.open(), d.open()}
		const rounds, askers = 5, 8
		for round := range rounds {
			c := payment(t, fmt.Sprint("round ", round))
			first := d.grants(ledgers[0], d.asks(ledgers[1], c))
			var wins, waiting atomic.Int32
			var asking sync.WaitGroup
			for n := range askers {
				asking.Go(func() {
					a, err := ledgers[n%2].Ask(context.Background(), c, d.now())
					switch {
					case err != nil:
						t.Errorf("Ask() = %v", err)
					case a.Granted && a.ID == first.ID && a.State == Consumed:
						wins.Add(1)
					// The second process may not have heard of the votes yet.
					case !a.Granted && a.State == Pending && (a.ID != first.ID || n%2 == 1):
						waiting.Add(1)
					default:
						t.Errorf("it is %+v", a)
					}
				})
			}
			asking.Wait()
			if wins.Load() != 1 || waiting.Load() != askers-1 {
				t.Errorf("%d went on and %d wait, of %d", wins.Load(), waiting.Load(), askers)
			}
		}
	})
}

// together is a bucket whose first readers go on when all of them have read, so that what they write next meets.
type together struct {
	store.Bucket
	left atomic.Int32
	all  chan struct{}
}

func (b *together) expect(n int32) {
	b.all = make(chan struct{})
	b.left.Store(n)
}

func (b *together) Get(ctx context.Context, key string) (store.Entry, error) {
	entry, err := b.Bucket.Get(ctx, key)
	switch left := b.left.Add(-1); {
	case left == 0:
		close(b.all)
	case left > 0:
		<-b.all
	}
	return entry, err
}

// TestConsumersThatMeet has all consumers read the grant before any of them uses it, and all approvers the case before any
// of them votes.
func TestConsumersThatMeet(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, bucket store.Bucket) {
		const consumers = 6
		meeting := &together{Bucket: bucket}
		d := newDesk(t, meeting)
		ledgers := []*Ledger{d.open(), d.open()}
		c := payment(t, "a")
		first := d.asks(ledgers[0], c)
		ballots := []Ballot{d.ballot("ada", first, Approve), d.ballot("bob", first, Approve)}
		meeting.expect(2)
		var acting sync.WaitGroup
		for n, b := range ballots {
			acting.Go(func() {
				if _, err := ledgers[n].Decide(context.Background(), first.ID, b, d.now()); err != nil {
					t.Errorf("Decide() = %v", err)
				}
			})
		}
		acting.Wait()
		if a, err := ledgers[0].Get(t.Context(), first.ID, d.now()); err != nil || a.State != Granted || len(a.Votes) != 2 {
			t.Fatalf("after two votes that met: %+v, %v", a, err)
		}
		for _, l := range ledgers {
			settled(t, d, l)
		}
		meeting.expect(consumers)
		var wins atomic.Int32
		for n := range consumers {
			acting.Go(func() {
				a, err := ledgers[n%2].Ask(context.Background(), c, d.now())
				if err != nil {
					t.Errorf("Ask() = %v", err)
				}
				if a.Granted {
					wins.Add(1)
				}
			})
		}
		acting.Wait()
		if wins.Load() != 1 {
			t.Errorf("%d went on", wins.Load())
		}
		// Those who begin anew meet too.
		if _, err := ledgers[0].Cancel(t.Context(), d.asks(ledgers[0], c).ID, "", d.now()); err != nil {
			t.Fatal(err)
		}
		for _, l := range ledgers {
			settled(t, d, l)
		}
		meeting.expect(consumers)
		begun := make([]string, consumers)
		for n := range consumers {
			acting.Go(func() { begun[n] = d.asks(ledgers[n%2], c).ID })
		}
		acting.Wait()
		slices.Sort(begun)
		if begun = slices.Compact(begun); len(begun) != 1 || begun[0] == first.ID {
			t.Errorf("there began %v", begun)
		}
	})
}

// TestRacingBegin holds that a case begins once, however many ask about it first.
func TestRacingBegin(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, bucket store.Bucket) {
		d := newDesk(t, bucket)
		ledgers := []*Ledger{d.open(), d.open()}
		c := payment(t, "a")
		var mu sync.Mutex
		begun := map[string]bool{}
		var asking sync.WaitGroup
		for n := range 10 {
			asking.Go(func() {
				a := d.asks(ledgers[n%2], c)
				mu.Lock()
				defer mu.Unlock()
				begun[a.ID] = true
			})
		}
		asking.Wait()
		if len(begun) != 1 {
			t.Errorf("it began %d times", len(begun))
		}
	})
}

// TestRacingVotes holds that no vote is lost or counted twice, and that a denial among them ends it.
func TestRacingVotes(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, bucket store.Bucket) {
		d := newDesk(t, bucket)
		ledgers := []*Ledger{d.open(), d.open()}
		for _, test := range []struct {
			name    string
			choices map[string]Choice
			want    State
		}{
			{"two-approve", map[string]Choice{"ada": Approve, "bob": Approve}, Granted},
			{"one-denies", map[string]Choice{"ada": Approve, "bob": Deny}, Denied},
			{"all-deny", map[string]Choice{"ada": Deny, "bob": Deny, "cyd": Deny}, Denied},
		} {
			c := payment(t, test.name)
			asked := d.asks(ledgers[0], c)
			var voting sync.WaitGroup
			for name, choice := range test.choices {
				b := d.ballot(name, asked, choice)
				for _, l := range ledgers {
					voting.Go(func() {
						if _, err := l.Decide(context.Background(), asked.ID, b, d.now()); err != nil && !errors.Is(err, ErrEnded) {
							t.Errorf("%s: %v", name, err)
						}
					})
				}
			}
			voting.Wait()
			a, err := ledgers[1].Get(t.Context(), asked.ID, d.now())
			if err != nil || a.State != test.want {
				t.Errorf("%s: it is %s, %v", test.name, a.State, err)
			}
			counted := map[string]int{}
			for _, v := range a.Votes {
				counted[v.Approver]++
			}
			for name, n := range counted {
				if n > 1 {
					t.Errorf("%s: %s counts %d times", test.name, name, n)
				}
			}
		}
	})
}

// TestFloodIsBounded holds that the bound is exact among calls that begin at the same time in one process.
func TestFloodIsBounded(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open(func(c *Config) { c.Pending = 5 })
	var begun atomic.Int32
	var asking sync.WaitGroup
	for n := range 40 {
		c := payment(t, fmt.Sprint(n))
		asking.Go(func() {
			switch _, err := l.Ask(context.Background(), c, d.now()); {
			case err == nil:
				begun.Add(1)
			case !errors.Is(err, ErrTooMany):
				t.Errorf("Ask() = %v", err)
			}
		})
	}
	asking.Wait()
	if begun.Load() != 5 {
		t.Errorf("%d began, where 5 may", begun.Load())
	}
}

// TestRestartBetweenSteps holds that a process can end after every step: what it did is known, and nothing else.
func TestRestartBetweenSteps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := payment(t, "a")
	var first, now Approval
	process := func(step func(*desk, *Ledger)) {
		t.Helper()
		s, err := store.OpenNATS(t.Context(), store.NATSConfig{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		bucket, err := s.Bucket(t.Context(), BucketName)
		if err != nil {
			t.Fatal(err)
		}
		d := newDesk(t, bucket)
		l := d.open()
		defer l.Close()
		step(d, l)
	}
	process(func(d *desk, l *Ledger) { first = d.asks(l, c) })
	process(func(d *desk, l *Ledger) { now = d.asks(l, c) })
	if now.ID != first.ID || now.State != Pending {
		t.Fatalf("after the first start: %+v", now)
	}
	for _, name := range []string{"ada", "bob"} {
		process(func(d *desk, l *Ledger) {
			if _, err := d.votes(l, name, first, Approve); err != nil {
				t.Fatal(err)
			}
		})
	}
	process(func(d *desk, l *Ledger) { now = d.asks(l, c) })
	if !now.Granted || now.ID != first.ID {
		t.Fatalf("after the votes: %+v", now)
	}
	process(func(d *desk, l *Ledger) { now = d.asks(l, c) })
	if now.Granted || now.State != Pending || now.ID == first.ID {
		t.Fatalf("after it was used: %+v", now)
	}
	process(func(d *desk, l *Ledger) {
		if old, err := l.Get(t.Context(), first.ID, d.now()); err != nil || old.State != Consumed {
			t.Errorf("the old one: %s, %v", old.State, err)
		}
	})
}
