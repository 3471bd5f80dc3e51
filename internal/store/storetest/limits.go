package storetest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

var limitCases = map[string]func(*testing.T, fixture){
	"invalid-keys":          invalidKeys,
	"longest-key":           longestKey,
	"invalid-bucket-names":  invalidBucketNames,
	"longest-bucket-name":   longestBucketName,
	"largest-value":         largestValue,
	"value-too-large":       valueTooLarge,
	"negative-ttl":          negativeTTL,
	"context-already-ended": contextEnded,
}

var lifeCases = map[string]func(*testing.T, fixture){
	"healthy":              healthy,
	"closed":               closed,
	"buckets-are-apart":    bucketsApart,
	"one-bucket-by-name":   bucketShared,
	"expires":              expires,
	"writes-stop-expiry":   writesStopExpiry,
	"expired-key-is-free":  expiredKeyIsFree,
	"ttl-rounds-up":        ttlRoundsUp,
	"zero-ttl-never-fades": zeroTTL,
}

func invalidKeys(t *testing.T, f fixture) {
	keys := map[string]string{
		"empty": "", "colon": "did:web:x", "space": "a b", "star": "*", "star-part": "a.*", "tail": ">", "tail-part": "a.>",
		"leading-dot": ".a", "trailing-dot": "a.", "double-dot": "a..b", "dot": ".", "not-ascii": "é", "control": "a\nb",
		"zero-byte": "a\x00", "too-long": strings.Repeat("k", store.MaxKey+1), "dollar": "$KV", "backslash": `a\b`,
	}
	for name, key := range keys {
		for call, err := range calls(f.ctx, f.bucket, key) {
			wantError(t, call+" with key "+name, err, store.ErrInvalidKey)
		}
	}
}

func longestKey(t *testing.T, f fixture) {
	for _, key := range []string{strings.Repeat("k", store.MaxKey), strings.Repeat("k.", store.MaxKey/2-1) + "kk"} {
		f.wantValue(t, key, "1", f.put(t, key, "1"))
	}
}

func invalidBucketNames(t *testing.T, f fixture) {
	for _, name := range []string{"", "a.b", "a b", "a/b", "*", ">", "a=", "é", "..", strings.Repeat("b", store.MaxBucketName+1)} {
		_, err := f.store.Bucket(f.ctx, name)
		wantError(t, "Bucket("+name+")", err, store.ErrInvalidKey)
	}
}

func longestBucketName(t *testing.T, f fixture) {
	b, err := f.store.Bucket(f.ctx, "Az09-_"+strings.Repeat("b", store.MaxBucketName-6))
	if err != nil {
		t.Fatalf("Bucket() = %v", err)
	}
	if _, err := b.Put(f.ctx, "a", nil); err != nil {
		t.Errorf("Put() = %v", err)
	}
}

func largestValue(t *testing.T, f fixture) {
	value := bytes.Repeat([]byte{0xa5}, store.MaxValue)
	key := strings.Repeat("k", store.MaxKey)
	f.create(t, key, string(value), time.Hour)
	revision := f.put(t, key, string(value))
	if got, err := f.bucket.Get(f.ctx, key); err != nil || !bytes.Equal(got.Value, value) {
		t.Errorf("Get() = %d bytes, %v, want %d", len(got.Value), err, len(value))
	}
	if _, err := f.bucket.CompareAndSet(f.ctx, key, value, revision); err != nil {
		t.Errorf("CompareAndSet() = %v", err)
	}
	if got := f.watch(t).next(); !bytes.Equal(got.Value, value) {
		t.Errorf("the watch delivered %d bytes, want %d", len(got.Value), len(value))
	}
}

func valueTooLarge(t *testing.T, f fixture) {
	value := make([]byte, store.MaxValue+1)
	_, err := f.bucket.Put(f.ctx, "a", value)
	wantError(t, "Put()", err, store.ErrTooLarge)
	_, err = f.bucket.Create(f.ctx, "a", value, 0)
	wantError(t, "Create()", err, store.ErrTooLarge)
	_, err = f.bucket.CompareAndSet(f.ctx, "a", value, 1)
	wantError(t, "CompareAndSet()", err, store.ErrTooLarge)
	f.wantAbsent(t, "a")
}

func negativeTTL(t *testing.T, f fixture) {
	if _, err := f.bucket.Create(f.ctx, "a", nil, -1); err == nil {
		t.Error("Create() with a negative ttl = nil, want an error")
	}
	f.wantAbsent(t, "a")
}

func contextEnded(t *testing.T, f fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	results := calls(ctx, f.bucket, "a")
	_, results["Watch"] = f.bucket.Watch(ctx)
	_, results["Bucket"] = f.store.Bucket(ctx, "agents")
	for call, err := range results {
		wantError(t, call, err, store.ErrUnavailable)
		wantError(t, call, err, context.Canceled)
	}
	f.wantAbsent(t, "a")
}

