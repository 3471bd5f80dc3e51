package budget

import (
	"context"
	"hash/maphash"
	"math/bits"
	"sync/atomic"
	"time"
)

// Meter counts. Limits that nobody draws on are forgotten, which no answer shows. Every method may be called by many
// goroutines at once.
type Meter struct {
	config  Config
	begin   time.Time
	origin  int64 // begin as a moment
	seed    maphash.Seed
	turns   atomic.Uint64 // the last lease asked for
	failing atomic.Bool   // the store did not answer the last time
	shards  [shardCount]shard
}

// shardCount is above what a machine's cores use at once. The set of a call's shards is one number.
const shardCount = 64

// New returns a Meter that has counted nothing. Where it has a Bucket, Run has to go on beside it.
func New(config Config) (*Meter, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	begin := config.Now()
	return &Meter{config: config, begin: begin, origin: between(0, begin.UnixNano(), latest), seed: maphash.MakeSeed()}, nil
}

func between(low, n, high int64) int64 { return min(max(n, low), high) }

// moment returns the moment on the clock of this process, which setting the machine's clock does not change.
func (m *Meter) moment(now time.Time) int64 {
	since := int64(now.Sub(m.begin))
	return between(0, m.origin+min(since, latest), latest)
}

// Take counts a call in every limit, or in none. Draws with the same key, either of both sorts, count once. Now is the
// moment of the call of Take, from the clock of Config; moments before one that was seen count as that one.
//
// Among all calls that are let through within any time t there are never more than Burst + Limit·t/Per, and at no moment
// more than Limit under way; across processes that holds as docs/limits.md says. A call counts at a moment between the
// beginning and the end of Take. One that is let through with limits of calls under way among its draws has to be
// followed by one Leave with the same draws.
//
// Without a Bucket Take waits for nobody. With one it asks the store where this process has nothing left to let
// through, for at most Config.Wait and no longer than ctx.
func (m *Meter) Take(ctx context.Context, draws []Draw, now time.Time) Result {
	at := m.moment(now)
	result, ask := m.claim(draws, at)
	if !ask {
		return result
	}
	return m.takeShared(ctx, draws, at, result)
}

// Leave counts a call as no longer under way in those of the draws that count that. More calls of Leave than of Take
// count for nothing.
func (m *Meter) Leave(draws []Draw) {
	for i, d := range draws {
		if !d.underWay() || repeated(draws, i) {
			continue
		}
		s := m.shard(d.Key)
		s.mu.Lock()
		if a := s.accounts[nameOf(d)]; a != nil {
			a.leave()
		}
		s.mu.Unlock()
	}
}

// claim counts the call if that can be decided here, with every shard that matters locked. If it reports true, the store
// has to be asked about the draw at result.Refused, and nothing is counted.
func (m *Meter) claim(draws []Draw, at int64) (result Result, ask bool) {
	set := m.lock(draws, at)
	defer m.unlock(set)
	asked := -1
	for i, d := range draws {
		if !d.possible() {
			return Result{Refused: i}, false
		}
		s := m.shard(d.Key)
		switch v := m.look(s, d, at); {
		case v.err != nil || v.full:
			return Result{Refused: i, Wait: time.Duration(v.wait), Err: v.err}, false
		case v.ask && asked < 0:
			asked = i
		}
	}
	if asked >= 0 {
		return Result{Refused: asked}, true
	}
	for i, d := range draws {
		if !repeated(draws, i) {
			s := m.shard(d.Key)
			s.account(nameOf(d)).take(d, at, s.now)
		}
	}
	return Result{OK: true}, false
}

// repeated reports that an earlier draw is of the same limit.
func repeated(draws []Draw, i int) bool {
	for _, d := range draws[:i] {
		if d.Key == draws[i].Key && d.underWay() == draws[i].underWay() {
			return true
		}
	}
	return false
}

// look returns what the process knows of a limit by itself.
func (m *Meter) look(s *shard, d Draw, at int64) view {
	a := s.accounts[nameOf(d)]
	if a == nil {
		if !s.fits(m.config.Keys) {
			return view{err: ErrFull}
		}
		return view{ask: m.config.Bucket != nil}
	}
	return a.look(d, at, s.now)
}

// lock locks the shards of the draws, each once and in the same order for everybody, and tells them the moment.
func (m *Meter) lock(draws []Draw, at int64) (set uint64) {
	for _, d := range draws {
		set |= 1 << m.index(d.Key)
	}
	for left := set; left != 0; left &= left - 1 {
		s := &m.shards[bits.TrailingZeros64(left)]
		s.mu.Lock()
		s.now = max(s.now, at)
	}
	return set
}

func (m *Meter) unlock(set uint64) {
	for left := set; left != 0; left &= left - 1 {
		m.shards[bits.TrailingZeros64(left)].mu.Unlock()
	}
}

func (m *Meter) index(key string) uint64 { return maphash.String(m.seed, key) % shardCount }

func (m *Meter) shard(key string) *shard { return &m.shards[m.index(key)] }

// name is of what an account is: a key counts calls in a time and calls under way apart.
type name struct {
	key      string
	underWay bool
}

func nameOf(d Draw) name { return name{d.Key, d.underWay()} }
