package did

import (
	"context"
	"time"
)

// SetTimeout replaces the bound of one fetch.
func (f *Fetcher) SetTimeout(d time.Duration) { f.timeout = d }

// Timeout is the bound of one fetch.
func (f *Fetcher) Timeout() time.Duration { return f.timeout }

// Round fetches what is due, one document after the other, and removes what nobody claims. It returns the DIDs that
// were due.
func (d *Documents) Round(ctx context.Context) []string {
	jobs, _ := d.plan(d.config.Now())
	var due []string
	slots := make(chan struct{}, len(jobs))
	for _, j := range jobs {
		due = append(due, j.wanted.claim.DID)
		d.begin(j, slots)
		d.fetch(ctx, j)
		d.end(j)
	}
	d.sweep(ctx)
	return due
}

// Next returns when something is to be done next, as far as is known now.
func (d *Documents) Next() time.Time {
	_, next := d.plan(d.config.Now())
	return next
}
