package lineage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// TestOthersKnowWhatIsServed has one process serve, and another one know of it until it is over.
func TestOthersKnowWhatIsServed(t *testing.T) {
	under(t, func(w *world) {
		first, second := w.start(w.bucket), w.start(w.bucket)
		a := w.serve(first, "a", trace, time.Minute)
		c := w.serve(second, "c", "", time.Minute)
		d := w.serve(first, "d", "", time.Minute)
		w.sees(first, "a", "d", "c")
		w.sees(second, "c", "a", "d")
		late := w.start(w.bucket)
		w.sees(late, "a", "c", "d")
		for _, l := range []*Ledger{first, second, late} {
			if traced := l.Traced("b", trace, time.Now(), nil); fmt.Sprint(by(traced)) != "[a]" {
				w.Errorf("the trace is that of %v", by(traced))
			}
			if traced, all := l.Traced("a", trace, time.Now(), nil), l.All("a", time.Now(), nil); len(traced)+len(all) != 0 {
				w.Errorf("a serves %v", by(all))
			}
		}
		if !a.Shared() || NewLedger(time.Minute).Begin("b", Served{}, noon).Shared() || (*Call)(nil).Shared() {
			w.Error("not those calls are shared that are")
		}
		a.End(nil, time.Now())
		a.End(nil, time.Now())
		w.sees(second, "c", "d")
		c.End(nil, time.Now())
		d.End(nil, time.Now())
		for _, l := range []*Ledger{first, second, late} {
			w.sees(l)
		}
		if keys := w.keys(); len(keys) != 0 || len(first.shared.told)+len(first.shared.counts) != 0 {
			w.Errorf("%v is left", keys)
		}
	})
}

// TestAuthorityTravels holds that others know a call's authority as it is.
func TestAuthorityTravels(t *testing.T) {
	under(t, func(w *world) {
		first, second := w.start(w.bucket), w.start(w.bucket)
		want := served("a", trace, agent.Supervisor)
		want.Authority.Trust, want.Authority.Depth, want.Authority.Until = 812, 2, time.Now().Add(time.Hour).UTC()
		want.Authority.Scope = [][]agent.Capability{{"call:*", "read:weather"}, {"*:b"}}
		want.Holders = []agent.ID{"root", "a"}
		if _, err := first.Serve(w.Context(), "b", want, time.Minute, time.Now()); err != nil {
			w.Fatal(err)
		}
		synctest.Wait()
		if all := second.All("b", time.Now(), nil); len(all) != 1 || fmt.Sprint(all[0]) != fmt.Sprint(want) {
			w.Errorf("got %v, want %v", all, want)
		}
	})
}

// TestEarlierCallsAreKnown holds what Serve promises: what any process began to serve before is known when it returns.
func TestEarlierCallsAreKnown(t *testing.T) {
	under(t, func(w *world) {
		first, second := w.start(w.bucket), w.start(w.bucket)
		for i := range 200 {
			name := agent.ID(fmt.Sprint("a", i))
			w.serve(first, name, "", time.Minute)
			mine := w.serve(second, "mine", "", time.Minute)
			if all := second.All("b", time.Now(), mine); len(all) != i+1 || all[i].Holders[0] != name {
				w.Fatalf("call %d is not known: %v", i, by(all))
			}
			mine.End(nil, time.Now())
		}
	})
}

// TestTasksGoOnElsewhere has tasks go on after the answer, and each process see them end.
func TestTasksGoOnElsewhere(t *testing.T) {
	under(t, func(w *world) {
		first, second := w.start(w.bucket), w.start(w.bucket)
		for _, seer := range []*Ledger{first, second} {
			w.pass(rumour) // an agent may name tasks as it named those that ended
			w.serve(first, "a", trace, 10*time.Second).End([]string{"t1", "t2"}, time.Now())
			w.sees(second, "a")
			seer.Finished("b", "t1", time.Now())
			w.sees(first, "a")
			w.sees(second, "a")
			seer.Finished("c", "t2", time.Now())
			seer.Finished("b", "t2", time.Now())
			w.sees(first)
			w.sees(second)
			if keys := w.keys(); len(keys) != 0 {
				w.Errorf("%v is left", keys)
			}
		}
		w.pass(rumour)
		w.serve(first, "a", trace, 10*time.Second).End([]string{"t1"}, time.Now())
		w.pass(59 * time.Second)
		w.sees(second, "a")
		w.pass(3 * time.Second)
		w.sees(first)
		w.sees(second)
		if keys := w.keys(); len(keys) != 0 || len(first.shared.told) != 0 {
			w.Errorf("%v is left", keys)
		}
	})
}

