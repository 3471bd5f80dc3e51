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
	// ErrUnavailable: the store cannot be reached or cannot write, it is closed, or the call's context ended
	// (then the context's error is wrapped too). Nothing is known to have been stored: read before retrying.
	ErrUnavailable = errors.New("store unavailable")
	// ErrInvalidKey: a key is empty, longer than MaxKey, has a character outside A-Z a-z 0-9 - _ = / . or an
	// empty part between dots; or a bucket's name is empty, longer than MaxBucketName, or has a character
	// outside A-Z a-z 0-9 - _.
	ErrInvalidKey = errors.New("invalid key")
	// ErrTooLarge: the value is longer than MaxValue, or than a cluster with a lower limit accepts.
	ErrTooLarge = errors.New("value too large")
)

// Limits, in bytes. They hold for every implementation, so that a mesh can change its store.
const (
	// MaxKey is the longest key.
	MaxKey = 1024
	// MaxBucketName is the longest name of a bucket.
	MaxBucketName = 64
	// MaxValue is the longest value: what a NATS server with default settings takes in one message (1 MiB),
	// less room for the message's headers.
	MaxValue = 1<<20 - 4<<10
)

// Entry is one key with its value and the revision of its last write. Revisions grow with every write to the
// bucket, deletions and expiries included; they start at 1 and are never reused. Gaps are normal.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
}

// Event is one change seen by a watcher. Deleted events, which expiries are too, carry no value; their
// revision is that of the removal. The event with Synced set carries no entry: it says that everything stored
// when the watch began has been delivered.
type Event struct {
	Entry
	Deleted bool
	Synced  bool
}

// Bucket is one named set of keys. A write that returned nil is durable: it survives a kill at any moment.
// Values belong to the caller, before and after a call: neither side sees the other's later changes.
// All methods may be called at the same time.
type Bucket interface {
	// Get returns the entry, or ErrNotFound.
	Get(ctx context.Context, key string) (Entry, error)
	// Put writes unconditionally and returns the new revision. The key no longer expires.
	Put(ctx context.Context, key string, value []byte) (uint64, error)
	// Create writes only when the key has no value. A ttl above zero removes the key after that time
	// (rounded up to a second); zero keeps it; a negative one is an error. The removal may come about a second
	// late: a caller that must not be late keeps the deadline in the value.
	Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error)
	// CompareAndSet writes only when the key has a value whose revision is the given one; in every other
	// case it returns ErrConflict, for a key without a value too. The key no longer expires.
	CompareAndSet(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	// Delete removes the key when its revision is the given one; revision 0 removes any. Deleting a key that
	// has no value returns ErrNotFound.
	Delete(ctx context.Context, key string, revision uint64) error
	// Watch delivers every present entry, one Synced event, then each change in order of revision, until ctx
	// ends; then the channel is closed. Revisions rise before Synced too. Of several quick changes to one key
	// only the last may be delivered, so Deleted may name a key that was never seen.
	//
	// A channel closed earlier means that the watch was lost: the store was closed, its connection broke, or
	// the reader took no event for a minute. Watch again, and on Synced forget each key that the new watch
	// has not delivered.
	Watch(ctx context.Context) (<-chan Event, error)
}

// Store opens buckets.
type Store interface {
	// Bucket opens the named bucket, creating it when needed. Names are A-Z a-z 0-9 - _. Every call with one
	// name reaches the same keys.
	Bucket(ctx context.Context, name string) (Bucket, error)
	// Volatile is Bucket for keys that are worth a memory alone: those of the embedded server end with the process,
	// those of a cluster when the servers that keep them are lost together. Writes do not wait for a disk. Nothing
	// tells a bucket that lost its keys from one that never had any; a key that was written when the bucket was opened
	// does. A name is either volatile or not: to open it the other way is ErrUnavailable.
	Volatile(ctx context.Context, name string) (Bucket, error)
	// Healthy returns nil when a write can be expected to succeed, else ErrUnavailable with what to do.
	Healthy(ctx context.Context) error
	// Close flushes and releases everything; when it returns, all watches have ended. Buckets are unusable
	// afterwards: their methods return ErrUnavailable. Closing twice does nothing.
	Close() error
}
