package governance

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"

	"ringfence.dev/ringfence/internal/audit"
)

// Carried is an exchange under way, as the adapter that carries it sees it.
type Carried interface {
	// Review has the exchange judged anew and cuts it off where the verdict does not allow it any more: the caller is
	// told the verdict as far as its answer can still say it, and neither side is sent anything more. It does not wait
	// for what the exchange does at the moment: then the exchange is judged right after.
	Review(judge func(*Exchange) Verdict)
}

// Open is the exchanges whose requests were allowed and whose answers are not over. The zero value holds none. Every
// method may be called by many goroutines at once.
type Open struct {
	shards [openShards]openShard
}

// openShards is above what a machine's cores use at once.
const openShards = 64

type openShard struct {
	mu      sync.Mutex
	carried map[Carried]struct{}

	_ [64]byte // keeps two shards out of one cache line
}

var openSeed = maphash.MakeSeed()

func (o *Open) shard(x *Exchange) *openShard {
	return &o.shards[maphash.String(openSeed, x.ID)%openShards]
}

// Enter has the exchange reviewed from now on. An adapter calls it before it has the request decided for the last time,
// so that what changes at the same moment is seen by that decision or by a review.
func (o *Open) Enter(x *Exchange, c Carried) {
	s := o.shard(x)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.carried == nil {
		s.carried = make(map[Carried]struct{})
	}
	s.carried[c] = struct{}{}
}

// Leave ends what Enter began. Leaving twice does nothing.
func (o *Open) Leave(x *Exchange, c Carried) {
	s := o.shard(x)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.carried, c)
}

// Review has every exchange judged that was there when it was called, as soon as what the exchange does at the moment is
// done. judge must neither change the exchange nor keep it, nor call Enter, Leave or Review, and it must not block; it is
// called by several goroutines. A verdict that does not allow ends the exchange.
func (o *Open) Review(judge func(*Exchange) Verdict) {
	for i := range o.shards {
		s := &o.shards[i]
		s.mu.Lock()
		carried := slices.Collect(maps.Keys(s.carried))
		s.mu.Unlock()
		for _, c := range carried {
			c.Review(judge)
		}
	}
}

// Len returns how many exchanges are under way.
func (o *Open) Len() int {
	n := 0
	for i := range o.shards {
		s := &o.shards[i]
		s.mu.Lock()
		n += len(s.carried)
		s.mu.Unlock()
	}
	return n
}

// Cut ends an exchange that Close allowed and whose answer has not begun: from here on the verdict is its denial.
func (g *Governor) Cut(x *Exchange, v Verdict) {
	x.Verdict = sealed(v)
	g.finish(x, audit.AnswerPhase)
}

// Cut ends an answer on behalf of what changed since its request was allowed: the part returned is the last of the
// answer, whatever the agent still sends. It returns the zero Part for an answer that is over.
func (r *Relay) Cut(v Verdict) Part {
	if r.over {
		return Part{}
	}
	v = sealed(v)
	r.evidence = append(r.evidence, v.Evidence...)
	return r.stop(nil, v, v.Factor)
}

// sealed returns a verdict that ends an exchange: whatever the judge made of it, it does not allow, and says why.
func sealed(v Verdict) Verdict {
	if v.Decision == Allow {
		v = deny(Internal, GatewaySide, "", "")
	}
	if v.Factor == "" {
		v.Factor = "review"
	}
	if v.Reason == "" {
		v.Reason, v.Message = "undecided", "the call could not be decided anew"
	}
	return v
}
