package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// MaxOverlap is the longest time for which a key may be accepted beside its successor.
const MaxOverlap = 90 * 24 * time.Hour

// AddedKey is a key that an agent gets.
type AddedKey struct {
	// DID is the did:key.
	DID string
	// Role says who signs with the key.
	Role agent.KeyRole
	// Overlap, when set, makes the other keys of the role retire that much later, 0 to MaxOverlap; a key that retires
	// sooner already does so still. Nil lets them stay.
	Overlap *time.Duration
}

func (k AddedKey) parse() (agent.Key, error) {
	d := draft{}
	key, err := agent.ParseKeyDID(k.DID)
	if err != nil {
		d.fail("did", err.Error())
	}
	if k.Role != agent.AgentKey && k.Role != agent.SidecarKey {
		d.fail("role", "must be agent or sidecar")
	}
	if k.Overlap != nil && (*k.Overlap < 0 || *k.Overlap > MaxOverlap) {
		d.fail("overlap", fmt.Sprintf("must be 0 to %v", MaxOverlap))
	}
	return key, errors.Join(d.problems...)
}

// AddKey gives the agent a key, or lets one that retires stay. Keys of the role that have retired are taken from the
// record when others are to retire. Adding a key again changes nothing more, so that a call may be repeated. Errors are
// ErrNotFound, ErrRevoked, agent.FieldErrors, *ConflictError about a key that is another agent's or revoked, and those
// of the store.
func (r *Registry) AddKey(ctx context.Context, name agent.ID, added AddedKey) (*agent.Record, error) {
	key, err := added.parse()
	if err != nil {
		return nil, err
	}
	release, err := r.claim(name, []wanted{{key.DID, "did"}})
	if err != nil {
		return nil, err
	}
	defer release()
	now := r.now()
	record, err := r.revise(ctx, name, func(next *agent.Record) (bool, error) {
		if next.Status == agent.Revoked {
			return false, ErrRevoked
		}
		before := *next
		if err := addKey(next, key, added, now); err != nil {
			return false, err
		}
		if slices.Equal(before.DIDs, next.DIDs) && slices.Equal(before.Sidecars, next.Sidecars) && maps.Equal(before.Retiring, next.Retiring) {
			return false, nil
		}
		next.Updated = now
		return true, nil
	})
	if record != nil {
		r.config.Logger.Info("agent has a key", slog.String("agent", string(name)), slog.String("key", key.Fragment()),
			slog.String("role", added.Role.String()), slog.Int("retiring", len(record.Retiring)))
	}
	return record, err
}

// addKey changes the lists and the map of the record by making new ones.
func addKey(record *agent.Record, key agent.Key, added AddedKey, now time.Time) error {
	mine, others := &record.DIDs, record.Sidecars
	if added.Role == agent.SidecarKey {
		mine, others = &record.Sidecars, record.DIDs
	}
	if slices.Contains(others, key.DID) {
		return agent.FieldError{Path: "did", Problem: "is a key of the agent in the other role"}
	}
	retiring := map[string]time.Time{}
	maps.Copy(retiring, record.Retiring)
	delete(retiring, key.DID)
	if added.Overlap != nil {
		until := now.Add(*added.Overlap)
		for _, other := range keysIn(*mine) {
			switch ends, retires := retiring[other.DID]; {
			case other.DID == key.DID:
			case retires && !now.Before(ends):
				*mine = without(*mine, other)
			case !retires || until.Before(ends):
				retiring[other.DID] = until
			}
		}
	}
	if !slices.Contains(*mine, key.DID) {
		*mine = append(slices.Clone(*mine), key.DID)
		if added.Role == agent.AgentKey {
			*mine = append(*mine, key.Mesh)
		}
	}
	record.Retiring = retiringOf(record, retiring)
	named := len(record.DIDs) - len(keysIn(record.DIDs)) // each key has a did:mesh too, which nobody gave
	if named > maxDIDs || len(record.Sidecars) > maxSidecars {
		return agent.FieldError{Path: "did", Problem: "is one too many for the agent: revoke those that are not used"}
	}
	return nil
}

