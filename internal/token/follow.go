package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// How often keys are fetched.
const (
	refreshEvery = 5 * time.Minute
	refreshFloor = time.Minute // between two fetches that tokens with unknown keys set off
	firstRetry   = 5 * time.Second
)

// Source is where the keys of issuers come from. All fields are required.
type Source struct {
	// Fetch gets what a URL leads to. It bounds its own time and size, and goes nowhere it should not.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// ReadFile reads a file.
	ReadFile func(path string) ([]byte, error)
	// Now is the clock, the same that Verify is given.
	Now func() time.Time
	// Random returns a number from 0 to n-1; it spreads the fetches of many processes.
	Random func(n int64) int64
	// Logger is told of key sets that cannot be had, and of those that changed.
	Logger *slog.Logger
}

// Follow loads the keys of all issuers and refreshes them every five minutes or so, sooner when a token names a key
// that is not known, until ctx ends. Keys that cannot be had again stay in force up to the issuer's bound.
func (i *Issuers) Follow(ctx context.Context, source Source) {
	var following sync.WaitGroup
	for _, one := range i.order {
		following.Go(func() { one.follow(ctx, source) })
	}
	following.Wait()
}

func (i *issuer) follow(ctx context.Context, source Source) {
	delay := time.Duration(0)
	for ctx.Err() == nil {
		err := i.load(ctx, source)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			source.Logger.LogAttrs(ctx, slog.LevelWarn, "the keys of an issuer cannot be had",
				slog.String("issuer", i.URL), slog.Any("error", err))
			delay = min(max(2*delay, firstRetry), refreshFloor)
		default:
			delay = 0
		}
		if !i.rest(ctx, source, delay) {
			return
		}
	}
}

// rest waits until the keys are due again: after the delay when there is one, else after the usual time or, not before
// the floor, as soon as they are wanted. It reports false when ctx has ended.
func (i *issuer) rest(ctx context.Context, source Source, delay time.Duration) bool {
	if delay > 0 {
		return pause(ctx, delay, nil)
	}
	// A wish from before the load that has just ended has been granted by it.
	select {
	case <-i.wanted:
	default:
	}
	spread := int64(refreshEvery / 5)
	usual := refreshEvery - time.Duration(spread/2) + time.Duration(source.Random(spread))
	return pause(ctx, refreshFloor, nil) && pause(ctx, usual-refreshFloor, i.wanted)
}

// pause waits for the duration, or until there is something in early, and reports false when ctx has ended.
func pause(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-ctx.Done():
		return false
	}
	return true
}

func (i *issuer) load(ctx context.Context, source Source) error {
	asked := source.Now()
	var raw []byte
	var err error
	if i.KeySetFile != "" {
		raw, err = source.ReadFile(i.KeySetFile)
	} else {
		raw, err = source.Fetch(ctx, i.KeySetURL)
	}
	if err != nil {
		return fmt.Errorf("fetching the key set: %w", err)
	}
	set, err := parseKeySet(raw, asked)
	if err != nil {
		return fmt.Errorf("reading the key set: it %w", err)
	}
	before := i.keys.Swap(set)
	if before == nil || !before.same(set) {
		level := slog.LevelInfo
		if len(set.byID) == 0 {
			level = slog.LevelWarn
		}
		source.Logger.LogAttrs(ctx, level, "the keys of an issuer changed", slog.String("issuer", i.URL), slog.Int("keys", len(set.byID)))
	}
	return nil
}

func (s *keySet) same(other *keySet) bool {
	if len(s.byID) != len(other.byID) {
		return false
	}
	for id, k := range s.byID {
		if o, ok := other.byID[id]; !ok || o.print != k.print {
			return false
		}
	}
	return true
}

// Healthy returns an error that names the issuers whose tokens cannot be verified at the moment now, as their keys are
// not known or too old.
func (i *Issuers) Healthy(now time.Time) error {
	var problems []error
	for _, one := range i.order {
		if set := one.keys.Load(); set == nil || now.Sub(set.loaded) > one.MaxKeyAge {
			problems = append(problems, fmt.Errorf("the keys of the issuer %s are not known, or too old", one.URL))
		}
	}
	return errors.Join(problems...)
}
