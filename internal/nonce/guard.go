// Package nonce lets each nonce count once: within a process, across the processes of a mesh, and across their
// restarts. It is what identity.Replay is for one process, with the store behind it.
//
// Three memories work together. The process's own is exact and costs no call. One that all processes share, in the
// memory of the store, makes it exact among them. One on the store's disk holds the few nonces whose senders' clocks
// run ahead: a proof that is made after the moment at which it is used is not caught by refusing, after a restart, all
// that was made before it.
package nonce

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/store"
)

// DefaultTimeout bounds the calls of the store that one use of a nonce makes, all together.
const DefaultTimeout = 250 * time.Millisecond

// skew is how far the clocks of the mesh's processes may be apart, and how far ahead of them a sender's may be.
const skew = 10 * time.Second

// epochKey holds what tells the shared memory from one that lost everything. No nonce has such a key.
const epochKey = "epoch"

// Config says where nonces are remembered.
type Config struct {
	// Local is the process's own memory. Required.
	Local *identity.Replay
	// Shared is what all processes of a mesh use, such as a volatile bucket of the store. Nil is for a mesh of one
	// process: several without it accept a nonce once each.
	Shared store.Bucket
	// Ahead is a durable bucket for nonces of proofs made after the moment of their use. Without one, such a proof can
	// count once more after a restart.
	Ahead store.Bucket
	// Timeout bounds the calls of the store that one use makes; 0 means DefaultTimeout.
	Timeout time.Duration
}

// Guard remembers which nonces were used. It is safe for concurrent use.
type Guard struct {
	local         *identity.Replay
	shared, ahead store.Bucket
	timeout       time.Duration
	epoch         atomic.Pointer[string]
}

// Open returns a guard that knows of every nonce used from now on, and refuses proofs that were made until then, by the
// second: what was used before cannot be told. Without a shared memory it calls nobody. Now is the moment of the call.
func Open(ctx context.Context, config Config, now time.Time) (*Guard, error) {
	g := &Guard{local: config.Local, shared: config.Shared, ahead: config.Ahead, timeout: config.Timeout}
	if g.timeout <= 0 {
		g.timeout = DefaultTimeout
	}
	g.local.Fence(now)
	if g.shared == nil {
		return g, nil
	}
	epoch, err := g.currentEpoch(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("opening the shared memory of nonces: %w", err)
	}
	g.epoch.Store(&epoch)
	return g, nil
}

// Use returns nil the first time the key of a verified proof uses its nonce, in whichever process, and a
// *identity.Refusal every other time. Every other error says that the store did not answer in time, so that this could
// not be decided; the nonce counts as used then. Now is the moment of the verification.
func (g *Guard) Use(ctx context.Context, proof identity.Proof, now time.Time) error {
	if err := g.local.Use(ctx, proof, now); err != nil {
		return err
	}
	if g.shared == nil && !g.asksAhead(proof, now) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	if err := g.useAhead(ctx, proof, now); err != nil {
		return err
	}
	return g.useShared(ctx, proof, now)
}

// asksAhead reports whether the durable memory has a say: the proof is from the future, or so little younger than what
// this process refuses unseen that it was from the future then.
func (g *Guard) asksAhead(proof identity.Proof, now time.Time) bool {
	return g.ahead != nil && (proof.Created.After(now) || !proof.Created.After(g.local.Fenced().Add(2*skew)))
}

// useAhead records a proof from the future, and looks for one that was.
func (g *Guard) useAhead(ctx context.Context, proof identity.Proof, now time.Time) error {
	if !g.asksAhead(proof, now) {
		return nil
	}
	if proof.Created.After(now) {
		return create(ctx, g.ahead, proof, now)
	}
	switch _, err := g.ahead.Get(ctx, name(proof)); {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("looking for a nonce: %w", err)
	default:
		return replayed()
	}
}

// useShared records the nonce for all processes. That it was not there counts only when the memory had forgotten
// nothing by then: what holds it may have been lost, with all that it knew.
func (g *Guard) useShared(ctx context.Context, proof identity.Proof, now time.Time) error {
	if g.shared == nil {
		return nil
	}
	if err := create(ctx, g.shared, proof, now); err != nil {
		return err
	}
	epoch, err := g.currentEpoch(ctx, now)
	if err != nil {
		return fmt.Errorf("checking the memory of nonces: %w", err)
	}
	if *g.epoch.Load() != epoch {
		// The fence goes up first: whoever sees the new epoch has to see it too.
		g.local.Fence(now)
		g.epoch.Store(&epoch)
	}
	return g.local.Admits(proof)
}

// currentEpoch returns what the shared memory was begun with, and begins one that is empty.
func (g *Guard) currentEpoch(ctx context.Context, now time.Time) (string, error) {
	for {
		entry, err := g.shared.Get(ctx, epochKey)
		if err == nil {
			return string(entry.Value), nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
		began := strconv.FormatInt(now.UnixNano(), 10)
		switch _, err := g.shared.Create(ctx, epochKey, []byte(began), 0); {
		case err == nil:
			return began, nil
		case !errors.Is(err, store.ErrConflict):
			return "", err
		}
	}
}

// create records the nonce until its proof has expired for everybody, in the only key that can.
func create(ctx context.Context, bucket store.Bucket, proof identity.Proof, now time.Time) error {
	life := max(proof.Expires.Sub(now), 0) + 2*skew
	switch _, err := bucket.Create(ctx, name(proof), nil, life); {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrConflict):
		return replayed()
	default:
		return fmt.Errorf("recording a nonce: %w", err)
	}
}

// name returns the store's key of a nonce, from which neither it nor whose it is can be told.
func name(proof identity.Proof) string {
	id := proof.NonceID()
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func replayed() error {
	return &identity.Refusal{Reason: identity.Replayed, Detail: "the nonce was used before; make a new proof with another one"}
}
