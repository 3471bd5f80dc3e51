package audit

import (
	"hash/maphash"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Trail takes records off the request path: it keeps the latest in memory for look-up and writes every one as
// a line of JSON. Taking a record never blocks; when the writer falls behind by the queue's length, records
// are dropped from the file and counted.
type Trail struct {
	journal *Journal[Record]

	mu     sync.RWMutex
	recent []Record // ring: the next write goes to recent[next]
	hashes []uint64 // those of the recent ones: few look a record up, and each request leaves one
	next   int
}

var trailSeed = maphash.MakeSeed()

// TrailConfig says where records go.
type TrailConfig struct {
	// Out takes one line of JSON per record. Nil keeps records in memory only.
	Out io.Writer
	// Recent is how many records can be looked up; at least 1.
	Recent int
	// Queue is how many records may wait for Out; at least 1.
	Queue int
	// Gather is for how long records may wait so as to be written together; 0 writes each by itself.
	Gather time.Duration
	Logger *slog.Logger
}

// NewTrail starts a trail. Close it to flush.
func NewTrail(c TrailConfig) *Trail {
	t := &Trail{
		journal: NewJournal[Record](JournalConfig{Out: c.Out, Queue: c.Queue, Gather: c.Gather, Kind: "decision records", Logger: c.Logger}),
		recent:  make([]Record, max(c.Recent, 1)),
		hashes:  make([]uint64, max(c.Recent, 1)),
	}
	return t
}

// Record takes a finished exchange, and what the record points to. Nothing of the request outlives it here.
func (t *Trail) Record(r Record) {
	r.detach()
	r.Time = r.Time.UTC()
	r.Micros = r.Took.Microseconds()
	t.remember(r)
	t.journal.Write(r)
}

func (t *Trail) remember(r Record) {
	hash := maphash.String(trailSeed, r.ID)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.recent[t.next], t.hashes[t.next] = r, hash
	t.next = (t.next + 1) % len(t.recent)
}

// Find returns the record of a decision, if it is among the recent ones: that on the request where phase is empty, that on
// its answer where it is AnswerPhase.
func (t *Trail) Find(id, phase string) (Record, bool) {
	if id == "" {
		return Record{}, false
	}
	hash := maphash.String(trailSeed, id)
	t.mu.RLock()
	defer t.mu.RUnlock()
	for i := range t.hashes {
		at := t.before(i)
		if t.hashes[at] == hash && t.recent[at].ID == id && t.recent[at].Phase == phase {
			return t.recent[at], true
		}
	}
	return Record{}, false
}

// before returns where the record is that i others came after.
func (t *Trail) before(i int) int {
	at := t.next - 1 - i
	if at < 0 {
		at += len(t.recent)
	}
	return at
}

// Latest returns up to n records, newest first.
func (t *Trail) Latest(n int) []Record {
	t.mu.RLock()
	defer t.mu.RUnlock()
	latest := make([]Record, 0, min(max(n, 0), len(t.recent)))
	for i := range cap(latest) {
		r := t.recent[t.before(i)]
		if r.ID == "" {
			break
		}
		latest = append(latest, r)
	}
	return latest
}

// Lost returns how many records did not reach Out: dropped since the queue was full, and failed to be written.
func (t *Trail) Lost() (dropped, failed uint64) { return t.journal.Lost() }

// Close writes what is queued and stops. Records taken afterwards are only remembered.
func (t *Trail) Close() error { return t.journal.Close() }
