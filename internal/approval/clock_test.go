package approval

import (
	"errors"
	"testing"
	"time"
)

// TestClockJumps sets the clock forth and back, and holds that nothing that was over comes back to life, and that nothing
// lives longer than its time but for MaxSkew.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// then is where the clock is when somebody looks, and by what; back is where it is at last.
		then    time.Duration
		looks   func(*testing.T, *desk, *Ledger, Approval)
		back    time.Duration
		goesOn  bool
		restart bool
	}{
		{"stays", 0, nil, 0, true, false},
		{"a-little-forth", hour - time.Second, nil, hour - time.Second, true, false},
		{"forth-to-the-end", hour, nil, hour, false, false},
		{"far-forth", 1000 * hour, nil, 1000 * hour, false, false},
		{"a-little-back", 0, nil, -MaxSkew + time.Second, true, false},
		{"far-back", 0, nil, -hour, false, false},
		{"far-back-and-restart", 0, nil, -hour, false, true},
		{"years-back", 0, nil, -10000 * hour, false, false},
		{"noted-by-sweep", hour, func(t *testing.T, d *desk, l *Ledger, _ Approval) { l.Sweep(t.Context(), d.now()) }, 0, false, false},
		{"noted-by-sweep-and-restart", hour, func(t *testing.T, d *desk, l *Ledger, _ Approval) { l.Sweep(t.Context(), d.now()) }, 0, false, true},
		{"noted-by-vote", hour, func(t *testing.T, d *desk, l *Ledger, a Approval) {
			if _, err := d.votes(l, "cyd", a, Deny); !errors.Is(err, ErrEnded) {
				t.Errorf("a vote after its time: %v", err)
			}
		}, 0, false, false},
		{"noted-by-ask", 2 * hour, func(t *testing.T, d *desk, l *Ledger, _ Approval) { d.asks(l, payment(t, "a")) }, 0, false, false},
		{"only-looked-at", hour, func(t *testing.T, d *desk, l *Ledger, a Approval) {
			if a, err := l.Get(t.Context(), a.ID, d.now()); err != nil || a.State != Expired {
				t.Errorf("after its time it is %s, %v", a.State, err)
			}
		}, hour, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, nil)
			l := d.open()
			first := d.grants(l, d.asks(l, payment(t, "a")))
			d.set(noon.Add(test.then))
			if test.looks != nil {
				test.looks(t, d, l, first)
			}
			d.set(noon.Add(test.back))
			if test.restart {
				l.Close()
				l = d.open()
			}
			a := d.asks(l, payment(t, "a"))
			if a.Granted != test.goesOn {
				t.Errorf("it goes on: %t, and is %s", a.Granted, a.State)
			}
			if !a.Granted && (a.State != Pending || a.ID == first.ID && test.then > 0) {
				t.Errorf("it is %s", a.State)
			}
		})
	}
}

// TestVotesAfterJumps holds that a vote counts at no earlier time than what was there before it.
func TestVotesAfterJumps(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open()
	first := d.asks(l, payment(t, "a"))
	d.add(10 * time.Minute)
	if _, err := d.votes(l, "ada", first, Approve); err != nil {
		t.Fatal(err)
	}
	d.add(-30 * time.Second)
	a, err := d.votes(l, "bob", first, Approve)
	if err != nil || a.State != Granted || !a.Votes[1].At.Equal(a.Votes[0].At) {
		t.Fatalf("a vote a little earlier: %+v, %v", a, err)
	}
	d.add(-time.Minute)
	if _, err := d.votes(l, "cyd", first, Deny); !errors.Is(err, ErrEnded) {
		t.Errorf("a vote long before: %v", err)
	}
	if a, err := l.Get(t.Context(), first.ID, noon.Add(10*time.Minute)); err != nil || a.State != Expired {
		t.Errorf("with the clock back where it was, it is %s, %v", a.State, err)
	}
}
