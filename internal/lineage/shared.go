package lineage

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

// BucketName is the store's volatile bucket that holds what agents serve.
const BucketName = "lineage"

// DefaultTimeout bounds what Serve waits for the store, and until this process knows what others wrote before.
const DefaultTimeout = 250 * time.Millisecond

const (
	// skew is how far the clocks of the mesh's processes may be apart.
	skew = 10 * time.Second
	// recovery is for how long nothing begins to be served once the shared memory has lost what it knew: above what every
	// process needs to be connected again, and to write once more what it serves.
	recovery = 10 * time.Second
)

// Config says how the processes of a mesh share what agents serve. All fields are required but Timeout.
type Config struct {
	// Bucket is the volatile bucket BucketName.
	Bucket store.Bucket
	// Process tells this process from every other that is, was or will be one of the mesh's: letters, digits and hyphens.
	Process string
	// Linger is how long a task that goes on after the answer counts as served unless it is seen to end, and how long a call
	// that broke off does.
	Linger time.Duration
	// Timeout bounds what Serve waits for; 0 means DefaultTimeout.
	Timeout time.Duration
	// Now is the clock.
	Now func() time.Time
	// Logger is told what cannot be shared.
	Logger *slog.Logger
}

// shared is what a process tells others of what is served, and hears from them.
type shared struct {
	Config
	ledger  *Ledger
	others  index
	errands chan errand
	wake    chan struct{} // something that was told is not there any more
	life    context.Context
	end     context.CancelFunc
	runners sync.WaitGroup // of errands
	keeper  sync.WaitGroup

	mu     sync.Mutex
	mirror *mirror.Mirror[*elsewhere] // nil until what it had at first is in others
	epoch  string
	lostAt time.Time // when the memory was last seen to have lost what it knew
	number uint64
	told   map[string]*told // by the key of the entry that stands for it
	counts map[agent.ID]int // of the calls in told, by callee
	lumps  map[agent.ID]*lump
	closed bool
	full   bool // the last errand found no room
}

// Open returns a ledger that shares with every other one on the bucket, and follows it until Close. Ctx bounds the loading
// alone.
func Open(ctx context.Context, config Config) (*Ledger, error) {
	if config.Timeout <= 0 {
		config.Timeout = DefaultTimeout
	}
	s := &shared{
		Config: config, ledger: NewLedger(config.Linger), errands: make(chan errand, errandQueue), wake: make(chan struct{}, 1),
		told: map[string]*told{}, counts: map[agent.ID]int{}, lumps: map[agent.ID]*lump{},
	}
	s.ledger.shared = s
	if err := s.ensureEpoch(ctx); err != nil {
		return nil, fmt.Errorf("opening what agents serve: %w", err)
	}
	m, err := mirror.Open(ctx, mirror.Config[*elsewhere]{
		Bucket: followed{config.Bucket}, Kind: "served calls", Decode: read, Now: config.Now, Logger: config.Logger, Changed: s.changed,
	})
	if err != nil {
		return nil, err
	}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.begin(m)
	for range errandsAtOnce {
		s.runners.Go(s.run)
	}
	s.keeper.Go(s.keep)
	return s.ledger, nil
}

// begin takes what the mirror has by now. What it hears from here on, changed does.
func (s *shared) begin(m *mirror.Mirror[*elsewhere]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mirror = m
	for key, value := range m.Image().Table().All() {
		if epoch, ok := epochOf(key); ok {
			s.epoch = epoch
			continue
		}
		s.hear(key, value.Value)
	}
}

// hear takes what another process tells. s.mu is held.
func (s *shared) hear(key string, e *elsewhere) {
	callee, _ := owners(key)
	if s.others.set(callee, e, s.Now()) {
		s.enqueue(errand{key: key, ends: e.ends})
	}
}

// Close ends what Open began, when what is over is out of the shared memory; ctx bounds that. The calls that still count
// do so until their time is over.
func (l *Ledger) Close(ctx context.Context) error {
	s := l.shared
	if s == nil {
		return nil
	}
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.errands)
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.runners.Wait()
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("ending what agents serve: %w", ctx.Err())
	}
	s.end()
	<-done
	s.keeper.Wait()
	s.mirror.Close()
	return err
}

// Behind returns for how long the ledger may have missed what other processes serve at the moment now: zero while it
// follows them, and where there are none.
func (l *Ledger) Behind(now time.Time) time.Duration {
	if l.shared == nil {
		return 0
	}
	return l.shared.mirror.Behind(now)
}

// Healthy returns nil while the ledger follows what other processes serve.
func (l *Ledger) Healthy() error {
	if l.shared == nil {
		return nil
	}
	return l.shared.mirror.Healthy()
}

// changed takes what has changed in the bucket. Others' calls come first: who waits for its own is to find them.
func (s *shared) changed(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mirror == nil {
		return
	}
	image := s.mirror.Image()
	lost := s.lost(image)
	for _, key := range keys {
		callee, process := owners(key)
		if _, ok := epochOf(key); ok || process == s.Process {
			continue
		}
		value, ok := image.Get(key)
		switch {
		case ok:
			s.hear(key, value.Value)
		case !lost || !s.others.ends(callee, key):
			s.others.remove(callee, key)
		}
	}
	for _, key := range keys {
		if t := s.told[key]; t != nil {
			_, ok := image.Get(key)
			s.heard(t, ok, lost)
		}
	}
}
