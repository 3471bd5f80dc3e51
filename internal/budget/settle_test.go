package budget

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	second = int64(time.Second)
	start  = int64(1e18)
)

// TestSettle says what the store counts of a lease, by what the process knows of it.
func TestSettle(t *testing.T) {
	t.Parallel()
	d := Draw{Key: "k", Limit: 10, Per: time.Second, Burst: 20}
	last := lease{Process: "a", Turn: 4, Paid: 3, From: start, Held: 5, End: start + tokenLease}
	other := lease{Process: "b", Turn: 9, Paid: 1, From: start, Held: 2, End: start + tokenLease}
	cases := []struct {
		name string
		// known is the lease that the process believes in, stored what the record has.
		known  lease
		stored []lease
		at     int64
		// want is when all that is owed is given back, in milliseconds after the start; -1 for never owed.
		want    int64
		changed bool
		left    []lease
	}{
		{"what-was-used-counts-when-it-was-used", last, []lease{last}, 500, 250 + 400, true, nil},
		{"after-its-end-too", last, []lease{last}, 5000, 250 + 400, true, nil},
		{"ended-and-gone-it-counted-in-full", last, nil, 1000, -1, false, nil},
		{"lost-by-the-store", last, nil, 999, 250 + 400, true, nil},
		{"never-heard-of-nothing-was-used", lease{}, []lease{last}, 999, -1, true, nil},
		{"forgotten-it-counts-in-full", lease{}, []lease{last}, 1000, 1000 + 500, true, nil},
		{"none", lease{}, nil, 0, -1, false, nil},
		{"those-of-others-stay", lease{}, []lease{other}, 999, -1, false, []lease{other}},
		{"until-they-end", lease{}, []lease{other}, 1000, 1000 + 200, false, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := tokenProposal{process: "a", pace: paceOf(d), now: start + c.at*int64(time.Millisecond), lease: c.known}
			if c.known.Turn != 0 {
				p.paidUsed, p.heldUsed, p.last = 1, 4, start+250*int64(time.Millisecond)
			}
			next, a := p.on(record{Version: recordVersion, Leases: c.stored})
			got := int64(-1)
			if next.Clear > 0 {
				got = (next.Clear - start) / int64(time.Millisecond)
			}
			if got != c.want || a.changed != c.changed {
				t.Errorf("paid back after %d ms, changed %v; want %d, %v", got, a.changed, c.want, c.changed)
			}
			if diff := cmp.Diff(c.left, next.Leases); diff != "" && len(c.left)+len(next.Leases) > 0 {
				t.Error(diff)
			}
		})
	}
}

// TestTokensEnd holds that calls use a lease only in its time, and what is paid for only if they waited for it.
func TestTokensEnd(t *testing.T) {
	t.Parallel()
	var turns atomic.Uint64
	fresh := func(paid, held int64) *tokens {
		s := &tokens{process: "a", turns: &turns}
		s.recorded(answer{now: start, changed: true, lease: lease{Process: "a", Turn: 1, Paid: paid, From: start, Held: held, End: start + second}})
		return s
	}
	cases := []struct {
		name       string
		paid, held int64
		at, now    int64
		ask        bool
	}{
		{"waited", 1, 0, start, start + second, false},
		{"came-later", 1, 0, start + 1, start + 1, true},
		{"held", 0, 1, start + 1, start + second - 1, false},
		{"held-and-ended", 0, 1, start, start + second, true},
		{"nothing", 0, 0, start, start, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := fresh(c.paid, c.held)
			if got := s.look(Draw{}, c.at, c.now); got.ask != c.ask {
				t.Errorf("asks the store: %v", got.ask)
			}
			s.propose(Draw{Limit: 1, Per: 1, Burst: 1}, 1, start)
			if !s.look(Draw{}, c.at, c.now).ask {
				t.Error("what was proposed to give back is used")
			}
		})
	}
}

