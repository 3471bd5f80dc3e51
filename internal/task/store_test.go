package task_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/task"
)

func TestStoreDownAndBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		ledger := open(t, settings(bucket))
		bucket.set(true)
		for i := range 40 {
			ref := task.Ref{Callee: "booking", Task: fmt.Sprint(i)}
			learn(t, ledger, ref, by("alice"))
			wantOwner(t, ledger, ref, "alice")
		}
		time.Sleep(time.Minute)
		if got := ledger.Stats(); got.Queued != 40 || got.Stored != 0 || got.Failed == 0 || got.Failed > 500 {
			t.Errorf("Stats() without a store = %+v, want 40 queued and some attempts", got)
		}
		bucket.set(false)
		time.Sleep(time.Minute)
		if got := ledger.Stats(); got.Queued != 0 || got.Stored != 40 {
			t.Errorf("Stats() with the store back = %+v, want 40 stored", got)
		}
		wantOwner(t, open(t, settings(unwatched{bucket})), task.Ref{Callee: "booking", Task: "7"}, "alice")
	})
}

func TestPendingOwnersStayInMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		config := settings(bucket)
		config.Memory = 2
		ledger := open(t, config)
		bucket.set(true)
		ref := func(i int) task.Ref { return task.Ref{Callee: "booking", Task: fmt.Sprint(i)} }
		for i := range 20 {
			learn(t, ledger, ref(i), by("alice"))
		}
		for i := range 20 {
			if got := learn(t, ledger, ref(i), by("mallory")); got != "alice" {
				t.Errorf("task %d belongs to %s", i, got)
			}
		}
		bucket.set(false)
		if err := closeWithin(ledger, time.Minute); err != nil {
			t.Errorf("Close() = %v", err)
		}
		if got := ledger.Stats(); got.Stored != 20 || got.Lost != 0 {
			t.Errorf("Stats() = %+v, want all 20 stored", got)
		}
	})
}

// TestFullQueue shows what happens to owners that found no room while the store was away.
func TestFullQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		config := settings(bucket)
		config.Memory = 40_000
		ledger := open(t, config)
		bucket.set(true)
		ref := func(i int) task.Ref { return task.Ref{Callee: "booking", Task: fmt.Sprint(i)} }
		const many = 20_000
		for i := range many {
			learn(t, ledger, ref(i), by("alice"))
		}
		if got := ledger.Stats(); got.Dropped == 0 || got.Queued+int(got.Dropped) != many {
			t.Errorf("Stats() = %+v, want each of %d queued or dropped", got, many)
		}
		bucket.set(false)
		time.Sleep(time.Minute)
		for i := range many {
			wantOwner(t, ledger, ref(i), "alice") // a use queues what was dropped
			if i%1000 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if got := ledger.Stats(); got.Stored != many || got.Lost != 0 {
			t.Errorf("Stats() = %+v, want %d stored", got, many)
		}
	})
}

// TestCloseAfterFullQueue shows that Close stores what once found no room, and says so when it cannot.
func TestCloseAfterFullQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, back := range []bool{true, false} {
			bucket := newBucket(t)
			config := settings(bucket)
			config.Memory = 40_000
			ledger := open(t, config)
			synctest.Wait()
			bucket.set(true)
			const many = 20_000
			for i := range many {
				learn(t, ledger, task.Ref{Callee: "booking", Task: fmt.Sprint(i)}, by("alice"))
			}
			bucket.set(!back)
			time.Sleep(time.Minute)
			err := closeWithin(ledger, time.Minute)
			if got := ledger.Stats(); back && (err != nil || got.Stored != many) || !back && err == nil {
				t.Errorf("Close() = %v with %+v", err, got)
			}
			if !back && !strings.Contains(err.Error(), fmt.Sprint(many)) {
				t.Errorf("Close() = %v, want it to say that %d were not stored", err, many)
			}
		}
	})
}