// RevokeKey revokes a key of the agent for ever, whoever lists it, and takes it from the record. It has effect when the
// call returns, and in every other process as soon as the store tells it. Revoking again changes nothing. The reason
// may be empty. Errors are ErrNotFound, ErrNoKey, an agent.FieldError about the reason, and those of the store; then the
// call may be repeated.
func (r *Registry) RevokeKey(ctx context.Context, name agent.ID, did, reason string) error {
	if problem := reasonProblem(reason); problem != "" {
		return agent.FieldError{Path: "reason", Problem: problem}
	}
	record, err := r.current(ctx, name, 0)
	if err != nil {
		return err
	}
	key, role, ok := findKey(record, did)
	if !ok {
		return r.alreadyRevoked(name, did)
	}
	if err := r.revoke(ctx, Revocation{Of: key.Fragment(), Agent: name, Role: role, Reason: reason, At: r.now()}); err != nil {
		return err
	}
	_, err = r.revise(ctx, name, func(next *agent.Record) (bool, error) {
		if _, _, listed := findKey(next, key.DID); !listed {
			return false, nil
		}
		next.DIDs, next.Sidecars = without(next.DIDs, key), without(next.Sidecars, key)
		next.Retiring = retiringOf(next, next.Retiring)
		next.Updated = r.now()
		return true, nil
	})
	if errors.Is(err, ErrNotFound) {
		return nil // the agent is gone, and what is revoked stays revoked
	}
	return err
}

// alreadyRevoked returns ErrNoKey unless the did:key was a key of the agent that is revoked.
func (r *Registry) alreadyRevoked(name agent.ID, did string) error {
	key, err := agent.ParseKeyDID(did)
	if err != nil {
		return ErrNoKey
	}
	if revocation, ok := r.Snapshot().Revoked(key.Fragment()); !ok || revocation.Agent != name {
		return ErrNoKey
	}
	return nil
}

// remains are the revocations of what a revoked agent leaves behind: its name and its keys.
func (r *Registry) remains(record *agent.Record) []Revocation {
	reason := "the agent was revoked"
	if record.StatusChange != nil {
		reason = record.StatusChange.Reason
	}
	list := []Revocation{{Of: string(record.Name), Agent: record.Name, Reason: reason, At: r.now()}}
	for _, key := range newEntry(record).keys {
		list = append(list, Revocation{Of: key.fragment, Agent: record.Name, Role: key.role, Reason: reason, At: r.now()})
	}
	return list
}

// findKey returns the key of the record that a did:key or did:mesh names.
func findKey(record *agent.Record, did string) (agent.Key, agent.KeyRole, bool) {
	for _, key := range newEntry(record).keys {
		if key.DID == did || key.Mesh == did {
			return key.Key, key.role, true
		}
	}
	return agent.Key{}, agent.NoKey, false
}

// keysIn returns the keys of the did:keys in the list.
func keysIn(dids []string) []agent.Key {
	var keys []agent.Key
	for _, did := range dids {
		if key, err := agent.ParseKeyDID(did); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// without returns the identifiers that are not the key's, in a list of their own.
func without(dids []string, key agent.Key) []string {
	return slices.DeleteFunc(slices.Clone(dids), func(did string) bool { return did == key.DID || did == key.Mesh })
}

// retiringOf returns when those of the keys retire that the record lists; nil when none does.
func retiringOf(record *agent.Record, retiring map[string]time.Time) map[string]time.Time {
	var kept map[string]time.Time
	for did, until := range retiring {
		if !slices.Contains(record.DIDs, did) && !slices.Contains(record.Sidecars, did) {
			continue
		}
		if kept == nil {
			kept = map[string]time.Time{}
		}
		kept[did] = until
	}
	return kept
}