// TestWait says after how long something is left, when others hold it.
func TestWait(t *testing.T) {
	t.Parallel()
	d := Draw{Key: "k", Limit: 1, Per: time.Second, Burst: 5}
	held := func(n, end int64) lease {
		return lease{Process: string(rune('b' + end)), Turn: 1, Held: n, From: start, End: start + end*second/10}
	}
	cases := []struct {
		name   string
		owed   int64
		leases []lease
		want   time.Duration
	}{
		{"owed", 5, nil, time.Second},
		{"owed-more", 7, nil, 3 * time.Second},
		{"held", 0, []lease{held(5, 5)}, 1500 * time.Millisecond},
		{"held-by-several", 0, []lease{held(2, 9), held(3, 4)}, 1400 * time.Millisecond},
		{"held-and-owed", 3, []lease{held(2, 9)}, time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			owed := debt{}.add(paceOf(d), c.owed, start)
			r := record{Version: recordVersion}.with(start, owed, c.leases)
			p := tokenProposal{process: "a", pace: paceOf(d), now: start, turn: 1, waiting: 1}
			_, a := p.on(r)
			if !a.refused || time.Duration(a.wait) != c.want {
				t.Errorf("%+v, want a wait of %s", a, c.want)
			}
			p.now += a.wait - 1
			if _, a := p.on(r); !a.refused {
				t.Error("it is over sooner")
			}
			p.now++
			if _, a := p.on(r); a.refused {
				t.Error("it is not over then")
			}
		})
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	good := record{Version: recordVersion}.with(start, debt{}.add(paceOf(Draw{Limit: 7, Per: time.Hour, Burst: 9}), 5, start), []lease{
		{Process: "a", Turn: 1, Paid: 2, From: start, Held: 3, End: start + second},
	})
	value, err := good.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(value)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(good, got); diff != "" {
		t.Error(diff)
	}
	for name, bad := range map[string]string{
		"empty": ``, "null": `null`, "version": `{"version":2,"at":1}`, "unknown": `{"version":1,"at":1,"more":1}`,
		"trailing": `{"version":1,"at":1}{}`, "future": `{"version":1,"at":4000000000000000001}`, "past": `{"version":1,"at":-1}`,
		"no-time": `{"version":1,"at":1,"limit":1}`, "no-limit": `{"version":1,"at":1,"per":1}`, "debt-of-nothing": `{"version":1,"at":1,"clear":1}`,
		"part": `{"version":1,"at":1,"limit":2,"per":1,"part":2}`, "nobody": `{"version":1,"at":1,"leases":[{"process":"","end":1}]}`,
		"twice":    `{"version":1,"at":1,"leases":[{"process":"a","end":1},{"process":"a","end":1}]}`,
		"negative": `{"version":1,"at":1,"leases":[{"process":"a","held":-1,"end":1}]}`,
		"much":     `{"version":1,"at":1,"leases":[{"process":"a","held":2147483648,"end":1}]}`,
	} {
		if r, err := decode([]byte(bad)); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// FuzzDecode looks for records that are read and cannot be counted with.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"at":1795000000000000000,"clear":1795000003000000000,"part":1,"limit":3,"per":1000000000,` +
		`"leases":[{"process":"a","turn":7,"paid":1,"from":1795000000000000000,"held":3,"end":1795000001000000000}]}`))
	f.Add([]byte(`{"version":1,"at":1795000000000000000,"leases":[{"process":"b","held":4,"end":1795000030000000000}]}`))
	f.Add([]byte(`{"version":1,"at":0,"limit":1000000,"per":2678400000000000,"clear":6000000000000000000}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := decode(value)
		if err != nil {
			return
		}
		if r.span() < 0 {
			t.Errorf("%s has a span of %d", value, r.span())
		}
		for _, d := range []Draw{{Limit: 1, Per: MaxPer, Burst: MaxLimit}, {Limit: 7, Per: time.Second, Burst: 3}} {
			p := tokenProposal{process: "a", pace: paceOf(d), now: start, turn: 1, waiting: 2, need: 5}
			next, a := p.on(r)
			if a.refused == (a.wait <= 0) || a.lease.Paid+a.lease.Held > p.pace.burst {
				t.Errorf("%s: %+v", value, a)
			}
			again, err := next.encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decode(again); err != nil && len(r.Leases) < maxLeases {
				t.Errorf("%s becomes %s, which cannot be read", value, again)
			}
		}
		next, a := slotProposal{process: "a", limit: 5, now: start, waiting: 1}.on(r)
		if _, err := next.encode(); err != nil || a.lease.Held > 5 {
			t.Errorf("%s: %+v, %v", value, a, err)
		}
	})
}