// TestTasksEndBeforeTheyAreHeardOf has a process see tasks end while it hears nothing of the call that started them.
func TestTasksEndBeforeTheyAreHeardOf(t *testing.T) {
	under(t, func(w *world) {
		first, second := w.start(w.bucket), w.start(w.bucket)
		second.Finished("b", "t1", time.Now())
		second.Finished("c", "t2", time.Now())
		w.serve(first, "a", trace, 10*time.Second).End([]string{"t1", "t2"}, time.Now())
		w.sees(second, "a")
		second.Finished("b", "t3", time.Now())
		second.Finished("b", "t4", time.Now())
		w.serve(first, "d", trace, 10*time.Second).End([]string{"t3", "t4"}, time.Now())
		w.sees(second, "a")
		w.sees(first, "a")
		second.Finished("b", "t2", time.Now())
		w.sees(second)
		w.sees(first)
		if keys := w.keys(); len(keys) != 0 {
			w.Errorf("%v is left", keys)
		}
	})
}

// TestBrokenCallsLingerElsewhere has a call break off: every process counts it until its time is over, whatever tasks are
// seen to end, and whatever becomes of the process that it came through.
func TestBrokenCallsLingerElsewhere(t *testing.T) {
	for name, after := range map[string]func(w *world, l *Ledger){
		"goes-on": func(*world, *Ledger) {},
		"stops": func(w *world, l *Ledger) {
			if err := l.Close(w.Context()); err != nil {
				w.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, func(w *world) {
				first, second := w.start(w.bucket), w.start(w.bucket)
				c := w.serve(first, "a", trace, 10*time.Minute)
				c.Break(time.Now())
				c.End(nil, time.Now())
				after(w, first)
				second.Finished("b", "t", time.Now())
				late := w.start(w.bucket)
				w.pass(59 * time.Second)
				for _, l := range []*Ledger{first, second, late} {
					w.sees(l, "a")
					if traced := l.Traced("b", trace, time.Now(), nil); len(traced) != 1 || !l.Any("b", time.Now(), nil) {
						w.Errorf("of the trace %v are served", by(traced))
					}
				}
				w.pass(3 * time.Second)
				for _, l := range []*Ledger{first, second, late} {
					w.sees(l)
				}
				if keys := w.keys(); len(keys) != 0 || name == "goes-on" && len(first.shared.told)+len(first.shared.counts) != 0 {
					w.Errorf("%v is left", keys)
				}
			})
		})
	}
}

// TestKilledProcessesLeaveAnEnd kills a process. What it served counts until its time is over, and then leaves nothing.
func TestKilledProcessesLeaveAnEnd(t *testing.T) {
	under(t, func(w *world) {
		first, second := w.start(w.bucket), w.start(w.bucket)
		w.serve(first, "a", "", 30*time.Second)
		kill(first)
		w.pass(89 * time.Second)
		w.sees(second, "a")
		w.pass(3 * time.Second)
		w.sees(second)
		if keys := w.keys(); len(keys) != 0 {
			w.Errorf("%v is left", keys)
		}
	})
}

// TestStopsFlush stops a process in good order: nothing of what is over is left.
func TestStopsFlush(t *testing.T) {
	under(t, func(w *world) {
		first, second := w.start(w.bucket), w.start(w.bucket)
		for range 100 {
			w.serve(first, "a", "", time.Minute).End(nil, time.Now())
		}
		w.serve(first, "c", "", time.Minute).End([]string{"t"}, time.Now())
		if err := first.Close(w.Context()); err != nil {
			w.Error(err)
		}
		w.sees(second, "c")
		if _, err := first.Serve(w.Context(), "b", served("a", "", agent.User), time.Minute, time.Now()); !errors.Is(err, store.ErrUnavailable) {
			w.Errorf("a stopped process serves: %v", err)
		}
	})
}

// TestLongCallsStand has a call last longer than its entry: it is written again, for as long as the call is under way.
func TestLongCallsStand(t *testing.T) {
	under(t, func(w *world) {
		first, second := w.start(w.bucket), w.start(w.bucket)
		c := w.serve(first, "a", "", 0)
		w.pass(10 * time.Minute)
		w.sees(second, "a")
		c.End(nil, time.Now())
		w.sees(second)
	})
}

