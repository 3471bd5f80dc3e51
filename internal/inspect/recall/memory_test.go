package recall

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/inspect"
)

func filled(tb testing.TB, bytes int64) *memory {
	tb.Helper()
	m, err := newMemory(bytes)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// numbered names scans so that all shards get their share.
func numbered(i int) *name {
	var n name
	binary.LittleEndian.PutUint32(n[:], uint32(i))
	binary.LittleEndian.PutUint64(n[8:], uint64(i))
	return &n
}

// of are the findings of the scan with a number: some have none, and few have many.
func of(i int) []inspect.Finding {
	var found []inspect.Finding
	for at := range (i % 7) / 4 * (i % 13) {
		found = append(found, inspect.Finding{Rule: fmt.Sprint(i), Text: at})
	}
	return found
}

// check holds what a memory counts against what is there, and that against the bound.
func (m *memory) check(tb testing.TB, bytes int64) {
	tb.Helper()
	var all int64
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		entries := 0
		for _, g := range []*generation{&s.young, &s.old} {
			var held int64
			for _, at := range g.entries {
				held += cost(g.at(at))
			}
			if held > g.bytes || g.bytes > s.room {
				tb.Errorf("a generation of %d bytes counts %d and has room for %d", held, g.bytes, s.room)
			}
			entries += len(g.entries)
			all += held
		}
		if left := s.stats.Kept - s.stats.Evicted; uint64(entries) != left {
			tb.Errorf("%d scans are remembered, of %+v", entries, s.stats)
		}
		s.mu.Unlock()
	}
	if all > bytes {
		tb.Errorf("%d bytes are remembered, of at most %d", all, bytes)
	}
}

// Whatever is asked in whatever order, a memory answers what a map would that forgets nothing, or nothing.
func TestAMemoryIsAMapThatForgets(t *testing.T) {
	t.Parallel()
	for _, bytes := range []int64{1, entryBytes, 2 * entryBytes, 5000, 100_000, 1 << 20} {
		t.Run(fmt.Sprint(bytes), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, uint64(bytes)))
			m, known := filled(t, bytes), map[int]bool{}
			var asked, hits uint64
			for range 20_000 {
				i := r.IntN(1 + r.IntN(3000))
				if r.IntN(2) == 0 {
					m.set(numbered(i), of(i))
					known[i] = true
					continue
				}
				asked++
				found, ok := m.get(numbered(i))
				if !ok {
					continue
				}
				hits++
				if !known[i] {
					t.Fatalf("scan %d was never remembered", i)
				}
				if diff := cmp.Diff(of(i), found); diff != "" {
					t.Fatalf("findings of %d (-want +got):\n%s", i, diff)
				}
			}
			m.check(t, bytes)
			stats := (&Scanner{memory: m}).Stats()
			if stats.Hits != hits || stats.Hits+stats.Misses != asked || stats.Hits == 0 != (bytes < 2*entryBytes) {
				t.Errorf("%d hits of %d are counted as %+v", hits, asked, stats)
			}
		})
	}
}

// What is asked for again before half of a memory has been filled is still there, however much comes and goes.
func TestWhatIsOfUseStays(t *testing.T) {
	t.Parallel()
	m := filled(t, leastShard) // in one shard
	room := int(m.shards[0].room)
	m.set(numbered(0), of(4))
	for i, since := 1, 0; i < 5000; i++ {
		m.set(numbered(i), of(i))
		if since += int(cost(of(i))); since+int(cost(of(i+1))) <= room-int(cost(of(4))) {
			continue
		}
		since = 0
		if _, ok := m.get(numbered(0)); !ok {
			t.Fatalf("what is of use is forgotten by scan %d", i)
		}
	}
	if _, ok := m.get(numbered(1)); ok {
		t.Error("what is of no use stays")
	}
}

func TestWhatHasNoRoomIsDropped(t *testing.T) {
	t.Parallel()
	m := filled(t, leastShard)
	m.set(numbered(1), nil)
	m.set(numbered(2), make([]inspect.Finding, leastShard/2/findingBytes+1))
	if _, ok := m.get(numbered(1)); !ok {
		t.Error("what has no room takes that of another")
	}
	if _, ok := m.get(numbered(2)); ok {
		t.Error("more is remembered than there is room for")
	}
	if got := m.shards[0].stats; got.Dropped != 1 || got.Kept != 1 || got.Evicted != 0 {
		t.Errorf("stats = %+v", got)
	}
}

func TestTheBoundHoldsUnderConcurrentUse(t *testing.T) {
	t.Parallel()
	const bytes = 200_000
	m := filled(t, bytes)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(worker)))
			for range 5000 {
				i := r.IntN(4000)
				found, ok := m.get(numbered(i))
				if ok && !slices.Equal(of(i), found) {
					t.Errorf("findings of %d = %v", i, found)
				}
				if !ok {
					m.set(numbered(i), of(i))
				}
			}
		})
	}
	group.Wait()
	m.check(t, bytes)
}

// A memory that has been full once takes what is new without allocating.
func TestAFullMemoryAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("allocations differ under the race detector")
	}
	m, i := filled(t, 1<<20), 0
	one := func() {
		i++
		n := numbered(i)
		if _, ok := m.get(n); !ok {
			m.set(n, nil)
		}
	}
	for range 1 << 20 / entryBytes * 2 {
		one()
	}
	if n := testing.AllocsPerRun(2000, one); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUnseen(b *testing.B) {
	m, i := filled(b, 16<<20), 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		n := numbered(i)
		if _, ok := m.get(n); !ok {
			m.set(n, nil)
		}
	}
}
