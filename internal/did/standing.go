package did

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// maxRefused bounds the refused keys of one DID.
const maxRefused = 256

// Status is what is known of a DID, for people.
type Status struct {
	// DID is whose status it is.
	DID string
	// Digest names the document in force; empty when none was ever.
	Digest string
	// Keys are those that count at the moment.
	Keys []Key
	// AlsoKnownAs are the other identifiers that the document in force claims.
	AlsoKnownAs []string
	// Held is the document that waits to be accepted; nil when none does.
	Held *HeldDocument
	// Withdrawn says that the host has no usable document any more; Stale that it has not stood by the keys for longer
	// than they may count. No key counts in either case.
	Withdrawn, Stale bool
	// Confirmed is when the host was last found to stand by the keys; Attempted when it was asked last.
	Confirmed, Attempted time.Time
	// Problem says why the last attempt gave no document, or why none is made; empty when there is one.
	Problem string
	// Refused are the keys that never count again, as DID URLs and did:keys; the DID itself stands for all.
	Refused []string
}

// HeldDocument is a document that breaks with the one in force.
type HeldDocument struct {
	// Digest names it; accepting repeats that.
	Digest string
	// Found is when it was found first.
	Found time.Time
	// Keys are those that it would bring.
	Keys []Key
}

// Status returns what is known of a DID. It reports false for one that nothing is known of and nobody claims.
func (d *Documents) Status(did string) (Status, bool) {
	status := Status{DID: did}
	d.mu.Lock()
	claim, claimed := d.view.wanted[did]
	d.mu.Unlock()
	status.Problem = claim.problem
	known, ok := d.mirror.Image().Get(keyOf(did))
	if !ok || known.Value.DID != did {
		return status, claimed
	}
	e, now := known.Value, d.config.Now()
	status.Confirmed, status.Attempted, status.Withdrawn = e.Confirmed, e.Attempted, e.Withdrawn
	status.Refused = slices.Clone(e.Refused)
	if status.Problem == "" {
		status.Problem = e.Problem
	}
	if e.InForce != nil {
		status.Digest, status.AlsoKnownAs = e.InForce.Digest, slices.Clone(e.InForce.AlsoKnownAs)
		status.Stale = !e.fresh(now, d.config.Stale)
	}
	if e.Held != nil {
		status.Held = &HeldDocument{Digest: e.Held.Digest, Found: e.Held.Found, Keys: slices.Clone(e.Held.Keys)}
	}
	if !status.Stale {
		status.Keys = slices.DeleteFunc(slices.Clone(e.counting), func(key Key) bool { return key.ended(now) })
	}
	return status, true
}

// Accept puts the held document of a DID in force, if it still is the one of the digest. It returns when the image has
// it. Errors are ErrUnknown, ErrNotHeld, ErrNotWeb and those of the store.
func (d *Documents) Accept(ctx context.Context, did, digest string) error {
	return d.change(ctx, did, func(e *entry, known bool) error {
		if !known {
			return fmt.Errorf("accepting a DID document: %w", ErrUnknown)
		}
		return e.accept(digest)
	})
}

// Refuse sees to it that a key never counts again, under whatever name a document lists it. The key is named by its
// DID URL or as a did:key; an empty one means every key that the DID has or will have. It may be said before anything
// is known of the DID, and returns when the image has it. Errors are ErrForeignKey, ErrNotWeb and those of the store.
func (d *Documents) Refuse(ctx context.Context, did, keyID string) error {
	name := did
	if keyID != "" {
		id, problem := absolute(keyID, did)
		if _, err := agent.ParseKeyDID(keyID); err == nil {
			id = keyID
		} else if problem != "" {
			return fmt.Errorf("refusing a key: %w", ErrForeignKey)
		}
		name = id
	}
	return d.change(ctx, did, func(e *entry, _ bool) error { return e.refuse(name) })
}

// refuse adds a name of keys, and the public keys that documents list under it.
func (e *entry) refuse(name string) error {
	refused := append(slices.Clone(e.Refused), name)
	for _, v := range []*version{e.InForce, e.Held} {
		if v == nil {
			continue
		}
		for _, key := range v.Keys {
			if key.ID == name {
				refused = append(refused, key.DID)
			}
		}
	}
	slices.Sort(refused)
	if refused = slices.Compact(refused); len(refused) > maxRefused {
		return fmt.Errorf("refusing a key: the DID has more than %d refused keys; refuse it as a whole", maxRefused)
	}
	e.Refused = refused
	return nil
}

// Forget removes everything that is known of a DID, refused keys too: the next document is taken as the first one was.
// Other processes hear of that a moment later. Errors are ErrUnknown, ErrNotWeb and those of the store.
func (d *Documents) Forget(ctx context.Context, did string) error {
	if _, err := ParseWeb(did); err != nil {
		return fmt.Errorf("forgetting a DID: %w", ErrNotWeb)
	}
	err := d.config.Bucket.Delete(ctx, keyOf(did), 0)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("forgetting a DID: %w", ErrUnknown)
	case err != nil:
		return fmt.Errorf("forgetting a DID: %w", err)
	}
	d.poke()
	return nil
}

// change applies an edit to what the store has of a DID, and returns when the image has it.
func (d *Documents) change(ctx context.Context, did string, edit func(e *entry, known bool) error) error {
	if _, err := ParseWeb(did); err != nil {
		return fmt.Errorf("changing a DID: %w", ErrNotWeb)
	}
	for range writeAttempts {
		before, revision, err := d.load(ctx, did)
		if err != nil {
			return err
		}
		after := *before
		if err := edit(&after, revision != 0); err != nil {
			return err
		}
		stored, err := d.save(ctx, &after, revision)
		if err == nil {
			return d.mirror.Await(ctx, stored)
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("storing a DID: %w", store.ErrConflict)
}