// TestStoreFailures has the store fail, hang, or tell nothing: no call begins, and what may have been written goes.
func TestStoreFailures(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(f *faulty, on bool){
		"fails":  func(f *faulty, on bool) { f.fails.Store(on) },
		"hangs":  func(f *faulty, on bool) { f.hangs.Store(on) },
		"silent": func(f *faulty, on bool) { f.silent.Store(on); f.cut() },
	} {
		t.Run(name, func(t *testing.T) {
			under(t, func(w *world) {
				first := w.start(w.bucket)
				open := w.serve(first, "a", "", time.Minute)
				fault(w.bucket, true)
				began := time.Now()
				_, err := first.Serve(w.Context(), "b", served("c", "", agent.User), time.Minute, began)
				if err == nil || time.Since(began) > DefaultTimeout {
					w.Errorf("after %s: %v", time.Since(began), err)
				}
				open.End(nil, time.Now())
				w.sees(first)
				fault(w.bucket, false)
				w.bucket.cut()
				w.pass(20 * time.Second)
				if keys := w.keys(); len(keys) != 0 {
					w.Errorf("%v is left", keys)
				}
				w.serve(first, "c", "", time.Minute)
				w.sees(first, "c")
			})
		})
	}
}

// TestLossOfTheMemory loses all that the processes told each other. What they know counts still, nothing begins until they
// have told it again, and what ended meanwhile ends.
func TestLossOfTheMemory(t *testing.T) {
	under(t, func(w *world) {
		other := &faulty{}
		other.inner.Store(w.bucket.inner.Load())
		first, second := w.start(w.bucket), w.start(other)
		open, task := w.serve(first, "a", "", 5*time.Minute), w.serve(first, "c", "", 5*time.Minute)
		task.End([]string{"t"}, time.Now())
		w.sees(second, "a", "c")
		w.bucket.fails.Store(true)
		w.bucket.cut() // the first process is cut off, the second one has an empty memory
		w.fresh()
		other.inner.Store(w.bucket.inner.Load())
		other.cut()
		w.sees(second, "a", "c")
		w.pass(time.Second)
		if _, err := second.Serve(w.Context(), "b", served("d", "", agent.User), time.Minute, time.Now()); !errors.Is(err, store.ErrUnavailable) {
			w.Errorf("a call begins though nobody has told anything: %v", err)
		}
		w.bucket.fails.Store(false)
		w.pass(recovery)
		w.sees(second, "a", "c")
		if keys := w.keys(); len(keys) != 2 {
			w.Errorf("%v is told again", keys)
		}
		w.pass(recovery)
		open.End(nil, time.Now())
		w.sees(second, "c")
		second.Finished("b", "t", time.Now())
		w.sees(first)
		w.sees(second)
		w.serve(second, "d", "", time.Minute)
		w.sees(first, "d")
	})
}

// TestLostCallsEnd loses the memory and, with it, the process that told: what it served counts until its time is over.
func TestLostCallsEnd(t *testing.T) {
	under(t, func(w *world) {
		first, second := w.start(w.bucket), w.start(w.bucket) // the second one's watch can be cut
		w.serve(first, "a", "", time.Minute)
		synctest.Wait()
		kill(first)
		w.fresh()
		w.pass(time.Minute)
		w.sees(second, "a")
		w.pass(time.Minute + skew + time.Second)
		w.sees(second)
	})
}

