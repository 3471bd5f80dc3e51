//go:build unix

package envoy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockFile waits for an exclusive lock on path and returns what releases it. The file stays, since removing it would
// let two holders lock two files of one name; the kernel releases the lock of a process that dies.
func lockFile(ctx context.Context, path string) (func(), error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = file.Close()
			return nil, fmt.Errorf("locking: %w", err)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("waiting for another download to end: %w", ctx.Err())
		}
	}
}
