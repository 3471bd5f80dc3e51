package storetest

import (
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

var readWriteCases = map[string]func(*testing.T, fixture){
	"get-missing": func(t *testing.T, f fixture) { f.wantAbsent(t, "a") },
	"put-then-get": func(t *testing.T, f fixture) {
		f.wantValue(t, "a", "1", f.put(t, "a", "1"))
	},
	"put-overwrites":           putOverwrites,
	"empty-value":              emptyValue,
	"any-byte-in-a-value":      anyByte,
	"revisions-rise":           revisionsRise,
	"values-belong-to-callers": valuesAreCopied,
	"create-once":              createOnce,
	"create-after-delete":      createAfterDelete,
	"compare-and-set":          compareAndSet,
	"compare-and-set-refused":  compareAndSetRefused,
	"delete-any-revision":      deleteAny,
	"delete-one-revision":      deleteOne,
	"delete-missing":           deleteMissing,
	"keys-are-exact":           keysAreExact,
}

func putOverwrites(t *testing.T, f fixture) {
	first := f.put(t, "a", "1")
	second := f.put(t, "a", "2")
	if second <= first {
		t.Errorf("revision %d after %d", second, first)
	}
	f.wantValue(t, "a", "2", second)
}

func emptyValue(t *testing.T, f fixture) {
	f.put(t, "a", "")
	got, err := f.bucket.Get(f.ctx, "a")
	if err != nil || len(got.Value) != 0 {
		t.Errorf("Get() = %q, %v, want an empty value", got.Value, err)
	}
	_, err = f.bucket.Create(f.ctx, "a", []byte("x"), 0)
	wantError(t, "Create() over an empty value", err, store.ErrConflict)
}

func anyByte(t *testing.T, f fixture) {
	value := make([]byte, 256)
	for i := range value {
		value[i] = byte(i)
	}
	f.wantValue(t, "a", string(value), f.put(t, "a", string(value)))
}

func revisionsRise(t *testing.T, f fixture) {
	var last uint64
	rise := func(step string, revision uint64) {
		t.Helper()
		if revision <= last {
			t.Errorf("%s: revision %d, want above %d", step, revision, last)
		}
		last = revision
	}
	rise("put", f.put(t, "a", "1"))
	rise("put another key", f.put(t, "b", "1"))
	rise("create", f.create(t, "c", "1", 0))
	next, err := f.bucket.CompareAndSet(f.ctx, "c", []byte("2"), last)
	if err != nil {
		t.Fatal(err)
	}
	rise("compare and set", next)
	f.remove(t, "c")
	// The removal has a revision of its own.
	last++
	rise("create after delete", f.create(t, "c", "3", 0))
}

func valuesAreCopied(t *testing.T, f fixture) {
	value := []byte("before")
	revision, err := f.bucket.Put(f.ctx, "a", value)
	if err != nil {
		t.Fatal(err)
	}
	copy(value, "AFTER!")
	f.wantValue(t, "a", "before", revision)
	got, err := f.bucket.Get(f.ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	copy(got.Value, "AFTER!")
	f.wantValue(t, "a", "before", revision)
}

func createOnce(t *testing.T, f fixture) {
	revision := f.create(t, "a", "1", 0)
	for _, ttl := range []time.Duration{0, time.Hour} {
		_, err := f.bucket.Create(f.ctx, "a", []byte("2"), ttl)
		wantError(t, "second Create()", err, store.ErrConflict)
	}
	f.wantValue(t, "a", "1", revision)
}

func createAfterDelete(t *testing.T, f fixture) {
	first := f.create(t, "a", "1", 0)
	f.remove(t, "a")
	second := f.create(t, "a", "2", time.Hour)
	if second <= first {
		t.Errorf("revision %d after %d", second, first)
	}
	f.wantValue(t, "a", "2", second)
}

func compareAndSet(t *testing.T, f fixture) {
	first := f.put(t, "a", "1")
	f.put(t, "b", "1")
	second, err := f.bucket.CompareAndSet(f.ctx, "a", []byte("2"), first)
	if err != nil {
		t.Fatalf("CompareAndSet() = %v", err)
	}
	f.wantValue(t, "a", "2", second)
}

func compareAndSetRefused(t *testing.T, f fixture) {
	other := f.put(t, "other", "1")
	stale := f.put(t, "a", "1")
	current := f.put(t, "a", "2")
	f.put(t, "gone", "1")
	events := f.watch(t)
	events.untilSynced()
	f.remove(t, "gone")
	removal := events.next()
	if !removal.Deleted || removal.Revision == 0 {
		t.Fatalf("event %+v, want the removal", removal)
	}
	cases := []struct {
		name, key string
		revision  uint64
	}{
		{"stale", "a", stale},
		{"future", "a", current + 100},
		{"zero", "a", 0},
		{"another-keys", "a", other},
		{"zero-of-a-missing-key", "never", 0},
		{"some-of-a-missing-key", "never", current},
		{"removal", "gone", removal.Revision},
		{"zero-after-removal", "gone", 0},
	}
	for _, c := range cases {
		_, err := f.bucket.CompareAndSet(f.ctx, c.key, []byte("3"), c.revision)
		wantError(t, c.name, err, store.ErrConflict)
	}
	f.wantValue(t, "a", "2", current)
	f.wantAbsent(t, "never")
	f.wantAbsent(t, "gone")
}

func deleteAny(t *testing.T, f fixture) {
	f.put(t, "a", "1")
	f.put(t, "a", "2")
	f.remove(t, "a")
	f.wantAbsent(t, "a")
}

func deleteOne(t *testing.T, f fixture) {
	stale := f.put(t, "a", "1")
	current := f.put(t, "a", "2")
	wantError(t, "Delete() of a stale revision", f.bucket.Delete(f.ctx, "a", stale), store.ErrConflict)
	wantError(t, "Delete() of a future revision", f.bucket.Delete(f.ctx, "a", current+1), store.ErrConflict)
	f.wantValue(t, "a", "2", current)
	if err := f.bucket.Delete(f.ctx, "a", current); err != nil {
		t.Errorf("Delete() = %v", err)
	}
	f.wantAbsent(t, "a")
}

func deleteMissing(t *testing.T, f fixture) {
	wantError(t, "Delete() of a missing key", f.bucket.Delete(f.ctx, "a", 0), store.ErrNotFound)
	wantError(t, "Delete() of a revision of a missing key", f.bucket.Delete(f.ctx, "a", 1), store.ErrNotFound)
	revision := f.put(t, "a", "1")
	f.remove(t, "a")
	wantError(t, "second Delete()", f.bucket.Delete(f.ctx, "a", 0), store.ErrNotFound)
	wantError(t, "second Delete() of a revision", f.bucket.Delete(f.ctx, "a", revision), store.ErrNotFound)
}

func keysAreExact(t *testing.T, f fixture) {
	keys := []string{"a", "A", "a.b", "a.b.c", "a/b", "a=", "-", "_", "0", "=", "/"}
	revisions := map[string]uint64{}
	for _, key := range keys {
		revisions[key] = f.put(t, key, "value of "+key)
	}
	for _, key := range keys {
		f.wantValue(t, key, "value of "+key, revisions[key])
	}
	f.remove(t, "a.b")
	f.wantValue(t, "a.b.c", "value of a.b.c", revisions["a.b.c"])
	f.wantValue(t, "a", "value of a", revisions["a"])
}
