package held_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/held"
	"ringfence.dev/ringfence/internal/store"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func newShelf(t *testing.T, now func() time.Time) *held.Shelf {
	t.Helper()
	s := store.NewMemory(now)
	t.Cleanup(func() { _ = s.Close() })
	bucket, err := s.Bucket(t.Context(), held.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	return &held.Shelf{Bucket: bucket, Kept: time.Hour}
}

func payment() held.Call {
	return held.Call{
		Approval: "case-1", Caller: "planner", Callee: "ledger", Context: "c", Created: noon, Expires: noon.Add(time.Hour),
		Message: json.RawMessage(`{"amount":1}`),
	}
}

func TestKeptUntilItIsSent(t *testing.T) {
	t.Parallel()
	s, want := newShelf(t, time.Now), payment()
	if _, ok, err := s.Get(t.Context(), want.Task()); ok || err != nil {
		t.Fatalf("before: %v, %v", ok, err)
	}
	if err := s.Put(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	other := want
	other.Message = json.RawMessage(`{"amount":1000}`)
	if err := s.Put(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	got, ok, err := s.Get(t.Context(), "ringfence-case-1")
	if !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the first message does not stay (-want +got):\n%s", diff)
	}
	if _, ok, err := s.Became(t.Context(), want.Task()); ok || err != nil {
		t.Errorf("sent before it was: %v, %v", ok, err)
	}
	for _, want := range []bool{true, false, false} {
		if first, err := s.Claim(t.Context(), "ringfence-case-1"); first != want || err != nil {
			t.Errorf("claimed %v, %v, want %v", first, err, want)
		}
	}
	first := held.Became{Caller: "planner", Callee: "ledger", Task: "t-1"}
	for _, b := range []held.Became{first, {Caller: "planner", Callee: "ledger", Task: "t-2"}} {
		if err := s.Bind(t.Context(), want.Task(), b); err != nil {
			t.Fatal(err)
		}
	}
	if b, ok, err := s.Became(t.Context(), want.Task()); !ok || err != nil || b != first {
		t.Errorf("became %+v, %v, %v", b, ok, err)
	}
}

func TestIDsThatAreNone(t *testing.T) {
	t.Parallel()
	s := newShelf(t, time.Now)
	if err := s.Put(t.Context(), payment()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "case-1", "ringfence-", "ringfence-case-1/became", "ringfence-case 1", "ringfence-" + strings.Repeat("a", 129), "ringfence-../case-1", "ringfence-a..b", "ringfence-.a", "ringfence-a."} {
		if _, ok, err := s.Get(t.Context(), id); ok || err != nil {
			t.Errorf("%q: %v, %v", id, ok, err)
		}
		if err := s.Bind(t.Context(), id, held.Became{}); err == nil {
			t.Errorf("%q is bound", id)
		}
		if first, err := s.Claim(t.Context(), id); first || err == nil {
			t.Errorf("%q is claimed", id)
		}
	}
	large := payment()
	large.Message = json.RawMessage(`"` + strings.Repeat("a", held.MaxMessage) + `"`)
	if err := s.Put(t.Context(), large); !errors.Is(err, held.ErrTooLarge) {
		t.Errorf("a message that is too large: %v", err)
	}
}

func TestOutages(t *testing.T) {
	t.Parallel()
	m := store.NewMemory(time.Now)
	bucket, err := m.Bucket(t.Context(), held.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	s := &held.Shelf{Bucket: bucket, Kept: time.Hour}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, got := s.Get(t.Context(), "ringfence-case-1")
	_, _, became := s.Became(t.Context(), "ringfence-case-1")
	_, claimed := s.Claim(t.Context(), "ringfence-case-1")
	for name, err := range map[string]error{
		"claim": claimed, "put": s.Put(t.Context(), payment()), "get": got, "became": became,
		"bind": s.Bind(t.Context(), "ringfence-case-1", held.Became{}),
	} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
