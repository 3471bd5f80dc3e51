package attack

import (
	"sync"
	"testing"
	"time"
)

// TestReplays sends a request again, byte for byte, at every place where it could count once more.
func TestReplays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		ahead  time.Duration
		again  func(w *world, first, second *replica) *replica
		reason string
	}{
		{"same-process", 0, func(_ *world, first, _ *replica) *replica { return first }, "replayed"},
		{"other-process", 0, func(_ *world, _, second *replica) *replica { return second }, "replayed"},
		{"almost-expired", 0, func(w *world, _, second *replica) *replica {
			w.pass(58 * time.Second)
			return second
		}, "replayed"},
		{"process-restarted", 0, func(w *world, first, _ *replica) *replica {
			first.kill()
			return w.start()
		}, "before-boot"},
		{"both-restarted", 0, func(w *world, first, second *replica) *replica {
			first.kill()
			second.kill()
			return w.start()
		}, "before-boot"},
		{"clock-ahead-same-process", 9 * time.Second, func(_ *world, first, _ *replica) *replica { return first }, "replayed"},
		{"clock-ahead-other-process", 9 * time.Second, func(_ *world, _, second *replica) *replica { return second }, "replayed"},
		{"clock-ahead-both-restarted", 9 * time.Second, func(w *world, first, second *replica) *replica {
			first.kill()
			second.kill()
			return w.start()
		}, "replayed"},
		{"clock-ahead-both-restarted-later", 9 * time.Second, func(w *world, first, second *replica) *replica {
			first.kill()
			second.kill()
			r := w.start()
			w.pass(50 * time.Second)
			return r
		}, "replayed"},
		{"shared-memory-lost", 0, func(w *world, _, second *replica) *replica {
			w.forgetNonces()
			return second
		}, "before-boot"},
		{"shared-memory-and-clock-ahead-lost-with-the-process", 9 * time.Second, func(w *world, first, second *replica) *replica {
			first.kill()
			second.kill()
			w.forgetNonces()
			return w.start()
		}, "replayed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			under(t, nil, func(w *world) {
				first, second := w.replicas[0], w.start()
				w.pass(2 * time.Second)
				honest := pay(amber)
				honest.ahead = c.ahead
				s := w.sign(honest)
				first.send(s.copy()).allowed()
				place := c.again(w, first, second)
				place.send(s.copy()).denied("replay", c.reason)
				w.pass(2 * time.Second)
				place.send(w.sign(honest)).allowed()
			})
		})
	}
}

// forgetNonces empties what all processes share of nonces, as the end of the servers that held it does.
func (w *world) forgetNonces() {
	w.Helper()
	b, err := w.store.Volatile(w.Context(), noncesBucket)
	w.must(err)
	events, err := b.Watch(w.Context())
	w.must(err)
	for e := range events {
		if e.Synced {
			return
		}
		w.must(b.Delete(w.Context(), e.Key, 0))
	}
}

// TestReplaysAtTheSameMoment sends one request to both processes at once, many times over: it passes once.
func TestReplaysAtTheSameMoment(t *testing.T) {
	under(t, nil, func(w *world) {
		w.start()
		w.pass(2 * time.Second)
		for range 20 {
			s := w.sign(pay(amber))
			passed := make([]bool, 8)
			var racing sync.WaitGroup
			for i := range passed {
				racing.Go(func() { passed[i] = w.replicas[i%2].send(s.copy()).passed })
			}
			racing.Wait()
			count := 0
			for _, p := range passed {
				if p {
					count++
				}
			}
			if count != 1 {
				t.Fatalf("one request passed %d times", count)
			}
			w.pass(time.Second)
		}
	})
}

// TestReplaysWithoutTheSharedMemory holds that a process which cannot ask the others lets nothing through.
func TestReplaysWithoutTheSharedMemory(t *testing.T) {
	under(t, nil, func(w *world) {
		first, second := w.replicas[0], w.start()
		w.pass(2 * time.Second)
		s := w.sign(pay(amber))
		first.send(s.copy()).allowed()
		second.line.cut(noncesBucket)
		second.send(s.copy()).denied("replay", "replay-undecided")
		second.line.mend(noncesBucket)
		second.send(w.sign(pay(amber))).allowed()
	})
}

// TestHandedOverRequests begins requests in one process and ends them in the other, as two filters of a proxy may.
func TestHandedOverRequests(t *testing.T) {
	under(t, nil, func(w *world) {
		first, second := w.replicas[0], w.start()
		w.pass(2 * time.Second)
		s := w.sign(pay(amber))
		honest := s.copy()
		s.body = []byte(`{"jsonrpc":"2.0","id":"r1","method":"SendMessage"}`)
		w.begin(first, second, s).denied("digest", "digest-mismatch")
		w.begin(first, second, honest).denied("replay", "replayed")
		c := w.begin(first, second, w.sign(pay(amber)))
		defer c.close()
		c.allowed()
	})
}
