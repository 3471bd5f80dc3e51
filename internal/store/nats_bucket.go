package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// markerTTL is how long the trace of a removed key stays for watchers that lag. It is well above
	// readerPatience, so no watcher can miss a removal, and short enough for buckets of many short-lived keys.
	markerTTL = 5 * time.Minute
	// volatileMarkerTTL is that of buckets in memory, where every expired key costs a trace as large as itself.
	volatileMarkerTTL = 2 * time.Minute
	// raceAttempts bounds the retries of an unconditional change that other writers keep overtaking.
	raceAttempts = 64
	openAttempts = 3
)

type natsBucket struct {
	store    *NATS
	name     string
	volatile bool
	stream   jetstream.Stream
	kv       jetstream.KeyValue
	reviving atomic.Bool
}

// Bucket opens the named bucket.
func (s *NATS) Bucket(ctx context.Context, name string) (Bucket, error) {
	return s.bucket(ctx, name, false)
}

func (s *NATS) bucket(ctx context.Context, name string, volatile bool) (Bucket, error) {
	if err := checkBucketName(name); err != nil {
		return nil, err
	}
	ctx, release, err := s.bind(ctx, s.open)
	if err != nil {
		return nil, err
	}
	defer release()
	select {
	case s.opening <- struct{}{}:
		defer func() { <-s.opening }()
	case <-ctx.Done():
		return nil, s.failure(ctx, "opening bucket "+name, ctx.Err())
	}
	s.mu.Lock()
	b := s.buckets[name]
	s.mu.Unlock()
	switch {
	case b != nil && b.volatile != volatile:
		return nil, fmt.Errorf("opening bucket %s: %w", name, errOtherKind)
	case b != nil:
		return b, nil
	}
	for range openAttempts {
		if b, err = s.openBucket(ctx, name, volatile); !errors.Is(err, errNoAnswer) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[name] = b
	return b, nil
}

func (s *NATS) openBucket(ctx context.Context, name string, volatile bool) (*natsBucket, error) {
	ctx, release, err := s.begin(ctx, s.open)
	if err != nil {
		return nil, err
	}
	defer release()
	stream, err := s.openStream(ctx, name, volatile)
	if err != nil {
		return nil, s.failure(ctx, "opening bucket "+name, err)
	}
	kv, err := s.js.KeyValue(ctx, name)
	if err != nil {
		return nil, s.failure(ctx, "opening bucket "+name, err)
	}
	return &natsBucket{store: s, name: name, volatile: volatile, stream: stream, kv: kv}, nil
}

// openStream creates the stream behind a bucket, as a NATS key-value store of history 1.
func (s *NATS) openStream(ctx context.Context, name string, volatile bool) (jetstream.Stream, error) {
	want := jetstream.StreamConfig{
		Name:                   "KV_" + name,
		Subjects:               []string{"$KV." + name + ".>"},
		Storage:                jetstream.FileStorage,
		Replicas:               s.replicas,
		MaxMsgsPerSubject:      1,
		MaxMsgs:                -1,
		MaxBytes:               -1,
		MaxMsgSize:             -1,
		MaxConsumers:           -1,
		Discard:                jetstream.DiscardNew,
		DenyDelete:             true,
		AllowRollup:            true,
		AllowMsgTTL:            true,
		SubjectDeleteMarkerTTL: markerTTL,
		// With replicas a direct read may be answered by one that lags, and a caller would not see its own write.
		AllowDirect: s.replicas == 1,
	}
	if volatile {
		want.Storage, want.SubjectDeleteMarkerTTL = jetstream.MemoryStorage, volatileMarkerTTL
	}
	stream, err := s.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if err := s.ready(ctx, s.writable); err != nil {
			return nil, err
		}
		if err := s.room(); err != nil {
			return nil, err
		}
		stream, err = s.js.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = s.js.Stream(ctx, want.Name)
		}
	}
	if err != nil {
		return nil, err
	}
	have := stream.CachedInfo().Config
	switch {
	case have.MaxMsgsPerSubject != 1 || !have.AllowMsgTTL || have.SubjectDeleteMarkerTTL == 0:
		return nil, fmt.Errorf("%w: stream %s was made by another program: use another NATS account, or remove it", ErrUnavailable, want.Name)
	case have.Storage != want.Storage:
		return nil, errOtherKind
	case have.Replicas < want.Replicas:
		return s.js.UpdateStream(ctx, want)
	default:
		return stream, nil
	}
}

