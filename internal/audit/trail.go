package audit

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
)

// Trail takes records off the request path: it keeps the latest in memory for look-up and writes every one as
// a line of JSON. Taking a record never blocks; when the writer falls behind by the queue's length, records
// are dropped from the file and counted.
type Trail struct {
	queue   chan Record
	logger  *slog.Logger
	out     *bufio.Writer // nil keeps records in memory only
	sink    io.Writer
	done    chan struct{}
	closing sync.Once
	writer  sync.WaitGroup
	// unflushed counts the records in out's buffer; it belongs to whoever writes.
	unflushed uint64
	dropped   atomic.Uint64
	failed    atomic.Uint64

	mu     sync.RWMutex
	recent []Record // ring: the next write goes to recent[next]
	next   int
	byID   map[recordID]int
}

// recordID names a record: an exchange has one of its request, and may have one of its answer.
type recordID struct{ id, phase string }

// TrailConfig says where records go.
type TrailConfig struct {
	// Out takes one line of JSON per record. Nil keeps records in memory only.
	Out io.Writer
	// Recent is how many records can be looked up; at least 1.
	Recent int
	// Queue is how many records may wait for Out; at least 1.
	Queue  int
	Logger *slog.Logger
}

// NewTrail starts a trail. Close it to flush.
func NewTrail(c TrailConfig) *Trail {
	t := &Trail{
		queue:  make(chan Record, max(c.Queue, 1)),
		logger: c.Logger,
		sink:   c.Out,
		done:   make(chan struct{}),
		recent: make([]Record, max(c.Recent, 1)),
		byID:   make(map[recordID]int, max(c.Recent, 1)),
	}
	if c.Out != nil {
		t.out = bufio.NewWriterSize(c.Out, 1<<16)
	}
	t.writer.Go(t.write)
	return t
}

// Record takes a finished exchange.
func (t *Trail) Record(r Record) {
	r.Time = r.Time.UTC()
	r.Micros = r.Took.Microseconds()
	t.remember(r)
	select {
	case t.queue <- r:
	default:
		t.dropped.Add(1)
	}
}

func (t *Trail) remember(r Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.recent[t.next]
	if key := (recordID{old.ID, old.Phase}); old.ID != "" && t.byID[key] == t.next {
		delete(t.byID, key)
	}
	t.recent[t.next] = r
	t.byID[recordID{r.ID, r.Phase}] = t.next
	t.next = (t.next + 1) % len(t.recent)
}

// Find returns the record of a decision, if it is among the recent ones: that on the request where phase is empty, that on
// its answer where it is AnswerPhase.
func (t *Trail) Find(id, phase string) (Record, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	i, ok := t.byID[recordID{id, phase}]
	if !ok {
		return Record{}, false
	}
	return t.recent[i], true
}

// Latest returns up to n records, newest first.
func (t *Trail) Latest(n int) []Record {
	t.mu.RLock()
	defer t.mu.RUnlock()
	latest := make([]Record, 0, min(max(n, 0), len(t.recent)))
	for i := range cap(latest) {
		r := t.recent[(t.next-1-i+2*len(t.recent))%len(t.recent)]
		if r.ID == "" {
			break
		}
		latest = append(latest, r)
	}
	return latest
}

// Lost returns how many records did not reach Out: dropped since the queue was full, and failed to be written.
func (t *Trail) Lost() (dropped, failed uint64) { return t.dropped.Load(), t.failed.Load() }

// Close writes what is queued and stops. Records taken afterwards are only remembered.
func (t *Trail) Close() error {
	t.closing.Do(func() { close(t.done) })
	t.writer.Wait()
	for {
		select {
		case r := <-t.queue:
			t.line(r)
		default:
			return nil
		}
	}
}

func (t *Trail) write() {
	for {
		select {
		case r := <-t.queue:
			t.line(r)
		case <-t.done:
			return
		}
	}
}

// line writes one record. A burst reaches Out at once, a single record as soon as it is there.
func (t *Trail) line(r Record) {
	if t.out == nil {
		return
	}
	line, err := json.Marshal(r)
	if err == nil {
		t.unflushed++
		_, err = t.out.Write(append(line, '\n'))
	}
	if err == nil && len(t.queue) == 0 {
		err = t.out.Flush()
		if err == nil {
			t.unflushed = 0
		}
	}
	if err == nil {
		return
	}
	if t.failed.Add(max(t.unflushed, 1)) == max(t.unflushed, 1) {
		t.logger.Error("decision records cannot be written; requests go on without them", slog.Any("error", err))
	}
	t.unflushed = 0
	t.out.Reset(t.sink) // bufio would repeat its first error for ever
}
