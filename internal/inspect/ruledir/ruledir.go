// Package ruledir keeps the content rules of a directory in force while its files change. Rules that cannot be loaded
// never take the place of those that could.
package ruledir

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

// Scanner finds what one set of rules looks for.
type Scanner interface {
	Scan(texts []a2a.Text, opts inspect.Options) []inspect.Finding
}

// Config says what rules are in force, and how they are looked for.
type Config struct {
	// Layer holds the operator's files beside the shipped ones; nil has none, and nothing to follow.
	Layer fs.FS
	// Check returns why a set of rules may not be in force, beyond that it loads; nil takes all.
	Check func(*inspect.Set) error
	// Scanner returns what scans by a set.
	Scanner func(*inspect.Set) (Scanner, error)
	Logger  *slog.Logger
}

// Rules are the content rules in force. They must be opened; the zero value finds only that it holds no rules.
type Rules struct {
	config  Config
	current atomic.Pointer[force]
	// seen is the sum of the files at the last look, and judged that of those that were loaded or refused last.
	seen, judged [sha256.Size]byte

	loads, refusals atomic.Uint64
	stale           atomic.Bool
}

// force is one set of rules and what scans by it.
type force struct {
	set     *inspect.Set
	scanner Scanner
}

// Open loads the rules. Unlike later, rules that cannot be loaded are an error then.
func Open(config Config) (*Rules, error) {
	r := &Rules{config: config}
	sum, files, err := r.sum()
	if err == nil {
		err = r.load(files)
	}
	if err != nil {
		return nil, fmt.Errorf("loading content rules: %w", err)
	}
	r.seen, r.judged = sum, sum
	return r, nil
}

// Set returns the rules in force.
func (r *Rules) Set() *inspect.Set {
	if f := r.current.Load(); f != nil {
		return f.set
	}
	return nil
}

// Scan finds what the rules in force look for. One scan is by one set of rules.
func (r *Rules) Scan(texts []a2a.Text, opts inspect.Options) []inspect.Finding {
	f := r.current.Load()
	if f == nil {
		return (*inspect.Set)(nil).Scan(texts, opts)
	}
	return f.scanner.Scan(texts, opts)
}

// Stats are what the rules count.
type Stats struct {
	// Loads are the sets of rules that were put in force, Refusals those that were not.
	Loads, Refusals uint64
	// Stale reports that the rules in force are not those of the files.
	Stale bool
}

// Stats returns what the rules count.
func (r *Rules) Stats() Stats {
	return Stats{Loads: r.loads.Load(), Refusals: r.refusals.Load(), Stale: r.stale.Load()}
}

// Follow looks at the files at each tick, until ctx ends. Only one goroutine may follow.
func (r *Rules) Follow(ctx context.Context, ticks <-chan time.Time) {
	if r.config.Layer == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			r.Look()
		}
	}
}

// Look puts the rules of the files in force if the files have changed, and look now as they did at the last look: files
// that are being written are left alone until they are not. What cannot be read counts as a change too, and is refused.
func (r *Rules) Look() {
	sum, files, err := r.sum()
	if err != nil {
		// Why it cannot be read takes the place of what stands there, so that it is told once and not at every look.
		sum = sha256.Sum256([]byte(err.Error()))
	}
	before := r.seen
	r.seen = sum
	if sum != before || sum == r.judged {
		return
	}
	if err == nil {
		err = r.load(files)
	}
	r.judged = sum
	r.stale.Store(err != nil)
	if err != nil {
		r.refusals.Add(1)
		r.config.Logger.Error("content rules have changed and are not in force: those before stay", slog.Any("error", err))
		return
	}
	r.config.Logger.Info("content rules have changed", slog.String("rules", r.Set().Hash()))
}

func (r *Rules) load(files snapshot) error {
	layers := []fs.FS{inspect.Builtin()}
	if r.config.Layer != nil {
		layers = append(layers, files)
	}
	set, err := inspect.Load(layers...)
	if err != nil {
		return err
	}
	if r.config.Check != nil {
		if err := r.config.Check(set); err != nil {
			return err
		}
	}
	scanner, err := r.config.Scanner(set)
	if err != nil {
		return err
	}
	r.loads.Add(1)
	r.current.Store(&force{set, scanner})
	return nil
}

// sum returns the hash of all rule files, names and contents, with the files as they were then.
func (r *Rules) sum() (sum [sha256.Size]byte, files snapshot, err error) {
	if r.config.Layer == nil {
		return sum, files, nil
	}
	if files, err = take(r.config.Layer); err != nil {
		return sum, files, err
	}
	hash := sha256.New()
	for _, entry := range files.entries {
		data := files.files[entry.Name()]
		fmt.Fprintf(hash, "%q %d\n", entry.Name(), len(data))
		hash.Write(data)
	}
	return [sha256.Size]byte(hash.Sum(nil)), files, nil
}
