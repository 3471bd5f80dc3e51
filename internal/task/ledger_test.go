package task_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/task"
)

func TestFirstLearnerOwns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, wait := range []bool{false, true} {
			config := settings(newBucket(t))
			config.WaitForStore = wait
			ledger := open(t, config)
			wantOwner(t, ledger, first, "")
			if got := learn(t, ledger, first, by("alice")); got != "alice" {
				t.Errorf("the first learner got %q", got)
			}
			for range 2 {
				if got := learn(t, ledger, first, by("mallory")); got != "alice" {
					t.Errorf("a later learner got %q", got)
				}
				wantOwner(t, ledger, first, "alice")
				synctest.Wait()
			}
			wantOwner(t, ledger, task.Ref{Callee: "payment", Task: first.Task}, "")
			wantOwner(t, ledger, second, "")
		}
	})
}

func TestOwnerIsKeptWhole(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		want := task.Owner{Agent: "alice", For: "root", DID: "did:web:a.example", Context: "c-1", Created: time.Now().UTC()}
		ledger := open(t, settings(bucket))
		if _, err := ledger.Learn(t.Context(), first, want, task.Running); err != nil {
			t.Fatal(err)
		}
		long := want
		long.Context = strings.Repeat("c", task.MaxContext+1)
		if _, err := ledger.Learn(t.Context(), second, long, task.Running); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		restarted := open(t, settings(unwatched{bucket}))
		for name, l := range map[string]*task.Ledger{"memory": ledger, "store": restarted} {
			got, err := l.Owner(t.Context(), "alice", first)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("from %s: %v (-want +got)\n%s", name, err, diff)
			}
			if got, err := l.Owner(t.Context(), "alice", second); err != nil || !strings.HasPrefix(got.Context, "sha256:") || len(got.Context) > task.MaxContext {
				t.Errorf("from %s: a long context became %q, %v", name, got.Context, err)
			}
		}
	})
}

func TestAdmits(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	owner := task.Owner{Agent: "alice", For: "root", Created: created}
	tests := []struct {
		name       string
		owner      task.Owner
		agent      agent.ID
		registered time.Time
		want       bool
	}{
		{"starter", owner, "alice", created.Add(-time.Hour), true},
		{"on-whose-behalf", owner, "root", created.Add(-time.Hour), true},
		{"somebody-else", owner, "mallory", created.Add(-time.Hour), false},
		{"other-case", owner, "Alice", created.Add(-time.Hour), false},
		{"nobody", owner, "", time.Time{}, false},
		{"clocks-apart", owner, "alice", created.Add(5 * time.Second), true},
		{"name-given-away", owner, "alice", created.Add(time.Minute), false},
		{"anonymous-owner", task.Owner{Created: created}, "", time.Time{}, false},
		{"zero-owner", task.Owner{}, "alice", time.Time{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.owner.Admits(test.agent, test.registered); got != test.want {
				t.Errorf("Admits(%q) = %v, want %v", test.agent, got, test.want)
			}
		})
	}
}

