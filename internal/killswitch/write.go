package killswitch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

// Pull stores a switch and returns it with the time, once this process stops whom it names; the others follow as soon as
// the store has told them. A switch that is pulled already gets the new reason. The error is ErrInvalid or the store's.
func (b *Board) Pull(ctx context.Context, s Switch) (Switch, error) {
	s.At = b.config.Now().UTC().Truncate(time.Second)
	key, err := s.key()
	if err != nil {
		return Switch{}, err
	}
	value, err := json.Marshal(note{s.Reason, s.By, s.At})
	if err != nil {
		return Switch{}, fmt.Errorf("encoding a kill switch: %w", err)
	}
	revision, err := b.config.Bucket.Put(ctx, key, value)
	if err != nil {
		return Switch{}, fmt.Errorf("pulling a kill switch: %w", err)
	}
	return s, b.mirror.Await(ctx, revision)
}

// Lift removes a switch and returns once it is out of this process's image. Lifting the mesh's removes what counts as
// such because it cannot be read, too. The error is ErrInvalid, ErrNotPulled, store.ErrConflict if somebody pulled the
// switch anew at the same moment, or another one of the store.
func (b *Board) Lift(ctx context.Context, scope Scope, name string) error {
	key, err := Switch{Scope: scope, Name: name}.key()
	if err != nil {
		return err
	}
	keys := []string{key}
	if scope == Mesh {
		keys = append(keys, b.Image().unreadable...)
	}
	missing := 0
	for _, k := range keys {
		switch err := b.lift(ctx, k); {
		case errors.Is(err, store.ErrNotFound):
			missing++
		case err != nil:
			return fmt.Errorf("lifting a kill switch: %w", err)
		}
	}
	if missing == len(keys) {
		return ErrNotPulled
	}
	return nil
}

func (b *Board) lift(ctx context.Context, key string) error {
	entry, err := b.config.Bucket.Get(ctx, key)
	if err != nil {
		return err
	}
	if err := b.config.Bucket.Delete(ctx, key, entry.Revision); err != nil {
		return err
	}
	return b.mirror.Gone(ctx, key, entry.Revision)
}
