// Package storetest holds the conformance suite of store.Store: what every implementation must do, whatever
// keeps the data.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/store"
)

// patience ends a test whose store answers no more; it is no expectation of speed.
const patience = 30 * time.Second

// Run checks the store against every sentence of the contract. Open is called once for each case and returns
// an empty store; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	groups := map[string]map[string]func(*testing.T, fixture){
		"read-write": readWriteCases,
		"limits":     limitCases,
		"life":       lifeCases,
		"race":       raceCases,
		"watch":      watchCases,
		"watch-race": watchRaceCases,
	}
	for group, cases := range groups {
		for name, run := range cases {
			t.Run(group+"/"+name, func(t *testing.T) {
				t.Parallel()
				run(t, newFixture(t, open))
			})
		}
	}
}

// RunVolatile is Run for the buckets that Volatile opens.
func RunVolatile(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	Run(t, func(t *testing.T) store.Store { return volatile{open(t)} })
}

// volatile opens every bucket in memory.
type volatile struct{ store.Store }

func (v volatile) Bucket(ctx context.Context, name string) (store.Bucket, error) {
	return v.Volatile(ctx, name)
}

// fixture is one open store with one bucket.
type fixture struct {
	ctx    context.Context
	store  store.Store
	bucket store.Bucket
}

func newFixture(t *testing.T, open func(t *testing.T) store.Store) fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s := open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	b, err := s.Bucket(ctx, "agents")
	if err != nil {
		t.Fatalf("Bucket() = %v", err)
	}
	return fixture{ctx: ctx, store: s, bucket: b}
}

func (f fixture) put(t *testing.T, key, value string) uint64 {
	t.Helper()
	revision, err := f.bucket.Put(f.ctx, key, []byte(value))
	if err != nil {
		t.Fatalf("Put(%q) = %v", key, err)
	}
	return revision
}

func (f fixture) create(t *testing.T, key, value string, ttl time.Duration) uint64 {
	t.Helper()
	revision, err := f.bucket.Create(f.ctx, key, []byte(value), ttl)
	if err != nil {
		t.Fatalf("Create(%q) = %v", key, err)
	}
	return revision
}

func (f fixture) remove(t *testing.T, key string) {
	t.Helper()
	if err := f.bucket.Delete(f.ctx, key, 0); err != nil {
		t.Fatalf("Delete(%q) = %v", key, err)
	}
}

func (f fixture) wantValue(t *testing.T, key, value string, revision uint64) {
	t.Helper()
	got, err := f.bucket.Get(f.ctx, key)
	if err != nil {
		t.Fatalf("Get(%q) = %v", key, err)
	}
	want := store.Entry{Key: key, Value: []byte(value), Revision: revision}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Get(%q) (-want +got):\n%s", key, diff)
	}
}

func (f fixture) wantAbsent(t *testing.T, key string) {
	t.Helper()
	_, err := f.bucket.Get(f.ctx, key)
	wantError(t, "Get("+key+")", err, store.ErrNotFound)
}

func wantError(t *testing.T, call string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s = %v, want %v", call, got, want)
	}
}

// calls runs every method of a bucket that takes a key, and returns their errors by name.
func calls(ctx context.Context, b store.Bucket, key string) map[string]error {
	_, get := b.Get(ctx, key)
	_, put := b.Put(ctx, key, nil)
	_, create := b.Create(ctx, key, nil, 0)
	_, createTTL := b.Create(ctx, key, nil, time.Second)
	_, set := b.CompareAndSet(ctx, key, nil, 1)
	return map[string]error{
		"Get": get, "Put": put, "Create": create, "Create with ttl": createTTL, "CompareAndSet": set,
		"Delete": b.Delete(ctx, key, 0), "Delete revision": b.Delete(ctx, key, 1),
	}
}
