package task

import (
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// FuzzDecodeRecord shows that what can be read is written back as it was, and that the store's keys have one spelling.
func FuzzDecodeRecord(f *testing.F) {
	created := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	for _, r := range []record{
		{owner: Owner{Created: created}, expires: created},
		{owner: Owner{Agent: "alice", For: "root", DID: "did:mesh:x", Context: "c\x00\xff", Created: created}, expires: created.Add(time.Hour), state: Finished},
	} {
		data, err := r.encode()
		if err != nil {
			f.Fatal(err)
		}
		k, err := Ref{Callee: "booking", Task: "t-1"}.key()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, k.String())
	}
	for _, text := range []string{"", "null", "{}", "[]", `{"created":"x"}`, `{"agent":"A b","created":"2026-01-01T00:00:00Z","expires":"2026-01-01T00:00:00Z"}`} {
		f.Add([]byte(text), text)
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		if k, ok := parseKey(name); ok {
			if again, ok := parseKey(k.String()); !ok || again != k {
				t.Errorf("key %q is read as %v and as %v", name, k, again)
			}
		}
		first, err := decodeRecord(data, 7)
		if err != nil {
			return
		}
		if first.owner.Created.IsZero() || first.expires.IsZero() || first.revision != 7 {
			t.Fatalf("%q is accepted as %+v", data, first)
		}
		encoded, err := first.encode()
		if err != nil {
			return // a year that JSON has no form for
		}
		second, err := decodeRecord(encoded, 7)
		if err != nil || !first.owner.same(second.owner) || first.owner.Context != second.owner.Context ||
			!first.owner.Created.Equal(second.owner.Created) || !first.expires.Equal(second.expires) || first.state != second.state {
			t.Errorf("%+v was written and read as %+v, %v", first, second, err)
		}
	})
}

// TestRingOfUse compares the order of use with a plain list.
func TestRingOfUse(t *testing.T) {
	t.Parallel()
	m := newMemory(3)
	names := func(ids string) (keys []key) {
		for _, id := range ids {
			keys = append(keys, key{byte(id)})
		}
		return keys
	}
	order := func() (ids string) {
		for it := m.ends.older; it != m.ends; it = it.older {
			ids += string(rune(it.key[0]))
		}
		return ids
	}
	for _, step := range []struct{ add, use, remove, want string }{
		{add: "abc", want: "cba"},
		{use: "a", want: "acb"},
		{use: "a", want: "acb"},
		{use: "b", want: "bac"},
		{add: "d", want: "dba"},
		{remove: "b", want: "da"},
		{remove: "bx", want: "da"},
		{remove: "da", want: ""},
		{add: "e", use: "e", want: "e"},
	} {
		for _, k := range names(step.add) {
			if gone := m.add(&item{key: k}); gone != nil && m.find(gone.key) != nil {
				t.Errorf("%v went and is still known", gone.key[0])
			}
		}
		for _, k := range names(step.use) {
			m.find(k)
		}
		for _, k := range names(step.remove) {
			m.remove(k)
		}
		if got := order(); got != step.want || len(got) != len(m.items) {
			t.Errorf("after %+v the order is %q of %d", step, got, len(m.items))
		}
	}
}

// TestMergeGoesForward shows that old news change nothing, and who yields to whom.
func TestMergeGoesForward(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(name agent.ID, revision uint64, state State) record {
		return record{owner: Owner{Agent: name}, state: state, expires: now.Add(time.Duration(revision) * time.Hour), revision: revision}
	}
	tests := []struct {
		name             string
		have, news, want record
		conflicts        uint64
	}{
		{"older", at("alice", 5, Running), at("bob", 4, Finished), at("alice", 5, Running), 0},
		{"same", at("alice", 5, Running), at("alice", 5, Running), at("alice", 5, Running), 0},
		{"newer", at("alice", 5, Running), at("alice", 6, Finished), at("alice", 6, Finished), 0},
		{"end-stays", at("alice", 5, Finished), at("alice", 6, Running), at("alice", 6, Finished), 0},
		{"first-stored-wins", at("bob", 0, Finished), at("alice", 1, Running), at("alice", 1, Running), 1},
		{"stored-as-learned", at("alice", 0, Running), at("alice", 1, Running), at("alice", 1, Running), 0},
		{"owned-anew", at("alice", 5, Finished), at("bob", 6, Running), at("bob", 6, Running), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(Config{Memory: 1})
			it := &item{record: test.have}
			l.merge(it, test.news)
			if it.record != test.want || l.counts.conflicts.Load() != test.conflicts {
				t.Errorf("%+v became %+v with %d conflicts, want %+v with %d", test.have, it.record, l.counts.conflicts.Load(), test.want, test.conflicts)
			}
		})
	}
}

// TestPartial lists what makes the memory stand for the store no longer.
func TestPartial(t *testing.T) {
	t.Parallel()
	stored := func(id byte) *item { return &item{key: key{id}, record: record{revision: 1}} }
	tests := []struct {
		name  string
		steps func(l *Ledger)
		want  bool
	}{
		{"room", func(l *Ledger) { l.remember(stored(1)) }, false},
		{"eviction", func(l *Ledger) { l.remember(stored(1)); l.remember(stored(2)) }, true},
		{"unreadable", func(l *Ledger) { l.hide(key{1}) }, true},
		{"written", func(l *Ledger) {
			it := stored(1)
			l.remember(it)
			l.enqueue(it)
			l.settle(t.Context(), it, it.record, it.record, nil)
		}, false},
		{"written-after-eviction", func(l *Ledger) {
			it := stored(1)
			l.remember(it)
			l.enqueue(it)
			l.remember(stored(2))
			l.partial = false // as a new listing makes it
			l.settle(t.Context(), it, it.record, it.record, nil)
		}, true},
		{"write-refused", func(l *Ledger) {
			it := stored(1)
			l.remember(it)
			l.enqueue(it)
			l.settle(t.Context(), it, it.record, record{}, errGone)
		}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(Config{Memory: 1})
			l.live = true
			test.steps(l)
			if l.knowsAll() == test.want {
				t.Errorf("knowsAll() = %v", !test.want)
			}
		})
	}
}
