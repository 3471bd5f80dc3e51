package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/store"
)

var watchCases = map[string]func(*testing.T, fixture){
	"empty-bucket":               watchEmpty,
	"present-entries-first":      watchPresent,
	"removed-keys-are-not-there": watchSkipsRemoved,
	"changes-in-order":           watchChanges,
	"ends-with-its-context":      watchEnds,
	"two-watches-are-apart":      watchTwice,
	"values-belong-to-watchers":  watchCopies,
	"reader-may-lag":             watchLag,
}

// watching reads one watch and fails the test when it breaks the order of revisions.
type watching struct {
	t      *testing.T
	ctx    context.Context
	events <-chan store.Event
	last   uint64
	synced bool
}

func (f fixture) watch(t *testing.T) *watching {
	t.Helper()
	events, err := f.bucket.Watch(f.ctx)
	if err != nil {
		t.Fatalf("Watch() = %v", err)
	}
	return &watching{t: t, ctx: f.ctx, events: events}
}

// next returns the next event.
func (w *watching) next() store.Event {
	w.t.Helper()
	select {
	case <-w.ctx.Done():
		w.t.Fatalf("no event: %v", w.ctx.Err())
	case event, ok := <-w.events:
		if !ok {
			w.t.Fatal("the watch was lost")
		}
		w.check(event)
		return event
	}
	return store.Event{}
}

func (w *watching) check(event store.Event) {
	w.t.Helper()
	if event.Synced {
		if diff := cmp.Diff(store.Event{Synced: true}, event); w.synced || diff != "" {
			w.t.Errorf("synced before: %v; event (-want +got):\n%s", w.synced, diff)
		}
		w.synced = true
		return
	}
	if event.Revision <= w.last {
		w.t.Errorf("revision %d after %d", event.Revision, w.last)
	}
	if event.Deleted && len(event.Value) != 0 {
		w.t.Errorf("the removal of %s carries a value", event.Key)
	}
	w.last = event.Revision
}

// untilSynced returns the state that the watch describes before Synced.
func (w *watching) untilSynced() map[string]store.Entry {
	w.t.Helper()
	state := map[string]store.Entry{}
	for {
		event := w.next()
		if event.Synced {
			return state
		}
		apply(state, event)
	}
}

func (w *watching) untilClosed() {
	w.t.Helper()
	for {
		select {
		case <-w.ctx.Done():
			w.t.Fatal("the channel is still open")
		case _, ok := <-w.events:
			if !ok {
				return
			}
		}
	}
}

func apply(state map[string]store.Entry, event store.Event) {
	switch {
	case event.Synced:
	case event.Deleted:
		delete(state, event.Key)
	default:
		state[event.Key] = event.Entry
	}
}

func watchEmpty(t *testing.T, f fixture) {
	if got := f.watch(t).next(); !got.Synced {
		t.Errorf("first event %+v, want Synced", got)
	}
}

func watchPresent(t *testing.T, f fixture) {
	f.put(t, "a", "old")
	b := f.put(t, "b", "1")
	a := f.put(t, "a", "2")
	w := f.watch(t)
	got := []store.Event{w.next(), w.next(), w.next()}
	want := []store.Event{
		{Entry: store.Entry{Key: "b", Value: []byte("1"), Revision: b}},
		{Entry: store.Entry{Key: "a", Value: []byte("2"), Revision: a}},
		{Synced: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func watchSkipsRemoved(t *testing.T, f fixture) {
	f.put(t, "a", "1")
	f.put(t, "gone", "1")
	f.remove(t, "gone")
	f.awaitExpiry(t, "faded", 1)
	w := f.watch(t)
	// A replica that lags may show a key and then its removal.
	if got := slices.Collect(maps.Keys(w.untilSynced())); !slices.Equal(got, []string{"a"}) {
		t.Errorf("keys at Synced %v, want a", got)
	}
	f.remove(t, "a")
	if got := w.next(); !got.Deleted || got.Key != "a" {
		t.Errorf("third event %+v, want the removal of a", got)
	}
}

func watchChanges(t *testing.T, f fixture) {
	w := f.watch(t)
	w.untilSynced()
	// Each change is read before the next is made, so that none may be left out.
	step := func(want store.Event) {
		t.Helper()
		if diff := cmp.Diff(want, w.next()); diff != "" {
			t.Errorf("event (-want +got):\n%s", diff)
		}
	}
	first := f.put(t, "a", "1")
	step(store.Event{Entry: store.Entry{Key: "a", Value: []byte("1"), Revision: first}})
	second, err := f.bucket.CompareAndSet(f.ctx, "a", []byte("2"), first)
	if err != nil {
		t.Fatal(err)
	}
	step(store.Event{Entry: store.Entry{Key: "a", Value: []byte("2"), Revision: second}})
	f.remove(t, "a")
	removal := w.next()
	if !removal.Deleted || removal.Key != "a" || removal.Revision <= second {
		t.Errorf("event %+v, want the removal of a above revision %d", removal, second)
	}
	third := f.create(t, "a", "3", 0)
	step(store.Event{Entry: store.Entry{Key: "a", Value: []byte("3"), Revision: third}})
}

func watchEnds(t *testing.T, f fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	events, err := f.bucket.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	(&watching{t: t, ctx: f.ctx, events: events}).untilClosed()
	f.put(t, "a", "1")
}

func watchTwice(t *testing.T, f fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	first, err := f.bucket.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second := f.watch(t)
	second.untilSynced()
	cancel()
	(&watching{t: t, ctx: f.ctx, events: first}).untilClosed()
	f.put(t, "a", "1")
	if got := second.next(); got.Key != "a" {
		t.Errorf("event %+v, want key a", got)
	}
}

func watchCopies(t *testing.T, f fixture) {
	revision := f.put(t, "a", "before")
	first, second := f.watch(t), f.watch(t)
	copy(first.next().Value, "AFTER!")
	if got := second.next(); string(got.Value) != "before" {
		t.Errorf("the second watch got %q", got.Value)
	}
	f.wantValue(t, "a", "before", revision)
}

// watchLag writes far more than any buffer holds before it reads.
func watchLag(t *testing.T, f fixture) {
	w := f.watch(t)
	want := map[string]uint64{}
	for i := range 600 {
		key := fmt.Sprintf("key-%d", i%300)
		want[key] = f.put(t, key, "1")
	}
	f.put(t, "end", "")
	got := map[string]uint64{}
	for event := w.next(); event.Key != "end"; event = w.next() {
		if !event.Synced {
			got[event.Key] = event.Revision
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("last revisions (-want +got):\n%s", diff)
	}
}
