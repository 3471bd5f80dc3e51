package budget

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// party is one process with its share of a limit. Its calls begin at any moment, wait, and use what is there at the end.
type party struct {
	tokens tokens
	ahead  int64 // of its clock
	shift  int64 // of the record, ahead of its clock
	seen   int64 // the latest moment of its clock
	begun  []int64
	away   *journey
	leased int64 // the time at which the proposal of the present lease departed
}

// journey is a proposal on its way to the store, or an answer on its way back.
type journey struct {
	proposal proposal
	began    int64 // by the table's time
	answer   *answer
}

// table is the store and all who draw on one limit in it.
type table struct {
	random  *rand.Rand
	draw    Draw
	record  record
	turns   atomic.Uint64
	parties []*party
	now     int64
	// Clocks are ahead of the table's time by skew at most.
	skew int64
	// counted are times at which calls were let through: each between the beginning of the call and its end.
	counted []int64
}

func (tb *table) join(i int) {
	tb.parties[i] = &party{
		tokens: tokens{process: fmt.Sprint("party-", i, "-", tb.now), turns: &tb.turns}, ahead: tb.random.Int64N(tb.skew + 1),
	}
}

// play lets time pass, in which much or little happens, and now and then none, in which much happens too.
func (tb *table) play(interval int64) {
	pace, active := interval, 1
	for range 4000 {
		switch tb.random.IntN(200) {
		case 0:
			tb.join(tb.random.IntN(len(tb.parties)))
		case 1:
			tb.forget(tb.parties[tb.random.IntN(len(tb.parties))])
		case 2, 3, 4:
			tb.now += tb.random.Int64N(2 * tokenLease)
		case 5, 6:
			tb.now += tb.random.Int64N(interval * int64(tb.draw.Burst))
		case 7, 8, 9:
			pace = []int64{0, interval / 50, interval / 8, interval}[tb.random.IntN(4)]
			active = 1 + tb.random.IntN(len(tb.parties))
		}
		tb.now += tb.random.Int64N(pace + 1)
		tb.act(tb.parties[tb.random.IntN(active)])
	}
}

// forget has a party know nothing of its last lease, as its limit was not used for long.
func (tb *table) forget(p *party) {
	if p.away == nil && len(p.begun) == 0 {
		tb.now += keepFor
		p.tokens = tokens{process: p.tokens.process, turns: &tb.turns}
	}
}

// act does one of the things that can happen to a party, in any order that locks allow.
func (tb *table) act(p *party) {
	p.seen = max(p.seen, tb.now+p.ahead)
	switch tb.random.IntN(8) {
	case 0, 1, 2:
		p.begun = append(p.begun, p.seen)
	case 3, 4:
		tb.end(p)
	case 5:
		if p.away == nil && (len(p.begun) > 0 || p.tokens.tend(p.seen+p.shift, false) == visit) {
			p.away = &journey{proposal: p.tokens.propose(tb.draw, int64(len(p.begun)), p.seen+p.shift), began: tb.now}
		}
	case 6:
		if p.away != nil && p.away.answer == nil {
			next, a := p.away.proposal.on(tb.record)
			if a.changed {
				tb.record = next
			}
			p.away.answer = &a
		}
	case 7:
		if j := p.away; j != nil && (j.answer != nil || tb.random.IntN(4) == 0) {
			p.away = nil
			if j.answer != nil && tb.random.IntN(6) != 0 { // else it got lost
				p.tokens.recorded(*j.answer)
				p.leased = j.began
				p.shift = max(p.shift, j.answer.now-p.seen)
			}
		}
	}
}

// end lets a call through that has begun, or ends it without.
func (tb *table) end(p *party) {
	if len(p.begun) == 0 {
		return
	}
	i := tb.random.IntN(len(p.begun))
	at, now := p.begun[i]+p.shift, p.seen+p.shift
	if !p.tokens.look(tb.draw, at, now).ask {
		paid := p.tokens.paidUsed
		p.tokens.take(at, now)
		if p.tokens.paidUsed > paid {
			tb.counted = append(tb.counted, max(p.leased, p.tokens.lease.From-tb.skew))
		} else {
			tb.counted = append(tb.counted, tb.now)
		}
	} else if tb.random.IntN(3) != 0 {
		return
	}
	p.begun = slices.Delete(p.begun, i, i+1)
}

// TestTokensHoldTheBound plays everything that can happen between the processes and the store, in every order: answers
// that come late or never, calls that end while others wait, processes that die, and clocks that are apart.
func TestTokensHoldTheBound(t *testing.T) {
	t.Parallel()
	passed := 0
	for seed := range uint64(600) {
		random := rand.New(rand.NewPCG(seed, 7))
		tb := &table{random: random, draw: anyDraw(random), parties: make([]*party, 1+random.IntN(4)), now: 1e18}
		tb.draw.Limit, tb.draw.Burst = 1+random.IntN(50), 1+random.IntN(40)
		tb.draw.Per = time.Duration(1+random.Int64N(5000)) * time.Millisecond
		interval := int64(tb.draw.Per) / int64(tb.draw.Limit)
		tb.skew = []int64{0, int64(time.Second), 1000 * int64(time.Hour)}[random.IntN(3)]
		for i := range tb.parties {
			tb.join(i)
		}
		tb.play(interval)
		for _, p := range tb.parties {
			if p.ahead+p.shift > tb.skew {
				t.Fatalf("seed %d: the time of the record is %d ahead of every clock", seed, p.ahead+p.shift-tb.skew)
			}
		}
		passed += len(tb.counted)
		slack := new(big.Rat).Mul(big.NewRat(tb.skew, int64(tb.draw.Per)), big.NewRat(int64(tb.draw.Limit), 1))
		checkCounted(t, seed, tb.draw, tb.counted, slack)
	}
	if passed < 20_000 {
		t.Errorf("%d calls are let through", passed)
	}
}

func checkCounted(t *testing.T, seed uint64, d Draw, counted []int64, slack *big.Rat) {
	t.Helper()
	slices.Sort(counted)
	owed, last := new(big.Rat), int64(0)
	most := new(big.Rat).Add(big.NewRat(int64(d.Burst), 1), slack)
	for i, at := range counted {
		back := new(big.Rat).Mul(big.NewRat(at-last, int64(d.Per)), big.NewRat(int64(d.Limit), 1))
		if owed.Sub(owed, back); owed.Sign() < 0 {
			owed = new(big.Rat)
		}
		last = at
		if owed.Add(owed, big.NewRat(1, 1)); owed.Cmp(most) > 0 {
			t.Fatalf("seed %d: call %d of %d is above the bound of %+v: %s", seed, i, len(counted), d, owed.FloatString(2))
		}
	}
}
