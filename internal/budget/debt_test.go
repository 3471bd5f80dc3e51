package budget

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

// model is a bucket of tokens in rational numbers, filled up at every look at it.
type model struct {
	tokens *big.Rat
	at     int64
}

func (m *model) look(d Draw, now int64) *big.Rat {
	burst := big.NewRat(int64(d.Burst), 1)
	if m.tokens == nil {
		m.tokens, m.at = burst, now
	}
	now = max(now, m.at)
	back := new(big.Rat).Mul(big.NewRat(now-m.at, 1), big.NewRat(int64(d.Limit), int64(d.Per)))
	if m.tokens, m.at = back.Add(back, m.tokens), now; m.tokens.Cmp(burst) > 0 {
		m.tokens = burst
	}
	return m.tokens
}

func (m *model) take(d Draw, now int64) bool {
	if m.look(d, now).Cmp(big.NewRat(1, 1)) < 0 {
		return false
	}
	m.tokens = new(big.Rat).Sub(m.tokens, big.NewRat(1, 1))
	return true
}

func anyDraw(random *rand.Rand) Draw {
	return Draw{
		Key: "k", Limit: 1 + random.IntN(1<<random.IntN(20)), Per: time.Duration(1 + random.Int64N(int64(1)<<random.IntN(46))),
		Burst: 1 + random.IntN(1<<random.IntN(10)),
	}
}

// TestDebtIsTheBucket compares the arithmetic with rational numbers, at rates that divide nothing.
func TestDebtIsTheBucket(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		d := anyDraw(random)
		p := paceOf(d)
		var bucket model
		var owed debt
		interval := int64(d.Per)/int64(d.Limit) + 1
		for now, i := int64(1e18), 0; i < 300; i, now = i+1, now+random.Int64N(2*interval) {
			room := new(big.Rat).Set(bucket.look(d, now))
			if want := new(big.Int).Quo(room.Num(), room.Denom()).Int64(); owed.room(p, now) != want {
				t.Fatalf("seed %d: %+v: room for %d, want %d", seed, d, owed.room(p, now), want)
			}
			wait := owed.excess(p, 1, now)
			if ok := bucket.take(d, now); ok != (wait <= 0) {
				t.Fatalf("seed %d: %+v: the debt waits %d, the bucket says %v", seed, d, wait, ok)
			}
			if wait > 0 {
				early, late := bucket, bucket
				if early.take(d, now+wait-1) || !late.take(d, now+wait) {
					t.Fatalf("seed %d: %+v: %d is not the shortest wait that helps", seed, d, wait)
				}
				continue
			}
			owed = owed.add(p, 1, now)
		}
	}
}

// TestDebtOutOfTurn adds calls in any order: the debt is at least that of the right order.
func TestDebtOutOfTurn(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 2))
		d := anyDraw(random)
		p := paceOf(d)
		at := make([]int64, 20)
		for i := range at {
			at[i] = 1e18 + random.Int64N(20*(int64(d.Per)/int64(d.Limit)+1))
		}
		var mixed, right debt
		for _, i := range at {
			mixed = mixed.add(p, 1, i)
		}
		for range at {
			next := -1
			for i, moment := range at {
				if moment >= 0 && (next < 0 || moment < at[next]) {
					next = i
				}
			}
			right = right.add(p, 1, at[next])
			at[next] = -1
		}
		if mixed.clear < right.clear || mixed.clear == right.clear && mixed.part < right.part {
			t.Fatalf("seed %d: %+v is less than %+v", seed, mixed, right)
		}
	}
}

func TestDebtAtAnotherPace(t *testing.T) {
	t.Parallel()
	const now = int64(1e18)
	slow, fast := Draw{Limit: 1, Per: 24 * time.Hour, Burst: 10}, Draw{Limit: 100, Per: time.Second, Burst: 5}
	cases := []struct {
		name       string
		from, to   Draw
		taken      int64
		after      time.Duration
		room, wait int64
	}{
		{"owes-nothing", slow, fast, 0, 0, 5, 0},
		{"calls-stay-calls", slow, fast, 3, 0, 2, 0},
		{"no-more-than-the-burst", slow, fast, 10, 0, 0, int64(10 * time.Millisecond)},
		{"rounded-up", fast, slow, 5, time.Millisecond, 5, 0},
		{"paid", fast, slow, 5, 50 * time.Millisecond, 10, 0},
		{"another-time", slow, Draw{Limit: 2, Per: 48 * time.Hour, Burst: 10}, 10, 0, 0, int64(24 * time.Hour)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			owed := debt{}.add(paceOf(c.from), c.taken, now)
			at, p := now+int64(c.after), paceOf(c.to)
			if got := owed.room(p, at); got != c.room {
				t.Errorf("room for %d, want %d", got, c.room)
			}
			if got := max(owed.excess(p, 1, at), 0); got != c.wait {
				t.Errorf("wait %d, want %d", got, c.wait)
			}
		})
	}
}

// FuzzDebt looks for numbers that overflow or divide by nothing.
func FuzzDebt(f *testing.F) {
	f.Add(1, int64(MaxPer), MaxLimit, latest, int64(MaxLimit), int64(0))
	f.Add(MaxLimit, int64(1), MaxLimit, int64(0), int64(1), latest)
	f.Add(7, int64(time.Second), 1, horizon, int64(3), int64(5))
	f.Fuzz(func(t *testing.T, limit int, per int64, burst int, clear, n, now int64) {
		d := Draw{Limit: limit, Per: time.Duration(per), Burst: burst}
		if !d.possible() || d.underWay() {
			return
		}
		p := paceOf(d)
		now, clear, n = between(0, now, latest), between(0, clear, horizon), between(0, n, 1<<31-1)
		owed := debt{clear: clear, limit: p.limit, per: p.per}
		added := owed.add(p, n, now)
		if added.clear < clear && added.clear < now || added.part < 0 || added.part >= p.limit || added.clear > horizon {
			t.Errorf("%+v with %d calls more is %+v", owed, n, added)
		}
		if room := owed.room(p, now); room < 0 || room > p.burst || room > 0 != (owed.excess(p, 1, now) <= 0) {
			t.Errorf("%+v has room for %d, excess %d", owed, room, owed.excess(p, 1, now))
		}
		other := pace{limit: 3, per: 7, burst: 5}
		if room := owed.room(other, now); room < 0 || room > 5 {
			t.Errorf("at another pace there is room for %d", room)
		}
	})
}
