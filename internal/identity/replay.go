package identity

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// The shape of the replay memory. Entries leave a bucket at a time, once everything in it has expired, so the
// ring of buckets has to reach over MaxLifetime, the skew ahead, the margin after expiry and one bucket begun.
const (
	bucketWidth  = 10 // seconds
	bucketCount  = 10
	replayShards = 64
	replayMargin = int64(maxSkew / time.Second)
)

// nonceID names a (key, nonce) pair. Two pairs that fell on one id would cost a refusal, never an acceptance.
type nonceID [16]byte

// Replay is an exact memory of the nonces that were used, bounded in entries and in time. It is safe for
// concurrent use.
type Replay struct {
	boot     int64
	capacity int64
	entries  atomic.Int64
	shards   [replayShards]replayShard
}

type replayShard struct {
	mu      sync.Mutex
	tick    int64 // the latest bucket number seen; it never goes back
	buckets [bucketCount]map[nonceID]struct{}
	_       [64]byte // keeps neighbours off one cache line
}

// NewReplay returns an empty memory of at most capacity nonces. What was used before boot is not in it, so
// signatures created before that second are refused. A sender whose clock runs ahead, by 10 seconds at most,
// can have sent a signature before boot that is created after it; only a memory that outlives the process
// catches that one.
func NewReplay(boot time.Time, capacity int) *Replay {
	return &Replay{boot: boot.Unix(), capacity: int64(capacity)}
}

// Use returns nil the first time the key of a verified signature uses its nonce and a *Refusal every other time, until
// the signature has expired. Now is the moment of the verification; when the clock goes back, signatures that the memory
// may have forgotten are refused. A full memory refuses everything.
func (r *Replay) Use(_ context.Context, proof Proof, now time.Time) error {
	if proof.Created.Unix() < r.boot {
		return refuse(BeforeBoot, "the signature was made before the replay memory began; sign again")
	}
	id := newNonceID(proof.Key, proof.Nonce)
	shard := &r.shards[id[0]%replayShards]
	refusal := shard.use(r, id, proof.Expires, now)
	if refusal != nil && refusal.Reason == Overloaded {
		// Shards that nobody touched lately may hold entries that have expired.
		r.sweep(now)
		refusal = shard.use(r, id, proof.Expires, now)
	}
	if refusal != nil {
		return refusal
	}
	return nil
}

func (r *Replay) sweep(now time.Time) {
	for i := range r.shards {
		shard := &r.shards[i]
		shard.mu.Lock()
		shard.advance(r, now)
		shard.mu.Unlock()
	}
}

func (s *replayShard) use(r *Replay, id nonceID, expires, now time.Time) *Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(r, now)
	tick := (expires.Unix() + replayMargin) / bucketWidth
	switch {
	case tick < s.tick:
		return refuse(Expired, "the signature has expired")
	case tick >= s.tick+bucketCount:
		return refuse(Malformed, "the signature expires later than it can be remembered")
	}
	for i := range s.buckets {
		if _, used := s.buckets[i][id]; used {
			return refuse(Replayed, "the nonce was used before; sign again with a new one")
		}
	}
	if r.entries.Add(1) > r.capacity {
		r.entries.Add(-1)
		return refuse(Overloaded, "too many signatures are remembered to take one more; retry later")
	}
	bucket := &s.buckets[tick%bucketCount]
	if *bucket == nil {
		*bucket = make(map[nonceID]struct{})
	}
	(*bucket)[id] = struct{}{}
	return nil
}

// advance drops the buckets that lie before now.
func (s *replayShard) advance(r *Replay, now time.Time) {
	tick := now.Unix() / bucketWidth
	if tick <= s.tick {
		return
	}
	for old := s.tick; old < min(tick, s.tick+bucketCount); old++ {
		bucket := &s.buckets[old%bucketCount]
		r.entries.Add(-int64(len(*bucket)))
		*bucket = nil
	}
	s.tick = tick
}

func newNonceID(key, nonce string) nonceID {
	// The length keeps two pairs with the same concatenation apart.
	pair := binary.BigEndian.AppendUint32(make([]byte, 0, 256), uint32(len(key)))
	pair = append(append(pair, key...), nonce...)
	sum := sha256.Sum256(pair)
	return nonceID(sum[:16])
}
