package store_test

import (
	"runtime"
	"testing"
)

// TestWatchesHoldNoRoom counts what watches allocate that are there but have nothing to tell. It runs alone, as all that is
// allocated counts.
func TestWatchesHoldNoRoom(t *testing.T) {
	const watches, most = 8, 256 << 10
	b := openBucket(t, openEmbedded(t, t.TempDir()))
	allocated := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.TotalAlloc
	}
	before := allocated()
	for range watches {
		events, err := b.Watch(t.Context())
		must(t, err)
		if event := <-events; !event.Synced {
			t.Fatalf("an empty bucket has %v", event)
		}
	}
	if each := (allocated() - before) / watches; each > most {
		t.Errorf("a watch allocates %d bytes, more than %d", each, most)
	}
}
