package envoy

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	restartBase = 100 * time.Millisecond
	restartMax  = 10 * time.Second
	// restartSteady is how long an Envoy must have run for its end to count as the first again.
	restartSteady = time.Minute
)

// Supervision says how to keep an Envoy running.
type Supervision struct {
	Process Process
	// Grace bounds the stop at the end, as in [Instance.Stop].
	Grace time.Duration
	// Started is called with every Envoy that runs, the first and each successor. With a free port chosen for the admin
	// interface, each has another address. It may be nil.
	Started func(*Instance)
}

// Supervise runs Envoy until the context ends, and then stops it. An Envoy that ends by itself is started again after
// 100 ms, and after pauses that grow to 10 s when it keeps ending. An Envoy that cannot be started the first time is
// an error, since nothing has worked yet; later, every failure is taken to pass.
func Supervise(ctx context.Context, s Supervision) error {
	var pause restartPause
	logger := s.Process.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	for first := true; ; first = false {
		began := time.Now()
		instance, err := Start(ctx, s.Process)
		switch {
		case ctx.Err() != nil:
			return s.finish(instance)
		case err != nil && first:
			return err
		case err != nil:
			logger.ErrorContext(ctx, "envoy did not start again", slog.String("error", err.Error()))
		default:
			if s.Started != nil {
				s.Started(instance)
			}
			select {
			case <-instance.Done():
			case <-ctx.Done():
				return s.finish(instance)
			}
		}
		wait := pause.next(time.Since(began))
		logger.WarnContext(ctx, "envoy will be started again", slog.Duration("pause", wait))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// finish stops the instance, which may be nil.
func (s Supervision) finish(instance *Instance) error {
	if instance == nil {
		return nil
	}
	if err := instance.Stop(s.Grace); err != nil {
		return fmt.Errorf("stopping Envoy: %w", err)
	}
	return nil
}

// restartPause decides how long to wait before the next start; the zero value is that of a first failure.
type restartPause struct{ last time.Duration }

// next returns the pause after an Envoy that ran for the given time.
func (p *restartPause) next(ran time.Duration) time.Duration {
	if p.last == 0 || ran >= restartSteady {
		p.last = restartBase
	} else {
		p.last = min(2*p.last, restartMax)
	}
	return p.last
}
