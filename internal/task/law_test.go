package task_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/task"
)

// world is a few processes of one mesh that learn and ask at random.
type world struct {
	t       *testing.T
	random  *rand.Rand
	bucket  *failing
	config  task.Config
	ledgers []*task.Ledger
	nap     time.Duration // how much time passes at once, by the dozen
}

const worldTasks, worldAgents = 12, 4

func newWorld(t *testing.T, seed uint64, processes int, wait bool) *world {
	t.Helper()
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 1)), bucket: newBucket(t), nap: time.Hour}
	w.config = settings(w.bucket)
	w.config.Memory, w.config.WaitForStore = 4, wait
	// Far enough that nothing expires in a world's life of some days, near enough that records are written again.
	w.config.Retention, w.config.Finished = 20*day, 10*day
	for range processes {
		w.ledgers = append(w.ledgers, open(t, w.config))
	}
	return w
}

func (w *world) ref() task.Ref {
	return task.Ref{Callee: "booking", Task: fmt.Sprint(w.random.IntN(worldTasks))}
}

// step does one thing and returns the owner it showed, if any.
func (w *world) step() (ref task.Ref, owner agent.ID, ok bool) {
	ref = w.ref()
	i := w.random.IntN(len(w.ledgers))
	ledger := w.ledgers[i]
	name := agent.ID(fmt.Sprintf("agent-%d", w.random.IntN(worldAgents)))
	switch w.random.IntN(10) {
	case 0:
		synctest.Wait()
	case 1:
		time.Sleep(time.Duration(w.random.IntN(12)) * w.nap)
	case 2:
		ledger.Finish(ref)
	case 3:
		closeWithin(ledger, time.Minute) //nolint:errcheck // what is not stored by then is lost, as it is when a process is killed
		w.ledgers[i] = open(w.t, w.config)
	case 4, 5, 6:
		got, err := ledger.Owner(w.t.Context(), name, ref)
		return ref, got.Agent, err == nil
	default:
		got, err := ledger.Learn(w.t.Context(), ref, by(name), task.State(w.random.IntN(2)))
		return ref, got.Agent, err == nil
	}
	return ref, "", false
}

// TestOwnerNeverChanges holds for one process, and for several whose store has the last word.
func TestOwnerNeverChanges(t *testing.T) {
	for _, test := range []struct {
		name      string
		processes int
		wait      bool
	}{{"one-process", 1, false}, {"one-process-waiting", 1, true}, {"three-processes-waiting", 3, true}} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				for seed := range uint64(20) {
					w := newWorld(t, seed, test.processes, test.wait)
					seen := map[task.Ref]agent.ID{}
					for range 200 {
						ref, owner, ok := w.step()
						if was, known := seen[ref]; ok && known && was != owner {
							t.Fatalf("seed %d: task %s belonged to %s and now to %s", seed, ref.Task, was, owner)
						}
						if ok {
							seen[ref] = owner
						}
					}
				}
			})
		})
	}
}

// TestStoredOwnerNeverChanges lets processes disagree while the store comes and goes. What is stored stays, and all
// agree with it in the end.
func TestStoredOwnerNeverChanges(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for seed := range uint64(10) {
			w := newWorld(t, seed, 3, false)
			w.nap = time.Minute // a store that is away for hours is tried thousands of times
			ctx, cancel := context.WithCancel(t.Context())
			events, err := w.bucket.Watch(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var stored sync.WaitGroup
			stored.Go(func() { wantConstant(t, events) })
			for range 200 {
				w.bucket.set(w.random.IntN(3) == 0)
				w.step()
			}
			w.bucket.set(false)
			time.Sleep(time.Minute)
			fresh := open(t, w.config)
			for i := range worldTasks {
				ref := task.Ref{Callee: "booking", Task: fmt.Sprint(i)}
				owner, err := fresh.Owner(t.Context(), "x", ref)
				for _, ledger := range w.ledgers {
					if got, gotErr := ledger.Owner(t.Context(), "x", ref); got.Agent != owner.Agent || !errors.Is(gotErr, err) {
						t.Errorf("seed %d: task %d belongs to %q, %v and to %q, %v", seed, i, owner.Agent, err, got.Agent, gotErr)
					}
				}
			}
			cancel()
			stored.Wait()
		}
	})
}

func wantConstant(t *testing.T, events <-chan store.Event) {
	owners := map[string]agent.ID{}
	for event := range events {
		if event.Deleted {
			delete(owners, event.Key)
		}
		if event.Deleted || event.Synced {
			continue
		}
		var entry struct{ Agent agent.ID }
		if err := json.Unmarshal(event.Value, &entry); err != nil {
			t.Error(err)
		}
		if was, known := owners[event.Key]; known && was != entry.Agent {
			t.Errorf("the stored owner changed from %s to %s", was, entry.Agent)
		}
		owners[event.Key] = entry.Agent
	}
}

// TestRacingLearners learns one task from many goroutines at once, on real clocks.
func TestRacingLearners(t *testing.T) {
	t.Parallel()
	for _, wait := range []bool{false, true} {
		memory := store.NewMemory(time.Now)
		bucket, err := memory.Bucket(t.Context(), "tasks")
		if err != nil {
			t.Fatal(err)
		}
		ledger := task.Open(t.Context(), task.Config{
			Bucket: bucket, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
			Memory: 8, Retention: time.Hour, Finished: time.Hour, WaitForStore: wait,
		})
		for round := range 50 {
			ref := task.Ref{Callee: "booking", Task: fmt.Sprint(round)}
			owners := make([]agent.ID, 8)
			var learners sync.WaitGroup
			for i := range owners {
				learners.Go(func() {
					got, err := ledger.Learn(t.Context(), ref, by(agent.ID(fmt.Sprintf("agent-%d", i))), task.Running)
					if err != nil {
						t.Error(err)
					}
					owners[i] = got.Agent
				})
			}
			learners.Wait()
			for _, owner := range owners {
				if owner != owners[0] {
					t.Fatalf("the learners got %v", owners)
				}
			}
			wantOwner(t, ledger, ref, owners[0])
		}
		if err := closeWithin(ledger, 10*time.Second); err != nil {
			t.Error(err)
		}
		if err := memory.Close(); err != nil {
			t.Error(err)
		}
	}
}
