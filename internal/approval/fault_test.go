package approval

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

// faulty is a bucket of which calls fail, before or after they have done what they were asked.
type faulty struct {
	store.Bucket
	// fails says what comes of the next call: 0 nothing, 1 a failure before, 2 one after it.
	fails func() int
}

func (f *faulty) call(do func() error) error {
	switch f.fails() {
	case 1:
		return store.ErrUnavailable
	case 2:
		_ = do()
		return store.ErrUnavailable
	default:
		return do()
	}
}

func (f *faulty) Get(ctx context.Context, key string) (e store.Entry, err error) {
	err = f.call(func() (err error) { e, err = f.Bucket.Get(ctx, key); return err })
	if err != nil {
		e = store.Entry{}
	}
	return e, err
}

func (f *faulty) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (revision uint64, err error) {
	err = f.call(func() (err error) { revision, err = f.Bucket.Create(ctx, key, value, ttl); return err })
	return revision, err
}

func (f *faulty) CompareAndSet(ctx context.Context, key string, value []byte, at uint64) (revision uint64, err error) {
	err = f.call(func() (err error) { revision, err = f.Bucket.CompareAndSet(ctx, key, value, at); return err })
	return revision, err
}

// TestFailingStore has each call to the store fail, one at a time and both ways, on the whole way of an approval. Whatever
// fails, an error denies, nothing goes on twice, and nothing without the votes it needs.
func TestFailingStore(t *testing.T) {
	t.Parallel()
	for _, how := range []int{1, 2} {
		for at := 0; ; at++ {
			calls, failed := 0, false
			f := &faulty{}
			f.fails = func() int {
				calls++
				if calls-1 == at {
					failed = true
					return how
				}
				return 0
			}
			t.Run(fmt.Sprintf("way-%d-call-%d", how, at), func(t *testing.T) {
				plain := newDesk(t, nil)
				f.Bucket = plain.bucket
				d := newDesk(t, f)
				walkThrough(t, d)
			})
			if !failed {
				break
			}
			if at > 100 {
				t.Fatal("there is no end of calls")
			}
		}
	}
}

// walkThrough asks, has two people approve, and asks on, each step again when it fails.
func walkThrough(t *testing.T, d *desk) {
	t.Helper()
	l, c := d.open(), payment(t, "a")
	asking := func() (a Approval) {
		t.Helper()
		for range 3 {
			var err error
			if a, err = l.Ask(t.Context(), c, d.now()); err == nil {
				return a
			}
			if a.Granted || a.State != "" {
				t.Errorf("an error came with %+v", a)
			}
		}
		t.Fatal("one failure lasts")
		return a
	}
	first := asking()
	for _, name := range []string{"ada", "bob"} {
		if a := asking(); a.Granted {
			t.Fatalf("it goes on before %s has approved", name)
		}
		for range 2 {
			if _, err := d.votes(l, name, first, Approve); err == nil {
				break
			}
		}
	}
	granted := 0
	for range 4 {
		a, err := l.Ask(t.Context(), c, d.now())
		if err != nil && a.Granted {
			t.Errorf("an error came with %+v", a)
		}
		if a.Granted {
			granted++
		}
	}
	// One that was used up in a call whose answer got lost went on for nobody.
	if granted > 1 {
		t.Errorf("it went on %d times", granted)
	}
}