// TestNamesDoNotMeet shows that ids chosen by agents can neither meet one another nor break the store.
func TestNamesDoNotMeet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		config := settings(newBucket(t))
		ledger := open(t, config)
		refs := []task.Ref{
			{Callee: "a", Task: "b"},
			{Callee: "ab", Task: ""},
			{Callee: "a", Task: "bc"},
			{Callee: "ab", Task: "c"},
			{Callee: "a", Task: "\x00b"},
			{Callee: "a-", Task: "b"},
			{Callee: "a", Task: "B"},
			{Callee: "a", Task: "b "},
			{Callee: "a", Task: "../b"},
			{Callee: "a", Task: "*"},
			{Callee: "a", Task: ">"},
			{Callee: "a", Task: "é"},
			{Callee: "a", Task: "e\u0301"},
			{Callee: "a", Task: "\xff\xfe"},
			{Callee: "a", Task: strings.Repeat("x", 1<<20)},
			{Callee: "a", Task: strings.Repeat("x", 1<<20) + "y"},
			{Callee: "", Task: "b"},
		}
		for i, ref := range refs {
			_, err := ledger.Learn(t.Context(), ref, by(agent.ID(fmt.Sprintf("o-%d", i))), task.Running)
			if unnamed := ref.Callee == "" || ref.Task == ""; unnamed != errors.Is(err, task.ErrUnnamed) || !unnamed && err != nil {
				t.Errorf("Learn(%.20q) = %v", ref.Task, err)
			}
		}
		synctest.Wait()
		restarted := open(t, config)
		for i, ref := range refs {
			for _, l := range []*task.Ledger{ledger, restarted} {
				got, err := l.Owner(t.Context(), "x", ref)
				if err == nil && string(got.Agent) != fmt.Sprintf("o-%d", i) || err != nil && !errors.Is(err, task.ErrUnnamed) {
					t.Errorf("Owner(%.20q) = %s, %v", ref.Task, got.Agent, err)
				}
			}
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		config := settings(bucket)
		config.Memory = 10
		ledger := open(t, config)
		ref := func(i int) task.Ref { return task.Ref{Callee: "booking", Task: fmt.Sprint(i)} }
		for i := range 50 {
			learn(t, ledger, ref(i), by("alice"))
		}
		synctest.Wait()
		if got := ledger.Stats(); got.Known != 10 || got.Queued != 0 || got.Stored != 50 || got.Lost != 0 {
			t.Errorf("Stats() = %+v, want 10 in memory and 50 stored", got)
		}
		before, _ := bucket.count()
		wantReads := func(want int, why string) {
			t.Helper()
			if gets, _ := bucket.count(); gets-before != want {
				t.Errorf("%d reads, want %d: %s", gets-before, want, why)
			}
		}
		for i := 40; i < 50; i++ {
			wantOwner(t, ledger, ref(i), "alice")
		}
		wantReads(0, "all were in memory")
		for range 3 {
			wantOwner(t, ledger, ref(0), "alice")
		}
		wantReads(1, "it comes back to memory")
		wantOwner(t, ledger, ref(41), "alice")
		learn(t, ledger, ref(100), by("bob"))
		wantReads(2, "somebody else may have learned it")
		wantOwner(t, ledger, ref(41), "alice")
		wantReads(2, "it was used")
		wantOwner(t, ledger, ref(42), "alice")
		wantReads(3, "it was used least recently when another came")
		if got := learn(t, ledger, ref(1), by("mallory")); got != "alice" {
			t.Errorf("a task that had left memory and was learned again belongs to %s", got)
		}
	})
}

// TestUnknownIDs shows that asking for made-up ids costs the store a bounded number of reads, and others nothing.
func TestUnknownIDs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		if learn(t, open(t, settings(bucket)), first, by("alice")) != "alice" {
			t.Fatal("not learned")
		}
		synctest.Wait()
		ledger := open(t, settings(unwatched{bucket}))
		before, _ := bucket.count()
		ask := func(asker agent.ID, n int) (refused int) {
			for i := range n {
				_, err := ledger.Owner(t.Context(), asker, task.Ref{Callee: "booking", Task: fmt.Sprintf("made-up-%d", i)})
				switch {
				case errors.Is(err, task.ErrTooMany):
					refused++
				case !errors.Is(err, task.ErrUnowned):
					t.Fatalf("Owner() of a made-up id = %v", err)
				}
			}
			return refused
		}
		if refused := ask("mallory", 1000); refused != 750 {
			t.Errorf("%d of 1000 look-ups were refused, want 750", refused)
		}
		if gets, _ := bucket.count(); gets-before != 250 {
			t.Errorf("the store was read %d times, want 250", gets-before)
		}
		if got, err := ledger.Owner(t.Context(), "alice", first); err != nil || got.Agent != "alice" {
			t.Errorf("another asker got %v", err)
		}
		if got, err := ledger.Owner(t.Context(), "mallory", first); err != nil || got.Agent != "alice" {
			t.Errorf("a task in memory is refused: %v", err)
		}
		time.Sleep(time.Second)
		if refused := ask("mallory", 250); refused != 0 {
			t.Errorf("%d look-ups were refused a second later", refused)
		}
		if got := ledger.Stats(); got.Refused != 750 || got.Reads != 501 {
			t.Errorf("Stats() = %+v, want 750 refused and 501 reads", got)
		}
	})
}

func TestOwnerFailsClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		ledger := open(t, settings(unwatched{bucket}))
		bucket.set(true)
		if _, err := ledger.Owner(t.Context(), "a", first); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, task.ErrUnowned) {
			t.Errorf("Owner() without a store = %v, want %v", err, store.ErrUnavailable)
		}
		bucket.set(false)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := ledger.Owner(ended, "a", first); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Owner() for a caller that left = %v, want %v", err, store.ErrUnavailable)
		}
	})
}

func TestUnreadableEntry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		ledger := open(t, settings(bucket))
		learn(t, ledger, first, by("alice"))
		synctest.Wait()
		key := onlyKey(t, bucket)
		for _, value := range []string{"", "{}", "null", `{"agent":"Not A Name","created":"2026-01-01T00:00:00Z","expires":"2099-01-01T00:00:00Z"}`} {
			if _, err := bucket.Put(t.Context(), key, []byte(value)); err != nil {
				t.Fatal(err)
			}
			for _, wait := range []bool{false, true} {
				config := settings(bucket)
				config.WaitForStore = wait
				fresh := open(t, config)
				synctest.Wait()
				if _, err := fresh.Owner(t.Context(), "a", first); err == nil || errors.Is(err, task.ErrUnowned) {
					t.Errorf("Owner() of %q = %v", value, err)
				}
				_, err := fresh.Learn(t.Context(), first, by("mallory"), task.Running)
				if wait && err == nil {
					t.Errorf("Learn() over %q = nil", value)
				}
				synctest.Wait()
				if _, err := fresh.Owner(t.Context(), "a", first); err == nil {
					t.Errorf("%q was taken over", value)
				}
			}
		}
	})
}

func onlyKey(t *testing.T, bucket store.Bucket) (key string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events, err := bucket.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for event := range events {
		if event.Synced {
			break
		}
		key = event.Key
	}
	return key
}

// TestEverythingInMemory shows that the store is not read while the memory is known to have all of it.
func TestEverythingInMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		other := open(t, settings(bucket))
		learn(t, other, second, by("bob"))
		synctest.Wait()
		before, _ := bucket.count()
		ledger := open(t, settings(bucket))
		synctest.Wait()
		for i := range 1000 {
			if _, err := ledger.Owner(t.Context(), "mallory", task.Ref{Callee: "booking", Task: fmt.Sprint(i)}); !errors.Is(err, task.ErrUnowned) {
				t.Fatalf("Owner() of a made-up id = %v", err)
			}
		}
		learn(t, ledger, first, by("alice"))
		learn(t, other, task.Ref{Callee: "booking", Task: "t-3"}, by("bob"))
		synctest.Wait()
		wantOwner(t, ledger, task.Ref{Callee: "booking", Task: "t-3"}, "bob")
		if after, _ := bucket.count(); after != before {
			t.Errorf("the store was read %d times", after-before)
		}
		config := settings(bucket)
		config.WaitForStore = true
		strict := open(t, config)
		synctest.Wait()
		wantOwner(t, strict, task.Ref{Callee: "booking", Task: "nobody's"}, "")
		if after, _ := bucket.count(); after != before+1 {
			t.Error("a ledger whose store has the last word did not ask it")
		}
	})
}
