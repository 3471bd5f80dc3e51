package task_test

import (
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/task"
)

func TestExpiry(t *testing.T) {
	tests := []struct {
		name  string
		steps func(t *testing.T, ledger *task.Ledger)
		want  string
	}{
		{"unused-within-retention", func(*testing.T, *task.Ledger) { time.Sleep(30 * day) }, "alice"},
		{"unused-for-long", func(*testing.T, *task.Ledger) { time.Sleep(46 * day) }, ""},
		{"used-now-and-then", func(t *testing.T, l *task.Ledger) {
			for range 10 {
				time.Sleep(29 * day)
				wantOwner(t, l, first, "alice")
				synctest.Wait()
			}
		}, "alice"},
		{"used-then-left", func(t *testing.T, l *task.Ledger) {
			time.Sleep(29 * day)
			wantOwner(t, l, first, "alice")
			time.Sleep(46 * day)
		}, ""},
		{"learned-again", func(t *testing.T, l *task.Ledger) {
			time.Sleep(29 * day)
			learn(t, l, first, by("alice"))
			time.Sleep(29 * day)
		}, "alice"},
		{"finished-within-its-time", func(_ *testing.T, l *task.Ledger) {
			l.Finish(first)
			time.Sleep(day)
		}, "alice"},
		{"finished-for-long", func(_ *testing.T, l *task.Ledger) {
			l.Finish(first)
			time.Sleep(2 * day)
		}, ""},
		{"finished-twice", func(_ *testing.T, l *task.Ledger) {
			l.Finish(first)
			time.Sleep(20 * time.Hour)
			l.Finish(first)
			time.Sleep(20 * time.Hour)
		}, ""},
		{"learned-as-finished", func(t *testing.T, l *task.Ledger) {
			if _, err := l.Learn(t.Context(), first, by("bob"), task.Finished); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * day)
		}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				bucket := newBucket(t)
				for _, wait := range []bool{false, true} {
					config := settings(bucket)
					config.WaitForStore = wait
					ledger := open(t, config)
					learn(t, ledger, first, by("alice"))
					synctest.Wait()
					test.steps(t, ledger)
					synctest.Wait()
					restarted := open(t, config)
					for _, l := range []*task.Ledger{ledger, restarted} {
						if test.want == "" {
							wantOwner(t, l, first, "")
						} else {
							wantOwner(t, l, first, "alice")
						}
					}
					if err := ledger.Forget(t.Context(), first); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
			})
		})
	}
}

// TestAnyProcessProlongs shows that a task is used where it has to be read from the store first, too.
func TestAnyProcessProlongs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		config := settings(unwatched{bucket})
		learn(t, open(t, config), first, by("alice"))
		synctest.Wait()
		time.Sleep(29 * day)
		wantOwner(t, open(t, config), first, "alice")
		synctest.Wait()
		time.Sleep(29 * day)
		wantOwner(t, open(t, config), first, "alice")
	})
}

// TestStoreDoesNotGrow shows that records leave the store, those that were written again too.
func TestStoreDoesNotGrow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		ledger := open(t, settings(bucket))
		learn(t, ledger, first, by("alice"))
		learn(t, ledger, second, by("alice"))
		synctest.Wait()
		ledger.Finish(first)
		time.Sleep(20 * day)
		if keys := onlyKey(t, bucket); keys == "" {
			t.Error("the store lost a task that still runs")
		}
		wantOwner(t, ledger, second, "alice")
		time.Sleep(47 * day)
		if key := onlyKey(t, bucket); key != "" {
			t.Errorf("the store still has %s", key)
		}
		if got := ledger.Stats(); got.Swept == 0 || got.Known != 0 {
			t.Errorf("Stats() = %+v, want the finished task swept and nothing in memory", got)
		}
	})
}

// TestExpiredTaskIsTakenOver lets two processes learn a task whose record has expired but was not yet removed.
func TestExpiredTaskIsTakenOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket := newBucket(t)
		config := settings(unwatched{bucket}) // so nobody sweeps
		ledger := open(t, config)
		learn(t, ledger, first, by("alice"))
		synctest.Wait()
		ledger.Finish(first) // a record that is written again does not leave the store by itself
		synctest.Wait()
		time.Sleep(2 * day)
		if onlyKey(t, bucket) == "" {
			t.Fatal("the record is gone")
		}
		wantOwner(t, ledger, first, "")
		a, b := open(t, config), open(t, config)
		learn(t, a, first, by("bob"))
		learn(t, b, first, by("carol"))
		synctest.Wait()
		owner, err := a.Owner(t.Context(), "x", first)
		if err != nil || owner.Agent == "alice" {
			t.Fatalf("the task belongs to %q, %v", owner.Agent, err)
		}
		wantOwner(t, b, first, owner.Agent)
		if got := a.Stats().Conflicts + b.Stats().Conflicts; got != 1 {
			t.Errorf("%d conflicts, want 1", got)
		}
	})
}

// TestRenewalsAreRare shows what constant use of a task costs.
func TestRenewalsAreRare(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ledger := open(t, settings(newBucket(t)))
		learn(t, ledger, first, by("alice"))
		for range 60 * 24 {
			time.Sleep(time.Hour)
			wantOwner(t, ledger, first, "alice")
		}
		synctest.Wait()
		if got := ledger.Stats().Stored; got < 4 || got > 6 {
			t.Errorf("%d writes in 60 days of hourly use, want about one each 15 days", got)
		}
	})
}
