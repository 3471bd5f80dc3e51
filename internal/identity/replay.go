package identity

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// MaxRemembered is the longest time from the use of a nonce until its proof expires. It is far beyond the life of a
// signature, for the sake of tokens that count once.
const MaxRemembered = 24*time.Hour + time.Minute

// The shape of the replay memory, in seconds. Entries leave a bucket at a time, once everything in it has expired:
// those of signatures soon, those of tokens within a quarter of an hour. Each ring of buckets has to reach over the
// longest life it is for, the skew ahead, the margin after expiry and one bucket begun.
const (
	nearWidth    = 10
	nearCount    = 10
	farWidth     = 900
	farCount     = 99
	replayShards = 64
	replayMargin = int64(maxSkew / time.Second)
)

// nonceID is what is kept of Proof.NonceID. Two pairs that fell on one id would cost a refusal, never an acceptance.
type nonceID [16]byte

// Replay is an exact memory of the nonces that were used, bounded in entries and in time. It is safe for
// concurrent use.
type Replay struct {
	fence    atomic.Int64 // the second up to which nothing is known about what was used
	capacity int64
	entries  atomic.Int64
	shards   [replayShards]replayShard
}

type replayShard struct {
	mu   sync.Mutex
	last int64 // the latest second seen; it never goes back
	used map[nonceID]struct{}
	near [nearCount][]nonceID
	far  [farCount][]nonceID
	_    [64]byte // keeps neighbours off one cache line
}

// NewReplay returns an empty memory of at most capacity nonces. What was used before boot is not in it, so proofs that
// were made in that second or earlier are refused. A sender whose clock runs ahead, by 10 seconds at most, can have
// used one before boot that is made after it; only a memory that outlives the process catches that one.
func NewReplay(boot time.Time, capacity int) *Replay {
	r := &Replay{capacity: int64(capacity)}
	r.fence.Store(boot.Unix())
	return r
}

// Fence refuses, from now on, every proof that was made up to the second of the given time. It is for memories that
// several processes share, when they lose what they held. It never goes back.
func (r *Replay) Fence(until time.Time) {
	for {
		fence := r.fence.Load()
		if until.Unix() <= fence || r.fence.CompareAndSwap(fence, until.Unix()) {
			return
		}
	}
}

// Fenced returns the time up to which proofs are refused.
func (r *Replay) Fenced() time.Time { return time.Unix(r.fence.Load(), 0) }

// Admits returns a *Refusal when the proof was made so early that it may have been used unnoticed.
func (r *Replay) Admits(proof Proof) error {
	if proof.Created.Unix() <= r.fence.Load() {
		return refuse(BeforeBoot, "the proof was made before the replay memory began; make a new one")
	}
	return nil
}

// Use returns nil the first time the key of a verified proof uses its nonce and a *Refusal every other time, until
// the proof has expired. Now is the moment of the verification; when the clock goes back, proofs that the memory
// may have forgotten are refused. A full memory refuses everything.
func (r *Replay) Use(_ context.Context, proof Proof, now time.Time) error {
	if err := r.Admits(proof); err != nil {
		return err
	}
	name := proof.NonceID()
	id := nonceID(name[:16])
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
	bucket, refusal := s.bucket(expires.Unix() + replayMargin)
	if refusal != nil {
		return refusal
	}
	if _, used := s.used[id]; used {
		return refuse(Replayed, "the nonce was used before; make a new proof with another one")
	}
	if r.entries.Add(1) > r.capacity {
		r.entries.Add(-1)
		return refuse(Overloaded, "too many nonces are remembered to take one more; retry later")
	}
	if s.used == nil {
		s.used = make(map[nonceID]struct{})
	}
	s.used[id] = struct{}{}
	*bucket = append(*bucket, id)
	return nil
}

// bucket returns where entries are kept that leave at the given second.
func (s *replayShard) bucket(leave int64) (*[]nonceID, *Refusal) {
	near, far := leave/nearWidth, leave/farWidth
	switch {
	case near < s.last/nearWidth:
		return nil, refuse(Expired, "the proof has expired")
	case near < s.last/nearWidth+nearCount:
		return &s.near[near%nearCount], nil
	case far < s.last/farWidth+farCount:
		return &s.far[far%farCount], nil
	default:
		return nil, refuse(Malformed, "the proof expires later than it can be remembered")
	}
}

// advance drops the buckets that lie before now.
func (s *replayShard) advance(r *Replay, now time.Time) {
	before, after := s.last, now.Unix()
	if after <= before {
		return
	}
	s.last = after
	for tick := before / nearWidth; tick < min(after/nearWidth, before/nearWidth+nearCount); tick++ {
		s.drop(r, &s.near[tick%nearCount])
	}
	for tick := before / farWidth; tick < min(after/farWidth, before/farWidth+farCount); tick++ {
		s.drop(r, &s.far[tick%farCount])
	}
}

func (s *replayShard) drop(r *Replay, bucket *[]nonceID) {
	r.entries.Add(-int64(len(*bucket)))
	for _, id := range *bucket {
		delete(s.used, id)
	}
	*bucket = nil
}

// NonceID names the pair of the proof's key and nonce. No two pairs have one name.
func (p Proof) NonceID() [sha256.Size]byte {
	// The length keeps two pairs with the same concatenation apart.
	pair := binary.BigEndian.AppendUint32(make([]byte, 0, 256), uint32(len(p.Key)))
	pair = append(append(pair, p.Key...), p.Nonce...)
	return sha256.Sum256(pair)
}
