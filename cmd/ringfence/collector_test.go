package main

import (
	"runtime"
	"testing"
	"time"
)

func TestCollectorPercent(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 400, 1 << 20: 400, 8 << 20: 400, 16 << 20: 200, 32 << 20: 100, 64 << 20: 50, 128 << 20: 25, 1 << 40: 25} {
		if got := collectorPercent(live); got != want {
			t.Errorf("%d bytes live: %d %%, want %d", live, got, want)
		}
	}
}

// TestAfterCollection holds that something is done after each collection, and not once.
func TestAfterCollection(t *testing.T) {
	t.Parallel()
	done := make(chan struct{}, 64)
	afterCollection(func() {
		select {
		case done <- struct{}{}:
		default:
		}
	})
	for range 3 {
		runtime.GC()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("nothing was done")
		}
	}
}