func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		stored := open(t, settings(bucket))
		for i := range 100 {
			learn(t, stored, task.Ref{Callee: "booking", Task: fmt.Sprint(i)}, by("alice"))
		}
		for range 2 {
			if err := closeWithin(stored, time.Second); err != nil {
				t.Errorf("Close() = %v", err)
			}
		}
		if _, creates := bucket.count(); creates != 100 {
			t.Errorf("%d of 100 owners were stored", creates)
		}
		if _, err := stored.Learn(t.Context(), task.Ref{Callee: "a", Task: "late"}, by("alice"), task.Running); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Learn() after Close() = %v, want %v", err, store.ErrUnavailable)
		}
		down := open(t, settings(bucket))
		bucket.set(true)
		learn(t, down, task.Ref{Callee: "a", Task: "unlucky"}, by("alice"))
		begun := time.Now()
		if err := closeWithin(down, 3*time.Second); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Close() without a store = %v, want %v", err, store.ErrUnavailable)
		}
		if waited := time.Since(begun); waited != 3*time.Second {
			t.Errorf("Close() waited %v, want the 3s it was given", waited)
		}
	})
}

// slow is a bucket whose reads say that they have begun, and then wait.
type slow struct {
	store.Bucket
	begun, proceed chan struct{}
}

func (s slow) Get(ctx context.Context, key string) (store.Entry, error) {
	close(s.begun)
	<-s.proceed
	return s.Bucket.Get(ctx, key)
}

// TestCloseWhileLearning shows that no owner is promised whom nobody is left to store.
func TestCloseWhileLearning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := slow{unwatched{newBucket(t)}, make(chan struct{}), make(chan struct{})}
		ledger := open(t, settings(bucket))
		learned := make(chan error)
		go func() {
			_, err := ledger.Learn(t.Context(), first, by("alice"), task.Running)
			learned <- err
		}()
		<-bucket.begun
		if err := closeWithin(ledger, time.Second); err != nil {
			t.Errorf("Close() = %v", err)
		}
		close(bucket.proceed)
		if err := <-learned; !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Learn() across Close() = %v, want %v", err, store.ErrUnavailable)
		}
	})
}

func TestRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		before := open(t, settings(bucket))
		learn(t, before, first, by("alice"))
		if err := closeWithin(before, time.Second); err != nil {
			t.Fatal(err)
		}
		lazy := open(t, settings(unwatched{bucket}))
		wantOwner(t, lazy, first, "alice")
		filled := open(t, settings(bucket))
		synctest.Wait()
		gets, _ := bucket.count()
		wantOwner(t, filled, first, "alice")
		if after, _ := bucket.count(); after != gets {
			t.Error("the store was read for a task that its listing had shown")
		}
	})
}

func TestWaitForStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		config := settings(bucket)
		config.WaitForStore = true
		ledger := open(t, config)
		learn(t, ledger, first, by("alice"))
		if entry, err := bucket.Get(t.Context(), onlyKey(t, bucket)); err != nil || len(entry.Value) == 0 {
			t.Errorf("Learn() returned before the owner was stored: %v", err)
		}
		bucket.set(true)
		if _, err := ledger.Learn(t.Context(), second, by("alice"), task.Running); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Learn() without a store = %v, want %v", err, store.ErrUnavailable)
		}
		wantOwner(t, ledger, first, "alice")
		bucket.set(false)
		wantOwner(t, ledger, second, "")
	})
}

// TestProcessesConverge lets two processes learn the same tasks with different owners.
func TestProcessesConverge(t *testing.T) {
	for _, watched := range []bool{true, false} {
		t.Run(fmt.Sprintf("watched-%v", watched), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				bucket := newBucket(t)
				config := settings(bucket)
				if !watched {
					config.Bucket = unwatched{bucket}
				}
				a, b := open(t, config), open(t, config)
				synctest.Wait()
				bucket.set(true)
				refs := make([]task.Ref, 40)
				for i := range refs {
					refs[i] = task.Ref{Callee: "booking", Task: fmt.Sprint(i)}
					go a.Learn(context.Background(), refs[i], by("alice"), task.Running) //nolint:errcheck // judged below
					go b.Learn(context.Background(), refs[i], by("bob"), task.Running)   //nolint:errcheck // judged below
				}
				synctest.Wait()
				wantOwner(t, a, refs[0], "alice")
				wantOwner(t, b, refs[0], "bob")
				bucket.set(false)
				time.Sleep(time.Minute)
				restarted := open(t, config)
				for _, ref := range refs {
					owner, err := a.Owner(t.Context(), "x", ref)
					if err != nil {
						t.Fatal(err)
					}
					wantOwner(t, b, ref, owner.Agent)
					wantOwner(t, restarted, ref, owner.Agent)
				}
				if got := a.Stats().Conflicts + b.Stats().Conflicts; got != uint64(len(refs)) {
					t.Errorf("%d conflicts for %d tasks", got, len(refs))
				}
			})
		})
	}
}

