package did

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/mirror"
)

const (
	// negative is how long a DID without a document is left alone after the first failure; each further failure
	// doubles that, up to the time between two refreshes.
	negative = 30 * time.Second
	// missed is how long after an attempt an unknown key can be the reason for the next.
	missed = time.Minute
)

// Claim says that an agent is registered with a DID.
type Claim struct {
	// DID is a did:web; others are passed over.
	DID string
	// Revision rises each time a person registers the DID anew, and with nothing else: a higher one lets the next
	// document be taken whatever it holds. The revision of a record that changes by itself, as when a card is
	// refreshed, would let the host of both put any document in force.
	Revision uint64
}

// wanted is a claim that was read.
type wanted struct {
	claim   Claim
	web     Web
	problem string // why the host is not asked; empty when it is
}

// job is one document to fetch.
type job struct {
	wanted   wanted
	base     *entry // as it was when the job was planned; never nil
	revision uint64 // that of base in the store; 0 when it is not there
	due      time.Time
}

// pace says how often documents are fetched.
type pace struct {
	refresh time.Duration
	stale   time.Duration
	seed    uint64
}

// view is what a plan is made from.
type view struct {
	wanted map[string]wanted
	image  *mirror.Image[*entry]
	hints  map[string]time.Time // when an unknown key was named first, by DID
	busy   map[string]bool      // what is being fetched
	rests  map[string]time.Time // until when this process leaves a DID alone
}

// plan returns what to fetch at a moment, the longest overdue first, and when there will be more to do at the latest.
func (p pace) plan(now time.Time, v view) (jobs []job, next time.Time) {
	next = now.Add(p.refresh)
	for did, w := range v.wanted {
		if v.busy[did] || w.problem != "" {
			continue
		}
		j := job{wanted: w, base: &entry{DID: did}}
		if known, ok := v.image.Get(keyOf(did)); ok {
			j.base, j.revision = known.Value, known.Revision
		}
		_, hinted := v.hints[did]
		j.due = p.due(j.base, w.claim, now, hinted)
		if rest := v.rests[did]; rest.After(j.due) {
			j.due = rest
		}
		if j.due.After(now) {
			if j.due.Before(next) {
				next = j.due
			}
			continue
		}
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b job) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.wanted.claim.DID, b.wanted.claim.DID))
	})
	return jobs, next
}

// due returns when the document of an entry is to be fetched next.
func (p pace) due(e *entry, claim Claim, now time.Time, hinted bool) time.Time {
	last := e.Attempted
	if last.IsZero() || last.After(now.Add(maxSkew)) {
		return time.Time{}
	}
	due := last.Add(p.refresh - p.jitter(e, p.refresh))
	switch {
	case e.Failures > 0:
		wait := p.backoff(e.Failures)
		due = last.Add(wait + p.jitter(e, wait))
	case claim.Revision > e.Claim:
		due = last
	}
	if again := last.Add(missed + p.jitter(e, missed)); hinted && again.Before(due) {
		return again
	}
	return due
}

func (p pace) backoff(failures int) time.Duration {
	const doublings = 10
	return min(negative<<min(failures-1, doublings), max(p.refresh, negative))
}

// jitter is up to a tenth of a wait. It differs between processes, so that one of them is first and the others find
// the work done, and stays the same until the next attempt.
func (p pace) jitter(e *entry, wait time.Duration) time.Duration {
	hash := fnv.New64a()
	_, _ = hash.Write(binary.LittleEndian.AppendUint64([]byte(e.DID), p.seed))
	_, _ = hash.Write(binary.LittleEndian.AppendUint64(nil, uint64(e.Attempted.UnixNano())))
	return time.Duration(hash.Sum64() % uint64(max(wait/10, 1)))
}

// abandoned returns the keys and revisions of entries that no process has wanted for as long as keys can count. Those
// with refused keys stay: who was shut out must not come back by being forgotten.
func (p pace) abandoned(now time.Time, v view) map[string]uint64 {
	gone := map[string]uint64{}
	for key, known := range v.image.Table().All() {
		if e := known.Value; v.wanted[e.DID].claim.DID == "" && len(e.Refused) == 0 && now.After(e.Attempted.Add(p.stale+p.refresh)) {
			gone[key] = known.Revision
		}
	}
	return gone
}
