package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// collectorRoom is how many bytes may be left behind before they are collected. Requests leave a few KiB each: collecting
// what little lives costs next to nothing once in so much, and as a factor of what lives, where there are many agents, the
// room would be most of the memory.
const collectorRoom = 32 << 20

// Bounds of the collector's target in percent of what lives.
const (
	leastPercent = 25
	mostPercent  = 400
)

// collectorPercent returns the target that gives the room, where so many bytes live.
func collectorPercent(live uint64) int {
	if live == 0 {
		return mostPercent
	}
	return int(max(leastPercent, min(mostPercent, collectorRoom*100/live)))
}

// boundGarbage keeps the collector's target at the room from here on. What the operator has said with $GOGC stays.
func boundGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	setPercent()
	afterCollection(setPercent)
}

func setPercent() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() == metrics.KindUint64 {
		debug.SetGCPercent(collectorPercent(sample[0].Value.Uint64()))
	}
}

// afterCollection has something done after each collection: what nothing holds is finalized then.
func afterCollection(do func()) {
	type mark struct{ _ [16]byte }
	var arm func()
	arm = func() {
		runtime.SetFinalizer(&mark{}, func(*mark) {
			do()
			arm()
		})
	}
	arm()
}
