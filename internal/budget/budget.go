// Package budget counts limits: how often calls are made, and how many are under way. In one process it counts exactly
// and asks nobody. Across processes it counts in the store: each process takes a few calls at a time from there (a
// lease) and lets them through by itself. It decides nothing but whether a limit is reached; docs/limits.md says how far
// off that can be, and when.
package budget

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

// The largest numbers that count. A draw with a larger one lets nothing through.
const (
	// MaxLimit is for calls in a time, and for the burst.
	MaxLimit = 1_000_000
	// MaxUnderWay is for calls under way.
	MaxUnderWay = 1<<31 - 1
	// MaxPer is the longest time in which calls are counted.
	MaxPer = 31 * 24 * time.Hour
)

// Defaults of a Config.
const (
	DefaultWait = 250 * time.Millisecond
	DefaultKeys = 1 << 20
)

// Draw is one limit in which a call counts. The zero value lets nothing through.
type Draw struct {
	// Key is what the limit counts: the same for all calls that share it, and different for every other limit.
	Key string
	// Limit is how many calls in Per are let through in the long run, 1 to MaxLimit; with Per 0 how many may be under way
	// at a time, 1 to MaxUnderWay.
	Limit int
	Per   time.Duration
	// Burst is how many calls may be made at once when there were none for long, 1 to MaxLimit; calls under way have none.
	// A burst that would take more than fifty years to recover is as large as what recovers in them.
	Burst int
}

// underWay reports that the limit is for calls under way.
func (d Draw) underWay() bool { return d.Per == 0 }

// possible reports whether the limit lets anything through.
func (d Draw) possible() bool {
	if d.underWay() {
		return d.Limit >= 1 && d.Limit <= MaxUnderWay
	}
	return d.Limit >= 1 && d.Limit <= MaxLimit && d.Burst >= 1 && d.Burst <= MaxLimit && d.Per > 0 && d.Per <= MaxPer
}

// Result says whether a call is let through. The zero value says that it is not.
type Result struct {
	// OK reports that the call counts in every limit now. If it does not, it counts in none.
	OK bool
	// Refused is the place, among the draws, of the first one that refuses, or that could not be counted.
	Refused int
	// Wait is the time after which that limit lets the call through, if nobody else draws on it meanwhile. It is zero
	// where nobody can tell: for calls under way, for a limit that lets nothing through, and with Err.
	Wait time.Duration
	// Err says why a limit could not be counted: the store did not answer in time, or there are too many limits.
	Err error
}

// ErrFull says that a process counts as many limits at the moment as it may.
var ErrFull = errors.New("as many limits are counted as fit in memory")

// Config says where limits are counted.
type Config struct {
	// Bucket is what all processes share, such as a volatile bucket of the store. Nil counts in this process alone.
	Bucket store.Bucket
	// Process is this process's own name in Bucket, which no other one has or had. Required with a Bucket.
	Process string
	// Now is the clock, with Go's monotonic reading. Required.
	Now func() time.Time
	// Wait bounds how long a Take waits for the store; 0 means DefaultWait.
	Wait time.Duration
	// Keys is how many limits are counted at a time, about; 0 means DefaultKeys. What recovered takes no room.
	Keys int
	// Jitter returns a part of a pause by chance, so that processes do not collide again; nil returns half of it.
	Jitter func(time.Duration) time.Duration
	// Logger is told when the store stops answering, and when it does again. Required with a Bucket.
	Logger *slog.Logger
}

func (c Config) complete() (Config, error) {
	switch {
	case c.Now == nil:
		return c, errors.New("counting limits needs a clock")
	case c.Bucket != nil && (c.Process == "" || len(c.Process) > maxProcess):
		return c, fmt.Errorf("a process that shares limits needs a name of 1 to %d bytes", maxProcess)
	case c.Bucket != nil && c.Logger == nil:
		return c, errors.New("a process that shares limits needs a logger")
	}
	if c.Wait <= 0 {
		c.Wait = DefaultWait
	}
	if c.Keys <= 0 {
		c.Keys = DefaultKeys
	}
	if c.Jitter == nil {
		c.Jitter = func(pause time.Duration) time.Duration { return pause / 2 }
	}
	return c, nil
}
