package store

import "testing"

// TestInitialState plays what a server sends while others write, which no real server does on demand.
func TestInitialState(t *testing.T) {
	t.Parallel()
	type step struct {
		event          Event
		caughtUp       bool
		asks, delivers bool
	}
	value := func(key string) Event { return Event{Entry: Entry{Key: key}} }
	removal := func(key string) Event { return Event{Entry: Entry{Key: key}, Deleted: true} }
	cases := []struct {
		name    string
		pending uint64
		steps   []step
		// target is the last sequence when it was asked for; each step is one sequence.
		target uint64
		done   bool
	}{
		{"all-in-turn", 2, []step{{value("a"), false, false, true}, {value("b"), true, true, true}}, 2, true},
		{
			"new-key-takes-the-turn-of-a-rewritten-one", 2,
			[]step{{value("a"), false, false, true}, {value("new"), false, true, true}},
			3, false,
		},
		{"several-are-missing", 3, []step{{value("a"), true, true, true}}, 3, false},
		{"old-trace", 2, []step{{removal("gone"), false, false, false}, {value("a"), false, true, true}}, 2, true},
		{
			"removed-after-it-was-delivered", 2,
			[]step{{value("a"), false, false, true}, {removal("a"), false, true, true}},
			3, false,
		},
		{"removal-not-yet-at-a-replica-that-lags", 1, []step{{value("a"), true, true, true}}, 2, false},
		{
			"made-again-after-an-old-trace", 2,
			[]step{{removal("a"), false, false, false}, {value("a"), false, true, true}, {removal("a"), false, true, true}},
			3, true,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &initialState{pending: c.pending, seen: map[string]bool{}}
			for i, step := range c.steps {
				if got := s.note(step.event); got != step.delivers {
					t.Errorf("step %d: delivers %v, want %v", i, got, step.delivers)
				}
				if got := s.worthAsking(step.caughtUp); got != step.asks {
					t.Errorf("step %d: worth asking %v, want %v", i, got, step.asks)
				}
			}
			s.target = c.target
			if got := s.reached(uint64(len(c.steps))); got != c.done {
				t.Errorf("reached %v, want %v", got, c.done)
			}
		})
	}
}
