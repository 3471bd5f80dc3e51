package mirror_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

func open(t *testing.T, bucket store.Bucket, changed func([]string)) *mirror.Mirror[string] {
	t.Helper()
	m, err := mirror.Open(t.Context(), mirror.Config[string]{
		Bucket: bucket, Kind: "words", Now: time.Now, Logger: slog.New(slog.DiscardHandler), Changed: changed,
		Decode: func(e store.Entry) (string, error) {
			if len(e.Value) == 0 {
				return "", errors.New("it is empty")
			}
			return string(e.Value), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func bucket(t *testing.T) store.Bucket {
	t.Helper()
	s := store.NewMemory(time.Now)
	t.Cleanup(func() { _ = s.Close() })
	b, err := s.Bucket(t.Context(), "words")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, b store.Bucket, key, value string) uint64 {
	t.Helper()
	revision, err := b.Put(t.Context(), key, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func TestMirrorFollows(t *testing.T) {
	t.Parallel()
	b := bucket(t)
	put(t, b, "a", "one")
	told := make(chan []string, 16)
	m := open(t, b, func(keys []string) { told <- keys })
	if got, _ := m.Image().Get("a"); got.Value != "one" {
		t.Errorf("after the listing a is %q", got.Value)
	}
	<-told
	old := m.Image()
	if err := m.Await(t.Context(), put(t, b, "b", "two")); err != nil {
		t.Fatal(err)
	}
	if got, _ := m.Image().Get("b"); got.Value != "two" {
		t.Errorf("b is %q", got.Value)
	}
	if keys := <-told; len(keys) != 1 || keys[0] != "b" {
		t.Errorf("told of %v", keys)
	}
	if _, ok := old.Get("b"); ok {
		t.Error("an image changed after it was taken")
	}
	if err := m.Await(t.Context(), put(t, b, "a", "")); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Image().Get("a"); ok {
		t.Error("an entry that cannot be read is still there")
	}
	if err := b.Delete(t.Context(), "b", 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Await(t.Context(), put(t, b, "c", "three")); err != nil {
		t.Fatal(err)
	}
	if n := m.Image().Table().Len(); n != 1 {
		t.Errorf("%d entries are left", n)
	}
	if err := m.Healthy(); err != nil || m.Behind(time.Now()) != 0 {
		t.Errorf("it follows, and says %v and %s behind", err, m.Behind(time.Now()))
	}
}

// broken is a bucket whose watches end when told to.
type broken struct {
	store.Bucket
	ended atomic.Pointer[context.CancelFunc]
	fails atomic.Bool
}

func (b *broken) Watch(ctx context.Context) (<-chan store.Event, error) {
	if b.fails.Load() {
		return nil, store.ErrUnavailable
	}
	ctx, cancel := context.WithCancel(ctx)
	b.ended.Store(&cancel)
	return b.Bucket.Watch(ctx)
}

func TestMirrorSaysHowFarBehind(t *testing.T) {
	t.Parallel()
	b := &broken{Bucket: bucket(t)}
	put(t, b, "gone", "soon")
	m := open(t, b, nil)
	b.fails.Store(true)
	(*b.ended.Load())()
	for m.Healthy() == nil {
		runtime.Gosched()
		if t.Context().Err() != nil {
			t.Fatal("the loss was not noticed")
		}
	}
	if m.Behind(time.Now().Add(time.Minute)) < time.Minute {
		t.Error("it is not behind by as long as it heard nothing")
	}
	if _, ok := m.Image().Get("gone"); !ok {
		t.Error("what was known is forgotten")
	}
	if err := b.Delete(t.Context(), "gone", 0); err != nil {
		t.Fatal(err)
	}
	b.fails.Store(false)
	if err := m.Await(t.Context(), put(t, b, "new", "word")); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Image().Get("gone"); ok {
		t.Error("what was removed meanwhile is still there")
	}
	if m.Behind(time.Now()) != 0 {
		t.Error("it follows again, and says it is behind")
	}
}

func TestOpenNeedsTheStore(t *testing.T) {
	t.Parallel()
	b := &broken{Bucket: bucket(t)}
	b.fails.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := mirror.Open(ctx, mirror.Config[string]{
		Bucket: b, Kind: "words", Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Decode: func(store.Entry) (string, error) { return "", nil },
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("opening failed with %v", err)
	}
}

func TestGone(t *testing.T) {
	t.Parallel()
	b := &broken{Bucket: bucket(t)}
	m := open(t, b, nil)
	remove := func(key string, revision uint64) {
		t.Helper()
		if err := b.Delete(t.Context(), key, revision); err != nil {
			t.Fatal(err)
		}
	}
	followed := put(t, b, "followed", "word")
	remove("followed", followed)
	if err := m.Gone(t.Context(), "followed", followed); err != nil {
		t.Errorf("what was removed while the store is followed: %v", err)
	}
	anew := put(t, b, "anew", "one")
	put(t, b, "anew", "two")
	if err := m.Gone(t.Context(), "anew", anew); err != nil {
		t.Errorf("what was written anew: %v", err)
	}
	// Of what was removed while nothing was followed, no event tells the revision.
	missed := put(t, b, "missed", "word")
	if err := m.Await(t.Context(), missed); err != nil {
		t.Fatal(err)
	}
	b.fails.Store(true)
	(*b.ended.Load())()
	remove("missed", missed)
	b.fails.Store(false)
	if err := m.Gone(t.Context(), "missed", missed); err != nil {
		t.Errorf("what was removed while the store was not followed: %v", err)
	}
	there := put(t, b, "there", "word")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := m.Gone(ctx, "there", there); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("what is still there is gone: %v", err)
	}
}
