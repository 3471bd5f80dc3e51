package did

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

const (
	// shortestRest lets what happens at once be planned at once.
	shortestRest = 100 * time.Millisecond
	// longestRest bounds how late a claim is noticed that nobody told of.
	longestRest = 10 * time.Second
)

// Follow keeps the documents of all claimed DIDs fresh until ctx ends, and removes those that nobody claims any more.
// A host that is slow or gone does not keep the documents of others from being fetched.
func (d *Documents) Follow(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, d.config.AtOnce)
	for {
		jobs, next := d.plan(d.config.Now())
		for _, j := range jobs {
			if !d.begin(j, slots) {
				break // the end of a job that is under way wakes this loop
			}
			running.Go(func() {
				d.fetch(ctx, j)
				<-slots
				d.end(j)
			})
		}
		d.sweep(ctx)
		if !d.rest(ctx, next.Sub(d.config.Now())) {
			return
		}
	}
}

// plan takes over the claims in force and returns what to fetch.
func (d *Documents) plan(now time.Time) ([]job, time.Time) {
	claims, image := d.config.Wanted(), d.mirror.Image()
	d.mu.Lock()
	unresolvable := d.want(claims)
	d.tidy(image)
	v := d.view
	v.image = image
	jobs, next := d.pace.plan(now, v)
	d.mu.Unlock()
	for _, w := range unresolvable {
		d.config.Logger.Warn("a did:web cannot be resolved", slog.String("did", w.claim.DID), slog.String("problem", w.problem))
		d.observe(Refused)
	}
	return jobs, next
}

// want replaces the claims, of two claims of one DID by the later one. It returns the new ones whose hosts are not
// asked. d.mu is held.
func (d *Documents) want(claims []Claim) (unresolvable []wanted) {
	before := d.view.wanted
	d.view.wanted = make(map[string]wanted, len(claims))
	for _, claim := range claims {
		if !strings.HasPrefix(claim.DID, webMethod) {
			continue
		}
		w, known := d.view.wanted[claim.DID]
		if known && w.claim.Revision >= claim.Revision {
			continue
		}
		if !known {
			w, known = before[claim.DID]
		}
		if !known {
			w = d.judge(claim)
			if w.problem != "" {
				unresolvable = append(unresolvable, w)
			}
		}
		w.claim = claim
		d.view.wanted[claim.DID] = w
	}
	return unresolvable
}

// judge reads a claim and says whether its host is asked.
func (d *Documents) judge(claim Claim) wanted {
	web, err := ParseWeb(claim.DID)
	w := wanted{claim: claim, web: web}
	switch {
	case err != nil:
		w.problem = "the DID " + err.Error()
	case !d.config.Hosts.Allow(web):
		w.problem = unlisted
	}
	return w
}

// tidy forgets hints that an attempt of any process has answered, and what concerns DIDs that nobody claims. d.mu is
// held.
func (d *Documents) tidy(image *mirror.Image[*entry]) {
	for did, hint := range d.view.hints {
		known, ok := image.Get(keyOf(did))
		if _, claimed := d.view.wanted[did]; !claimed || ok && known.Value.Attempted.After(hint) {
			delete(d.view.hints, did)
		}
	}
	for did := range d.view.rests {
		if _, claimed := d.view.wanted[did]; !claimed {
			delete(d.view.rests, did)
		}
	}
}