// TestStoreGone holds that nothing goes on without the store.
func TestStoreGone(t *testing.T) {
	t.Parallel()
	memory := store.NewMemory(time.Now)
	bucket, err := memory.Bucket(t.Context(), BucketName)
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, bucket)
	l := d.open()
	a := d.grants(l, d.asks(l, payment(t, "a")))
	b := d.ballot("cyd", a, Deny)
	if err := memory.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Case{"granted": payment(t, "a"), "new": payment(t, "b")} {
		if a, err := l.Ask(t.Context(), c, d.now()); !errors.Is(err, store.ErrUnavailable) || a.Granted {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	if _, err := l.Decide(t.Context(), a.ID, b, d.now()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a vote: %v", err)
	}
	if _, err := l.Get(t.Context(), a.ID, d.now()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("looking: %v", err)
	}
}

// model is an approval as the specification has it: who said what since when, and nothing of how it is stored.
type model struct {
	id       string
	state    State
	asked    time.Time
	approved map[string]bool
}

func (m *model) ask(now time.Time) (goesOn, begins bool) {
	over := !now.Before(m.asked.Add(hour))
	if m.state == Granted && !over {
		m.state = Consumed
		return true, false
	}
	return false, m.state == "" || m.state == Consumed || m.state == Withdrawn || over
}

func (m *model) vote(name string, choice Choice, now time.Time) {
	asked := name == "ada" || name == "bob" || name == "cyd"
	if !asked || !now.Before(m.asked.Add(hour)) {
		return
	}
	switch {
	case choice == Deny && (m.state == Pending || m.state == Granted):
		m.state = Denied
	case choice == Approve && m.state == Pending:
		m.approved[name] = true
		if len(m.approved) >= 2 && m.approved["cyd"] {
			m.state = Granted
		}
	}
}

// TestWalk compares what three ledgers on one store do with the model, over random operations, restarts and jumps of the
// clock ahead.
func TestWalk(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 4))
		d := newDesk(t, nil)
		ledgers := []*Ledger{d.open(), d.open(), d.open()}
		models := map[string]*model{"a": {}, "b": {}}
		for step := range 150 {
			name := []string{"a", "b"}[random.IntN(2)]
			m, l := models[name], ledgers[random.IntN(len(ledgers))]
			settled(t, d, l)
			c := payment(t, name)
			c.Requirements = append(c.Requirements, ask(1, "legal"))
			switch op := random.IntN(12); {
			case op < 4:
				walkAsk(t, d, l, c, m)
			case op < 9 && m.id != "":
				who := []string{"ada", "bob", "cyd", "eve", "guy"}[random.IntN(5)]
				choice := Approve
				if random.IntN(6) == 0 {
					choice = Deny
				}
				_, _ = d.votes(l, who, Approval{ID: m.id, Digest: c.Digest}, choice)
				m.vote(who, choice, d.now())
			case op == 9 && m.id != "":
				if _, err := l.Withdraw(t.Context(), m.id, c.Caller, d.now()); err == nil {
					m.state = Withdrawn
				}
			case op == 10:
				d.add(time.Duration(random.IntN(20)) * time.Minute)
				if random.IntN(2) == 0 {
					l.Sweep(t.Context(), d.now())
				}
			case op == 11:
				n := random.IntN(len(ledgers))
				ledgers[n].Close()
				ledgers[n] = d.open()
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
			if m.id != "" {
				walkCompare(t, d, l, m)
			}
		}
		for _, l := range ledgers {
			l.Close()
		}
	}
}

func walkAsk(t *testing.T, d *desk, l *Ledger, c Case, m *model) {
	t.Helper()
	a := d.asks(l, c)
	goesOn, begins := m.ask(d.now())
	if a.Granted != goesOn {
		t.Fatalf("it goes on: %t, and should: %t", a.Granted, goesOn)
	}
	if begins != (a.ID != m.id) {
		t.Fatalf("it begins anew: %t, and should: %t", a.ID != m.id, begins)
	}
	if begins {
		*m = model{id: a.ID, state: Pending, asked: d.now(), approved: map[string]bool{}}
	}
}

func walkCompare(t *testing.T, d *desk, l *Ledger, m *model) {
	t.Helper()
	a, err := l.Get(t.Context(), m.id, d.now())
	if err != nil {
		t.Fatal(err)
	}
	want := m.state
	if (want == Pending || want == Granted) && !d.now().Before(m.asked.Add(hour)) {
		want = Expired
	}
	if a.State != want {
		t.Fatalf("it is %s, and should be %s", a.State, want)
	}
}