func healthy(t *testing.T, f fixture) {
	if err := f.store.Healthy(f.ctx); err != nil {
		t.Errorf("Healthy() = %v", err)
	}
}

func closed(t *testing.T, f fixture) {
	f.put(t, "a", "1")
	events := f.watch(t)
	events.untilSynced()
	for range 2 {
		if err := f.store.Close(); err != nil {
			t.Fatalf("Close() = %v", err)
		}
	}
	select {
	case _, open := <-events.events:
		if open {
			t.Error("an event came after Close()")
		}
	default:
		t.Error("the watch is still open after Close()")
	}
	results := calls(f.ctx, f.bucket, "a")
	_, results["Watch"] = f.bucket.Watch(f.ctx)
	_, results["Bucket"] = f.store.Bucket(f.ctx, "agents")
	_, results["another Bucket"] = f.store.Bucket(f.ctx, "tasks")
	results["Healthy"] = f.store.Healthy(f.ctx)
	for call, err := range results {
		wantError(t, call+" after Close", err, store.ErrUnavailable)
		if errors.Is(err, context.Canceled) {
			t.Errorf("%s after Close = %v, which blames the caller's context", call, err)
		}
	}
}

func bucketsApart(t *testing.T, f fixture) {
	other, err := f.store.Bucket(f.ctx, "agents-2")
	if err != nil {
		t.Fatal(err)
	}
	f.put(t, "a", "1")
	_, err = other.Get(f.ctx, "a")
	wantError(t, "Get() from another bucket", err, store.ErrNotFound)
	if _, err := other.Create(f.ctx, "a", nil, 0); err != nil {
		t.Errorf("Create() in another bucket = %v", err)
	}
}

func bucketShared(t *testing.T, f fixture) {
	same, err := f.store.Bucket(f.ctx, "agents")
	if err != nil {
		t.Fatal(err)
	}
	revision := f.put(t, "a", "1")
	got, err := same.Get(f.ctx, "a")
	if err != nil || string(got.Value) != "1" || got.Revision != revision {
		t.Errorf("Get() = %+v, %v, want the value put before", got, err)
	}
}

func expires(t *testing.T, f fixture) {
	events := f.watch(t)
	events.untilSynced()
	revision := f.create(t, "a", "1", time.Second)
	f.wantValue(t, "a", "1", revision)
	events.next()
	got := events.next()
	if !got.Deleted || got.Key != "a" || len(got.Value) != 0 || got.Revision <= revision {
		t.Errorf("event %+v, want the expiry of a above revision %d", got, revision)
	}
	f.wantAbsent(t, "a")
	wantError(t, "Delete() of an expired key", f.bucket.Delete(f.ctx, "a", 0), store.ErrNotFound)
	_, err := f.bucket.CompareAndSet(f.ctx, "a", nil, revision)
	wantError(t, "CompareAndSet() of an expired key", err, store.ErrConflict)
}

// writesStopExpiry waits for the expiry of a key that was made last, so that the others are overdue.
func writesStopExpiry(t *testing.T, f fixture) {
	f.create(t, "put", "1", time.Second)
	f.put(t, "put", "2")
	_, err := f.bucket.CompareAndSet(f.ctx, "set", []byte("2"), f.create(t, "set", "1", time.Second))
	if err != nil {
		t.Fatal(err)
	}
	f.create(t, "again", "1", time.Second)
	f.remove(t, "again")
	f.create(t, "again", "2", 0)
	f.awaitExpiry(t, "last", time.Second)
	for _, key := range []string{"put", "set", "again"} {
		if got, err := f.bucket.Get(f.ctx, key); err != nil || string(got.Value) != "2" {
			t.Errorf("Get(%s) = %q, %v, want 2", key, got.Value, err)
		}
	}
}

func expiredKeyIsFree(t *testing.T, f fixture) {
	first := f.awaitExpiry(t, "a", time.Second)
	second := f.create(t, "a", "2", time.Hour)
	if second <= first {
		t.Errorf("revision %d after the expiry's %d", second, first)
	}
	f.wantValue(t, "a", "2", second)
}

func ttlRoundsUp(t *testing.T, f fixture) {
	f.awaitExpiry(t, "a", time.Nanosecond)
	f.wantAbsent(t, "a")
}

func zeroTTL(t *testing.T, f fixture) {
	revision := f.create(t, "kept", "1", 0)
	f.awaitExpiry(t, "fades", time.Second)
	f.wantValue(t, "kept", "1", revision)
}

// awaitExpiry creates the key and returns the revision of its expiry.
func (f fixture) awaitExpiry(t *testing.T, key string, ttl time.Duration) uint64 {
	t.Helper()
	events := f.watch(t)
	f.create(t, key, "1", ttl)
	for {
		if event := events.next(); event.Key == key && event.Deleted {
			return event.Revision
		}
	}
}