// begin takes a slot for a job, and reports false when there is none.
func (d *Documents) begin(j job, slots chan<- struct{}) bool {
	select {
	case slots <- struct{}{}:
	default:
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.view.busy[j.wanted.claim.DID] = true
	return true
}

func (d *Documents) end(j job) {
	d.mu.Lock()
	delete(d.view.busy, j.wanted.claim.DID)
	d.mu.Unlock()
	d.poke()
}

// rest waits until something is to be done, and reports false when ctx has ended.
func (d *Documents) rest(ctx context.Context, wait time.Duration) bool {
	if !store.Pause(ctx, shortestRest) {
		return false
	}
	timer := time.NewTimer(min(max(wait, shortestRest), longestRest) - shortestRest)
	defer timer.Stop()
	select {
	case <-d.wake:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// fetch does one job and stores what it came to, unless another process was faster.
func (d *Documents) fetch(ctx context.Context, j job) {
	seen := observation{at: d.config.Now().UTC(), claim: j.wanted.claim.Revision}
	seen.document, seen.err = d.config.Resolver.Resolve(ctx, j.wanted.web)
	if ctx.Err() != nil {
		return // what the end of the process broke off says nothing about the host
	}
	after, outcome, err := d.record(ctx, j, seen)
	if err != nil {
		if ctx.Err() == nil {
			d.config.Logger.Warn("what was found of a DID is not known to be stored", slog.String("did", j.wanted.claim.DID), slog.Any("error", err))
			d.leave(j.wanted.claim.DID)
		}
		return
	}
	if after == nil {
		return
	}
	d.observe(outcome)
	d.report(j.base, after, outcome)
}

// record stores the entry after an observation and returns it when the image has it; it is nil when another process
// has stored an attempt of its own meanwhile.
func (d *Documents) record(ctx context.Context, j job, seen observation) (*entry, Outcome, error) {
	base, revision := j.base, j.revision
	for range writeAttempts {
		after, outcome, err := settle(base, seen, d.config.Swap)
		if err != nil {
			return nil, "", err
		}
		stored, err := d.save(ctx, after, revision)
		if err == nil {
			return after, outcome, d.mirror.Await(ctx, stored)
		}
		if !errors.Is(err, store.ErrConflict) {
			return nil, "", err
		}
		if base, revision, err = d.load(ctx, j.wanted.claim.DID); err != nil {
			return nil, "", err
		}
		if !base.Attempted.Equal(j.base.Attempted) {
			return nil, "", nil
		}
	}
	return nil, "", store.ErrConflict
}

// leave makes this process leave a DID alone for a while, as the store cannot say that it was tried.
func (d *Documents) leave(did string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.view.rests[did] = d.config.Now().Add(negative)
}

// sweep removes what nobody claims any more, once in the time between two refreshes.
func (d *Documents) sweep(ctx context.Context) {
	now := d.config.Now()
	d.mu.Lock()
	if now.Before(d.swept.Add(d.config.Refresh)) {
		d.mu.Unlock()
		return
	}
	d.swept = now
	v := d.view
	v.image = d.mirror.Image()
	gone := d.pace.abandoned(now, v)
	d.mu.Unlock()
	for key, revision := range gone {
		err := d.config.Bucket.Delete(ctx, key, revision)
		if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
			d.config.Logger.Warn("removing a DID failed; it is tried again later", slog.Any("error", err))
			return
		}
	}
}

func (d *Documents) observe(outcome Outcome) {
	if d.config.Observed != nil {
		d.config.Observed(outcome)
	}
}

// report logs what is new about a document; what stays as it was is only counted.
func (d *Documents) report(before, after *entry, outcome Outcome) {
	did := slog.String("did", after.DID)
	switch {
	case outcome == Fetched:
		d.config.Logger.Info("a DID document is in force", did, slog.String("digest", after.InForce.Digest),
			slog.String("before", before.InForce.digest()))
	case outcome == Held && (before.Held == nil || before.Held.Digest != after.Held.Digest):
		d.config.Logger.Warn("a DID document breaks with the one in force and is held", did,
			slog.String("held", after.Held.Digest), slog.String("inForce", after.InForce.digest()))
	case after.Failures > 0 && after.Problem != before.Problem:
		d.config.Logger.Warn("a DID document cannot be had", did, slog.String("outcome", string(outcome)), slog.String("problem", after.Problem))
	case outcome == Unchanged && before.Failures > 0:
		d.config.Logger.Info("a DID document can be had again", did)
	}
}
