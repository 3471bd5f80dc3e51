package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// room returns an error when the embedded server's disk is too full to write.
func (s *NATS) room() error {
	if s.engine == nil {
		return nil
	}
	return s.engine.room()
}

// ready returns why a call must not start: its context ended, or the store's did.
func (s *NATS) ready(ctx, life context.Context) error {
	if life.Err() != nil {
		return context.Cause(life)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// bind returns a context that ends with the caller's and with the store's life.
func (s *NATS) bind(ctx, life context.Context) (context.Context, func(), error) {
	if err := s.ready(ctx, life); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(life, func() { cancel(context.Cause(life)) })
	return ctx, func() { stop(); cancel(nil) }, nil
}

// begin is bind for one request. A request that was under way to a server that died is never answered, so a
// caller with a distant deadline must not wait for that.
func (s *NATS) begin(ctx, life context.Context) (context.Context, func(), error) {
	ctx, release, err := s.bind(ctx, life)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, requestTimeout, errNoAnswer)
	return ctx, func() { cancel(); release() }, nil
}

func (s *NATS) beginWrite(ctx context.Context) (context.Context, func(), error) {
	if err := s.room(); err != nil && s.writable.Err() == nil {
		return nil, nil, err
	}
	return s.begin(ctx, s.writable)
}

// failure maps the client's errors to the package's. Whatever is not understood counts as unavailable.
func (s *NATS) failure(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted):
		return fmt.Errorf("%s: %w", doing, ErrNotFound)
	case conflicting(err):
		return fmt.Errorf("%s: %w", doing, ErrConflict)
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return fmt.Errorf("%s: %w: the cluster's limit is lower than %d bytes", doing, ErrTooLarge, MaxValue)
	case errors.Is(err, ErrUnavailable):
		return fmt.Errorf("%s: %w", doing, err)
	}
	if cause := context.Cause(ctx); errors.Is(cause, ErrUnavailable) {
		return fmt.Errorf("%s: %w", doing, cause)
	}
	return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
}

// conflicting tells a lost race. A replicated stream answers with a code of its own.
func conflicting(err error) bool {
	if errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return true
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
