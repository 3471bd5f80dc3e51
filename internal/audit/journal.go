package audit

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Journal writes values as lines of JSON, off the path of whoever has them. Taking a value never blocks; when the writer
// falls behind by the queue's length, values are dropped and counted.
type Journal[T any] struct {
	config  JournalConfig
	out     *bufio.Writer // nil writes nothing
	wake    chan struct{} // has one while the queue may have values that the writer does not know of
	done    chan struct{}
	closing sync.Once
	writer  sync.WaitGroup

	mu    sync.Mutex
	queue queue[T]

	// unflushed counts the values in out's buffer, of which value is the latest and text how it is written; they belong to
	// whoever writes.
	unflushed uint64
	value     T
	text      []byte
	dropped   atomic.Uint64
	failed    atomic.Uint64
}

// JournalConfig says where values go.
type JournalConfig struct {
	// Out takes one line per value. Nil drops them, and counts nothing.
	Out io.Writer
	// Queue is how many values may wait for Out; at least 1.
	Queue int
	// Gather is for how long the writer rests when it has written what there was: values that come meanwhile are written
	// together, and one that comes after a pause at once. To wake the writer for each costs more than all the writing. A
	// process that is killed loses what its writer had not seen. 0 rests never.
	Gather time.Duration
	// Kind says what the values are, in the plural, for the log.
	Kind   string
	Logger *slog.Logger
}

// NewJournal starts a journal. Close it to flush.
func NewJournal[T any](c JournalConfig) *Journal[T] {
	j := &Journal[T]{
		config: c, queue: queue[T]{bound: max(c.Queue, 1)}, wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if c.Out != nil {
		j.out = bufio.NewWriterSize(c.Out, 1<<16)
	}
	j.writer.Go(j.write)
	return j
}

// Write takes a value.
func (j *Journal[T]) Write(v T) {
	j.mu.Lock()
	taken, first := j.queue.push(v), j.queue.length == 1
	j.mu.Unlock()
	switch {
	case !taken:
		j.dropped.Add(1)
	case first:
		select {
		case j.wake <- struct{}{}:
		default: // the writer has yet to see the last one
		}
	}
}

// Lost returns how many values did not reach Out: dropped since the queue was full, and failed to be written.
func (j *Journal[T]) Lost() (dropped, failed uint64) { return j.dropped.Load(), j.failed.Load() }

// Close writes what is queued and stops.
func (j *Journal[T]) Close() error {
	j.closing.Do(func() { close(j.done) })
	j.writer.Wait()
	j.drain()
	return nil
}

func (j *Journal[T]) write() {
	for {
		select {
		case <-j.wake:
		case <-j.done:
			return
		}
		if j.drain() && !j.rest() {
			return
		}
	}
}

// drain writes what waits, and reports whether anything did.
func (j *Journal[T]) drain() (any bool) {
	for v, last, ok := j.next(); ok; v, last, ok = j.next() {
		j.line(v, last)
		any = true
	}
	return any
}

// next takes the value that has waited longest, and says whether no other does.
func (j *Journal[T]) next() (v T, last, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	v, ok = j.queue.pop()
	return v, j.queue.length == 0, ok
}

// rest lets values gather, and reports whether the journal is still open.
func (j *Journal[T]) rest() bool {
	if j.config.Gather <= 0 {
		return true
	}
	timer := time.NewTimer(j.config.Gather)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-j.done:
		return false
	}
}

// appender is a value that can be written without what encoding/json costs.
type appender interface {
	AppendJSON(dst []byte) ([]byte, error)
}

// maxText bounds the memory that is kept for the next value, in bytes.
const maxText = 64 << 10

// encode has the text be that of the value.
func (j *Journal[T]) encode(v T) (err error) {
	j.value = v
	if own, ok := any(&j.value).(appender); ok {
		if cap(j.text) > maxText {
			j.text = nil
		}
		j.text, err = own.AppendJSON(j.text[:0])
		return err
	}
	j.text, err = json.Marshal(v)
	return err
}

// line writes one value. A burst reaches Out at once, with the last of it.
func (j *Journal[T]) line(v T, last bool) {
	if j.out == nil {
		return
	}
	err := j.encode(v)
	if err == nil {
		j.unflushed++
		j.text = append(j.text, '\n')
		_, err = j.out.Write(j.text)
	}
	if err == nil && last {
		err = j.out.Flush()
		if err == nil {
			j.unflushed = 0
		}
	}
	if err == nil {
		return
	}
	if j.failed.Add(max(j.unflushed, 1)) == max(j.unflushed, 1) {
		j.config.Logger.Error(j.config.Kind+" cannot be written; requests go on without them", slog.Any("error", err))
	}
	j.unflushed = 0
	j.out.Reset(j.config.Out) // bufio would repeat its first error for ever
}
