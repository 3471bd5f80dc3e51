package store

import (
	"context"
	"time"
)

// FirstRetry is how long to wait before a call of the store is tried again when it has failed once.
const FirstRetry = 100 * time.Millisecond

// lastRetry is the longest such wait.
const lastRetry = 5 * time.Second

// NextRetry returns how long to wait after one more failure in a row. The first wait comes after a delay of zero.
func NextRetry(delay time.Duration) time.Duration {
	return min(max(2*delay, FirstRetry), lastRetry)
}

// Pause waits for the delay, and reports false as soon as ctx has ended.
func Pause(ctx context.Context, delay time.Duration) bool {
	if delay == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
