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
		exist   []string
		after   []string
	}{
		{"all-in-turn", 2, []step{{value("a"), false, false, true}, {value("b"), true, true, true}}, []string{"a", "b"}, nil},
		{
			"new-key-takes-the-turn-of-a-rewritten-one", 2,
			[]step{{value("a"), false, false, true}, {value("new"), false, true, true}},
			[]string{"a", "b", "new"},
			[]string{"b"},
		},
		{
			"several-are-missing", 3,
			[]step{{value("a"), true, true, true}},
			[]string{"a", "b", "c"},
			[]string{"b", "c"},
		},
		{"old-trace", 2, []step{{removal("gone"), false, false, false}, {value("a"), false, true, true}}, []string{"gone", "a"}, nil},
		{
			"removed-after-it-was-delivered", 2,
			[]step{{value("a"), false, false, true}, {removal("a"), false, true, true}},
			[]string{"a", "b"},
			[]string{"b"},
		},
		{
			"made-again-after-an-old-trace", 2,
			[]step{{removal("a"), false, false, false}, {value("a"), false, true, true}, {removal("a"), false, true, true}},
			[]string{"a"},
			nil,
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
			s.missing = map[string]struct{}{}
			for _, key := range c.exist {
				s.expect(key)
			}
			for _, key := range c.after {
				if s.done() {
					t.Errorf("done before %s", key)
				}
				s.note(removal(key))
			}
			if !s.done() {
				t.Errorf("not done, missing %v", s.missing)
			}
		})
	}
}