func TestNewsFromOtherProcesses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		a, b := open(t, settings(bucket)), open(t, settings(bucket))
		synctest.Wait()
		learn(t, a, first, by("alice"))
		synctest.Wait()
		gets, _ := bucket.count()
		wantOwner(t, b, first, "alice")
		if after, _ := bucket.count(); after != gets {
			t.Error("the store was read for a task that the watch had told of")
		}
		if err := a.Forget(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantOwner(t, a, first, "")
		wantOwner(t, b, first, "")
		if got := learn(t, b, first, by("bob")); got != "bob" {
			t.Errorf("a forgotten task belongs to %s", got)
		}
		if err := a.Forget(t.Context(), second); err != nil {
			t.Errorf("Forget() of a task nobody knows = %v", err)
		}
	})
}

// TestForgetWhileWriting forgets a task whose write is still waiting for the store.
func TestForgetWhileWriting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		ledger := open(t, settings(bucket))
		bucket.set(true)
		learn(t, ledger, first, by("alice"))
		synctest.Wait()
		if err := ledger.Forget(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		bucket.set(false)
		time.Sleep(time.Minute)
		wantOwner(t, ledger, first, "")
		if key := onlyKey(t, bucket); key != "" {
			t.Errorf("the store has %s", key)
		}
	})
}

// TestForgottenIsNotRenewed uses a task that another process has removed and that this one still knows.
func TestForgottenIsNotRenewed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		ledger := open(t, settings(unwatched{bucket}))
		learn(t, ledger, first, by("alice"))
		synctest.Wait()
		if err := open(t, settings(unwatched{bucket})).Forget(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * day)
		wantOwner(t, ledger, first, "alice")
		synctest.Wait()
		wantOwner(t, ledger, first, "")
		if key := onlyKey(t, bucket); key != "" {
			t.Errorf("the store has %s again", key)
		}
	})
}

// TestFinishWhileWriting finishes a task while its first write is under way.
func TestFinishWhileWriting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		bucket.gate = make(chan struct{})
		ledger := open(t, settings(bucket))
		learn(t, ledger, first, by("alice"))
		synctest.Wait()
		ledger.Finish(first)
		close(bucket.gate)
		synctest.Wait()
		time.Sleep(2 * day)
		wantOwner(t, open(t, settings(unwatched{bucket})), first, "")
	})
}

// TestMissedRemoval removes a task while a process cannot watch.
func TestMissedRemoval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		cut := &cutBucket{failing: bucket}
		ledger := open(t, settings(cut))
		learn(t, ledger, first, by("alice"))
		learn(t, ledger, second, by("alice"))
		synctest.Wait()
		bucket.set(true)
		cut.cut()
		if _, err := ledger.Owner(t.Context(), "x", task.Ref{Callee: "booking", Task: "t-3"}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Owner() of an unknown task without watch and store = %v, want %v", err, store.ErrUnavailable)
		}
		bucket.set(false)
		if err := open(t, settings(bucket)).Forget(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		wantOwner(t, ledger, first, "")
		wantOwner(t, ledger, second, "alice")
	})
}

// cutBucket is a bucket whose watches can be made to end early.
type cutBucket struct {
	*failing
	end context.CancelFunc
}

func (c *cutBucket) Watch(ctx context.Context) (<-chan store.Event, error) {
	ctx, end := context.WithCancel(ctx)
	c.mu.Lock()
	c.end = end
	c.mu.Unlock()
	return c.failing.Watch(ctx)
}

func (c *cutBucket) cut() {
	c.mu.Lock()
	end := c.end
	c.mu.Unlock()
	end()
	synctest.Wait()
}
