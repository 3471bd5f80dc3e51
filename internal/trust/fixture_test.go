package trust

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// bubble runs a test on a clock of its own, on which time passes only when every goroutine waits.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// directory is the registered agents of a test.
type directory struct {
	mu      sync.Mutex
	records map[agent.ID]*agent.Record
}

func newDirectory(names ...agent.ID) *directory {
	d := &directory{records: make(map[agent.ID]*agent.Record)}
	for _, name := range names {
		d.add(name, "team", agent.TrustUser)
	}
	return d
}

func (d *directory) add(name agent.ID, owner agent.Owner, base agent.Trust) *agent.Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.records[name] = &agent.Record{Name: name, Owner: owner, Base: base, Ceiling: agent.Supervisor, Status: agent.Active}
	return d.records[name]
}

func (d *directory) remove(name agent.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.records, name)
}

func (d *directory) agent(name agent.ID) (*agent.Record, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	record, ok := d.records[name]
	return record, ok
}

// troubled is a bucket that can be made to fail, and whose writes are counted.
type troubled struct {
	store.Bucket

	mu      sync.Mutex
	down    bool
	full    bool  // writes alone fail
	refusal error // of every write
	lying   int   // writes that take place and are said to have failed
	writes  int
}

func (b *troubled) set(down bool, lying int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down, b.full, b.lying = down, false, lying
}

// fill makes writes fail, as a full disk does.
func (b *troubled) fill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.full = true
}

// refuse has all writes end in the error; nil ends that.
func (b *troubled) refuse(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refusal = err
}

func (b *troubled) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.writes
}

func (b *troubled) enter(write bool) (lie bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return false, store.ErrUnavailable
	}
	switch {
	case !write:
		return false, nil
	case b.full:
		return false, store.ErrUnavailable
	case b.refusal != nil:
		return false, b.refusal
	}
	b.writes++
	if lie = b.lying > 0; lie {
		b.lying--
	}
	return lie, nil
}

func (b *troubled) Get(ctx context.Context, key string) (store.Entry, error) {
	if _, err := b.enter(false); err != nil {
		return store.Entry{}, err
	}
	return b.Bucket.Get(ctx, key)
}

func (b *troubled) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	return b.write(func() (uint64, error) { return b.Bucket.Create(ctx, key, value, ttl) })
}

func (b *troubled) CompareAndSet(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return b.write(func() (uint64, error) { return b.Bucket.CompareAndSet(ctx, key, value, revision) })
}

func (b *troubled) write(do func() (uint64, error)) (uint64, error) {
	lie, err := b.enter(true)
	if err != nil {
		return 0, err
	}
	revision, err := do()
	if lie && err == nil {
		return 0, store.ErrUnavailable
	}
	return revision, err
}

func newBucket(t testing.TB) *troubled {
	t.Helper()
	memory := store.NewMemory(time.Now)
	t.Cleanup(func() {
		if err := memory.Close(); err != nil {
			t.Error(err)
		}
	})
	bucket, err := memory.Bucket(t.Context(), "trust")
	if err != nil {
		t.Fatal(err)
	}
	return &troubled{Bucket: bucket}
}

// entries collects what a ledger tells the audit trail.
type entries struct {
	mu  sync.Mutex
	all []Entry
}

func (e *entries) add(entry Entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, entry)
}

func (e *entries) of(name agent.ID) (list []Entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, entry := range e.all {
		if entry.Agent == name {
			list = append(list, entry)
		}
	}
	return list
}

func settings(bucket store.Bucket, agents *directory) Config {
	return Config{Bucket: bucket, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Rules: DefaultRules(), Agent: agents.agent}
}

func open(t testing.TB, config Config) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		l.Close(ctx) //nolint:errcheck // tests of Close look at its error themselves
	})
	return l
}

// signal is one that counts as of now.
func signal(kind Kind, name, counterparty agent.ID) Signal {
	return Signal{Agent: name, Counterparty: counterparty, Kind: kind, Exchange: "d-1", At: time.Now().Unix(), Framable: traits[kind].callee && !kind.Good()}
}

// stored returns what the bucket has of an agent.
func stored(t testing.TB, bucket store.Bucket, name agent.ID) *History {
	t.Helper()
	entry, err := bucket.Get(context.Background(), string(name))
	if err != nil {
		t.Fatal(err)
	}
	h, err := decodeHistory(entry.Value)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func standing(l *Ledger, agents *directory, name agent.ID) Standing {
	record, _ := agents.agent(name)
	return l.Image().Standing(record, time.Now())
}