func (b *natsBucket) Get(ctx context.Context, key string) (Entry, error) {
	if err := checkKey(key); err != nil {
		return Entry{}, err
	}
	ctx, release, err := b.store.begin(ctx, b.store.open)
	if err != nil {
		return Entry{}, err
	}
	defer release()
	e, err := b.kv.Get(ctx, key)
	if err != nil {
		return Entry{}, b.failure(ctx, "reading "+key, err)
	}
	return Entry{Key: key, Value: e.Value(), Revision: e.Revision()}, nil
}

func (b *natsBucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	if err := checkWrite(key, value); err != nil {
		return 0, err
	}
	ctx, release, err := b.store.beginWrite(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	revision, err := b.kv.Put(ctx, key, value)
	return revision, b.failure(ctx, "writing "+key, err)
}

func (b *natsBucket) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	ttl, err := wholeSeconds(ttl)
	if err != nil {
		return 0, err
	}
	if err := checkWrite(key, value); err != nil {
		return 0, err
	}
	ctx, release, err := b.store.beginWrite(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	var options []jetstream.KVCreateOpt
	if ttl > 0 {
		options = append(options, jetstream.KeyTTL(ttl))
	}
	for range raceAttempts {
		var revision uint64
		revision, err = b.kv.Create(ctx, key, value, options...)
		if !conflicting(err) {
			return revision, b.failure(ctx, "creating "+key, err)
		}
		// The trace of a removed key can vanish, or change, while Create looks at it; only a value counts.
		_, readErr := b.kv.Get(ctx, key)
		if readErr == nil {
			break
		}
		if !errors.Is(readErr, jetstream.ErrKeyNotFound) {
			return 0, b.failure(ctx, "creating "+key, readErr)
		}
	}
	return 0, b.failure(ctx, "creating "+key, err)
}

func (b *natsBucket) CompareAndSet(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if err := checkWrite(key, value); err != nil {
		return 0, err
	}
	ctx, release, err := b.store.beginWrite(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	if revision == 0 {
		return 0, fmt.Errorf("writing %s: %w", key, ErrConflict)
	}
	// NATS would also accept the revision of a removal. What a revision holds never changes, so there is no
	// race between this check and the write.
	switch _, err := b.kv.GetRevision(ctx, key, revision); {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return 0, fmt.Errorf("writing %s: %w", key, ErrConflict)
	case err != nil:
		return 0, b.failure(ctx, "writing "+key, err)
	}
	next, err := b.kv.Update(ctx, key, value, revision)
	return next, b.failure(ctx, "writing "+key, err)
}

func (b *natsBucket) Delete(ctx context.Context, key string, revision uint64) error {
	if err := checkKey(key); err != nil {
		return err
	}
	ctx, release, err := b.store.beginWrite(ctx)
	if err != nil {
		return err
	}
	defer release()
	for range raceAttempts {
		e, err := b.kv.Get(ctx, key)
		if err != nil {
			return b.failure(ctx, "deleting "+key, err)
		}
		if revision != 0 && revision != e.Revision() {
			break
		}
		err = b.kv.Purge(ctx, key, jetstream.LastRevision(e.Revision()), jetstream.PurgeTTL(markerTTL))
		if !conflicting(err) {
			return b.failure(ctx, "deleting "+key, err)
		}
	}
	return fmt.Errorf("deleting %s: %w", key, ErrConflict)
}
