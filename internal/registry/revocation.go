package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/shards"
	"ringfence.dev/ringfence/internal/store"
)

// Revocation says that a key, or the name of an agent that was revoked and deleted, is never accepted again. There
// is one place that says so, apart from the agents' records: what is revoked outlives the agent that held it.
type Revocation struct {
	// Of is the fragment of the key, its multibase form, or the agent's name. The fragment of an Ed25519 key begins
	// with z6Mk, and names have no upper-case letters, so that neither is taken for the other.
	Of string `json:"-"`
	// Agent held what is revoked.
	Agent agent.ID `json:"agent"`
	// Role is that of the key; none for a name.
	Role agent.KeyRole `json:"role"`
	// Reason is what the person gave who revoked it; it may be empty.
	Reason string `json:"reason,omitempty"`
	// At is in UTC with second precision.
	At time.Time `json:"at"`
}

// revocations are all of them, by what they are of.
type revocations = shards.Table[mirror.Value[Revocation]]

func tabulate(list []Revocation) *revocations {
	edit := shards.NewEdit(&revocations{})
	for _, revocation := range list {
		edit.Set(revocation.Of, mirror.Value[Revocation]{Value: revocation})
	}
	return edit.Table()
}

// readRevocation never fails: of an entry that cannot be read its key is known, and what it names stays revoked.
func readRevocation(entry store.Entry) (Revocation, error) {
	var revocation Revocation
	if err := json.Unmarshal(entry.Value, &revocation); err != nil {
		revocation = Revocation{Reason: "the entry in the store cannot be read"}
	}
	revocation.Of = entry.Key
	return revocation, nil
}

// mirrorRevoked loads what is revoked and follows it.
func (r *Registry) mirrorRevoked(ctx context.Context) error {
	m, err := mirror.Open(ctx, mirror.Config[Revocation]{
		Bucket: r.config.Revoked, Kind: "revocations", Decode: readRevocation, Now: r.config.Now, Logger: r.config.Logger,
		Changed: r.publishRevoked,
	})
	if err != nil {
		return err
	}
	// What changed before this was not published, but is in the image that is published now.
	r.revoked.Store(m)
	r.publishRevoked(nil)
	return nil
}

// publishRevoked makes what is revoked now visible, then tells writers and the subscribers that follow the agents
// concerned.
func (r *Registry) publishRevoked(keys []string) {
	m := r.revoked.Load()
	if m == nil {
		return
	}
	r.publishing.Lock()
	defer r.publishing.Unlock()
	before := r.Snapshot()
	after := before.revoking(m.Image().Table(), keys)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot.Store(after)
	for _, key := range keys {
		r.tell(difference(before, after, agent.ID(key)))
		for _, holder := range after.holders(key) {
			r.tell(Change{Replaced, holder.Name, holder.Revision})
		}
	}
	r.announce()
}

// revoke stores the revocations, and returns when the snapshot has them. What is revoked already stays as it is.
func (r *Registry) revoke(ctx context.Context, list ...Revocation) error {
	for _, revocation := range list {
		encoded, err := json.Marshal(revocation)
		if err != nil {
			return fmt.Errorf("encoding revocation: %w", err)
		}
		_, err = r.config.Revoked.Create(ctx, revocation.Of, encoded, 0)
		switch {
		case errors.Is(err, store.ErrConflict):
			continue
		case err != nil:
			return fmt.Errorf("revoking: %w", err)
		}
		r.config.Logger.Warn("revoked for ever", slog.String("agent", string(revocation.Agent)), slog.String("of", revocation.Of),
			slog.String("role", revocation.Role.String()), slog.String("reason", revocation.Reason))
	}
	ctx, cancel := context.WithTimeout(ctx, r.config.AckTimeout)
	defer cancel()
	err := r.await(ctx, func() bool {
		for _, revocation := range list {
			if _, ok := r.Snapshot().Revoked(revocation.Of); !ok {
				return false
			}
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("revoked, but not yet visible: %w", err)
	}
	return nil
}
