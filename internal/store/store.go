// Package store keeps the mesh's state: a small key-value interface with compare-and-set, expiry and watch,
// over memory (tests, throw-away meshes) and over NATS JetStream (embedded, or a cluster by URL).
package store

import (
	"context"
	"errors"
	"time"
)

// Errors that callers branch on. Implementations return them wrapped.
var (
	// ErrNotFound: the key has no value.
	ErrNotFound = errors.New("key not found")
	// ErrConflict: the key exists (Create) or its revision is not the expected one (CompareAndSet, Delete).
	ErrConflict = errors.New("revision conflict")
	// ErrUnavailable: the store cannot be reached or cannot write; nothing is known to have been stored.
	ErrUnavailable = errors.New("store unavailable")
	// ErrInvalidKey: the key is empty, too long, or has a character outside A-Z a-z 0-9 - _ = / .
	ErrInvalidKey = errors.New("invalid key")
)

// Entry is one key with its value and the revision of its last write. Revisions grow with every write to the
// bucket; they are never reused.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
}

// Event is one change seen by a watcher. Deleted events carry no value. The event with Synced set carries no
// entry: it says that everything stored when the watch began has been delivered.
type Event struct {
	Entry
	Deleted bool
	Synced  bool
}

// Bucket is one named set of keys. A write that returned nil is durable: it survives a kill at any moment.
type Bucket interface {
	// Get returns the entry, or ErrNotFound.
	Get(ctx context.Context, key string) (Entry, error)
	// Put writes unconditionally and returns the new revision.
	Put(ctx context.Context, key string, value []byte) (uint64, error)
	// Create writes only when the key has no value. A ttl above zero removes the key after that time
	// (rounded up to a second); zero keeps it.
	Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error)
	// CompareAndSet writes only when the key's revision is the given one.
	CompareAndSet(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	// Delete removes the key when its revision is the given one; revision 0 removes any. Deleting a key that
	// has no value returns ErrNotFound.
	Delete(ctx context.Context, key string, revision uint64) error
	// Watch delivers every present entry, one Synced event, then each change in order of revision, until ctx
	// ends; then the channel is closed. A channel closed earlier means that the watch was lost: watch again.
	Watch(ctx context.Context) (<-chan Event, error)
}

// Store opens buckets.
type Store interface {
	// Bucket opens the named bucket, creating it when needed. Names are A-Z a-z 0-9 - _.
	Bucket(ctx context.Context, name string) (Bucket, error)
	// Healthy returns nil when a write can be expected to succeed.
	Healthy(ctx context.Context) error
	// Close flushes and releases everything. Buckets are unusable afterwards.
	Close() error
}