// TestUnreadableEntries holds that what cannot be read counts as a call of no authority.
func TestUnreadableEntries(t *testing.T) {
	t.Parallel()
	good, err := encode(served("a", trace, agent.Kernel), nil, noon)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"empty": "", "null": "null", "broken": string(good[:len(good)-1]), "no-holders": `{"version":1,"ends":"2026-11-25T12:00:00Z"}`,
		"another-version": `{"version":2,"holders":["a"],"ends":"2026-11-25T12:00:00Z"}`, "no-end": `{"version":1,"holders":["a"]}`,
		"no-trace":        `{"version":1,"trace":"x","holders":["a"],"ends":"2026-11-25T12:00:00Z"}`,
		"many-of-a-trace": `{"version":1,"many":true,"trace":"` + trace + `","holders":["a"],"ends":"2026-11-25T12:00:00Z"}`,
		"trust":           `{"version":1,"trust":1001,"holders":["a"],"ends":"2026-11-25T12:00:00Z"}`,
		"ring":            `{"version":1,"ring":9,"holders":["a"],"ends":"2026-11-25T12:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			under(t, func(w *world) {
				l := w.start(w.bucket)
				for key, about := range map[string][]agent.ID{"b.other.1": {"b"}, "nobody-knows": {"b", "c"}, "B.other.1": {"b", "c"}, "b.other": {"b", "c"}} {
					if _, err := w.bucket.Create(w.Context(), key, []byte(value), 0); err != nil {
						w.Fatal(err)
					}
					synctest.Wait()
					for _, name := range []agent.ID{"b", "c"} {
						traced, all := l.Traced(name, trace, time.Now(), nil), l.All(name, time.Now(), nil)
						if want := slices.Contains(about, name); (len(all) == 1) != want || (len(traced) == 1) != want || want && len(all[0].Authority.Scope)+int(all[0].Authority.Ring) != 0 || l.Any(name, time.Now(), nil) != want {
							w.Errorf("%s of %s: %v", key, name, all)
						}
					}
					if err := w.bucket.Delete(w.Context(), key, 0); err != nil {
						w.Fatal(err)
					}
				}
				w.sees(l)
			})
		})
	}
}

// TestManyCallsNarrowElsewhere goes beyond what is told apart: others know of those calls as one, with what all of them
// have in common, and of no more entries than that.
func TestManyCallsNarrowElsewhere(t *testing.T) {
	under(t, func(w *world) {
		first, second := w.start(w.bucket), w.start(w.bucket)
		var calls []*Call
		for i := range maxServed + 20 {
			by, ring := agent.ID("a"), agent.Supervisor
			if i == maxServed+3 {
				by, ring = "c", agent.Untrusted
			}
			c, err := first.Serve(w.Context(), "b", served(by, trace, ring), time.Minute, time.Now())
			if err != nil {
				w.Fatal(err)
			}
			calls = append(calls, c)
		}
		synctest.Wait()
		all := second.All("b", time.Now(), nil)
		if len(all) != maxServed+1 || all[maxServed].Authority.Ring != agent.Untrusted || all[maxServed].Trace != "" || !all[maxServed].Many {
			w.Errorf("%d calls are known, the last %+v", len(all), all[len(all)-1])
		}
		if holders := all[len(all)-1].Holders; fmt.Sprint(holders) != "[a c]" {
			w.Errorf("beyond what is told apart %v are served", holders)
		}
		for _, trace := range []string{"1af7651916cd43dd8448eb211c80319c", ""} {
			if traced := second.Traced("b", trace, time.Now(), nil); (len(traced) == 1) != (trace != "") {
				w.Errorf("of the trace %q %v are served: one that nothing is told apart of may carry each", trace, by(traced))
			}
		}
		for _, c := range calls {
			c.End(nil, time.Now())
		}
		synctest.Wait()
		if all := second.All("b", time.Now(), nil); len(all) != 1 {
			w.Errorf("%d calls are left", len(all))
		}
		w.pass(3 * time.Minute)
		w.sees(second)
		if keys := w.keys(); len(keys)+len(first.shared.told)+len(first.shared.lumps)+len(first.shared.counts) != 0 {
			w.Errorf("%v is left", keys)
		}
	})
}

// TestConcurrentSharing has processes begin, look, end and finish at once.
func TestConcurrentSharing(t *testing.T) {
	under(t, func(w *world) {
		ledgers := []*Ledger{w.start(w.bucket), w.start(w.bucket)}
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				l, other := ledgers[i%2], ledgers[1-i%2]
				for j := range 50 {
					c, err := l.Serve(context.Background(), "b", served("a", trace, agent.User), time.Minute, time.Now())
					if err != nil {
						w.Error(err)
						return
					}
					l.Traced("b", trace, time.Now(), c)
					l.Any("b", time.Now(), c)
					l.All("b", time.Now(), c)
					id := fmt.Sprint(i, "-", j)
					if j%2 == 0 {
						c.End([]string{id}, time.Now())
						other.Finished("b", id, time.Now())
						l.Finished("b", id, time.Now())
						continue
					}
					c.End(nil, time.Now())
				}
			})
		}
		group.Wait()
		w.sees(ledgers[0])
		w.sees(ledgers[1])
		if keys := w.keys(); len(keys) != 0 {
			w.Errorf("%v is left", keys)
		}
	})
}

func FuzzEntry(f *testing.F) {
	good, err := encode(served("a", trace, agent.User), []string{"t"}, noon)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("b.p.1", good)
	f.Add(epochKey, []byte("p.1"))
	f.Add("x", []byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		e, err := read(store.Entry{Key: key, Value: value, Revision: 1})
		if err != nil || e == nil {
			t.Fatal("an entry is skipped")
		}
		if a := e.served.Authority; !e.readable() && (len(a.Scope) != 0 || a.Ring != agent.Untrusted || !a.Over(noon)) {
			t.Errorf("what cannot be read has the authority %+v", a)
		}
		if callee, process := owners(key); callee != "" {
			if _, err := agent.ParseID(string(callee)); err != nil || process == "" && keyOf(callee, process, 0) == key {
				t.Errorf("%q is %q of %q", key, callee, process)
			}
		}
	})
}
