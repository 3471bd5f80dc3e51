package callback

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// lookupTimeout bounds one look-up, waiting for its turn included. It leaves room to answer within the second that
	// a proxy waits for a decision by default.
	lookupTimeout = 700 * time.Millisecond
	// lookupsAtOnce bounds how many names are looked up at once.
	lookupsAtOnce = 32
	// knownFor is how long an answer is used again, failedFor how long the answer that there is none is: long
	// enough for the retries of one client, too short to hide that a name was pointed elsewhere.
	knownFor  = 30 * time.Second
	failedFor = 5 * time.Second
	// namesKept bounds the answers that are remembered.
	namesKept = 1024
)

// Resolver looks up the addresses of a name. *net.Resolver is one.
type Resolver interface {
	// LookupNetIP returns the addresses of host; network is always "ip". A name that ends in a dot is complete.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// directory is a resolver with bounds: names come from callers, and each new one costs a query to somebody's server.
type directory struct {
	resolver Resolver
	now      func() time.Time
	turns    chan struct{}
	flights  singleflight.Group

	mu    sync.Mutex
	known map[string]answer
}

// answer is what a resolver said; no address at all says that the name has none.
type answer struct {
	addrs []netip.Addr
	until time.Time
}

func newDirectory(resolver Resolver, now func() time.Time) *directory {
	return &directory{resolver: resolver, now: now, turns: make(chan struct{}, lookupsAtOnce), known: map[string]answer{}}
}

// lookUp returns the addresses of a name, at least one.
func (d *directory) lookUp(ctx context.Context, name string) ([]netip.Addr, *Refusal) {
	addrs, ok := d.recall(name)
	if !ok {
		// The query outlives the caller that began it, because others may wait for it too.
		background := context.WithoutCancel(ctx)
		flight := d.flights.DoChan(name, func() (any, error) { return d.ask(background, name) })
		select {
		case result := <-flight:
			if result.Err != nil {
				return nil, refuseLookup()
			}
			addrs, _ = result.Val.([]netip.Addr)
		case <-ctx.Done():
			return nil, refuseLookup()
		}
	}
	if len(addrs) == 0 {
		return nil, refuseName()
	}
	return addrs, nil
}

func refuseLookup() *Refusal {
	return refuse(Overloaded, "the callback's host could not be looked up now; retry later")
}

// ask asks the resolver and remembers its answer. An error says that it had none in time.
func (d *directory) ask(ctx context.Context, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	select {
	case d.turns <- struct{}{}:
		defer func() { <-d.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	addrs, err := d.resolver.LookupNetIP(ctx, "ip", name)
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		addrs = nil
	case err != nil:
		return nil, err
	}
	d.remember(name, addrs)
	return addrs, nil
}

func (d *directory) recall(name string) ([]netip.Addr, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.known[name]
	if !ok || !d.now().Before(a.until) {
		return nil, false
	}
	return a.addrs, true
}

func (d *directory) remember(name string, addrs []netip.Addr) {
	now := d.now()
	until := now.Add(knownFor)
	if len(addrs) == 0 {
		until = now.Add(failedFor)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) >= namesKept {
		d.prune(now)
	}
	d.known[name] = answer{addrs: addrs, until: until}
}

// prune makes room: it drops what is too old, and everything when nothing is. d.mu is held.
func (d *directory) prune(now time.Time) {
	for name, a := range d.known {
		if !now.Before(a.until) {
			delete(d.known, name)
		}
	}
	if len(d.known) >= namesKept {
		clear(d.known)
	}
}
