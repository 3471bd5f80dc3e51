package store

import (
	"context"
	"errors"
	"log/slog"
)

// Volatile opens the named bucket in the memory of the embedded server, or of the cluster's. When the servers that keep
// it are lost together, calls fail until it is made anew, which the first of them sets off.
func (s *NATS) Volatile(ctx context.Context, name string) (Bucket, error) {
	return s.bucket(ctx, name, true)
}

// failure is that of the store. A call on a volatile bucket that got no answer may be one on a bucket that is no more.
func (b *natsBucket) failure(ctx context.Context, doing string, err error) error {
	err = b.store.failure(ctx, doing, err)
	if b.volatile && errors.Is(err, ErrUnavailable) {
		b.revive()
	}
	return err
}

// revive makes the bucket anew if it is no more. It does not hold up the caller, whose patience may be far shorter than
// a cluster's election, and there is at most one attempt at a time.
func (b *natsBucket) revive() {
	s := b.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !b.reviving.CompareAndSwap(false, true) {
		return
	}
	s.watches.Go(func() {
		defer b.reviving.Store(false)
		ctx, release, err := s.begin(context.Background(), s.writable)
		if err != nil {
			return
		}
		defer release()
		if _, err := s.openStream(ctx, b.name, true); err != nil {
			s.log.LogAttrs(ctx, slog.LevelWarn, "a bucket in memory does not answer", slog.String("bucket", b.name), slog.Any("error", err))
		}
	})
}
