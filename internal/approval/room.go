package approval

import (
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
)

// ignoredFactor is how many times as many approvals of a caller may be kept about which nobody voted as may wait: a caller
// that asks and asks, and lets all of it expire, is asking nobody.
const ignoredFactor = 10

// room bounds how many approvals of a caller people have before them.
type room struct {
	bound int

	mu       sync.Mutex
	dirty    map[string]struct{}              // keys whose approvals have changed
	callers  map[string]agent.ID              // by key: whose it is, of those about which nobody voted or that wait
	keys     map[agent.ID]map[string]struct{} // the same by caller
	entering map[agent.ID]int                 // those that begin at the moment
}

func newRoom(bound int) *room {
	return &room{
		bound: bound, dirty: map[string]struct{}{}, callers: map[string]agent.ID{},
		keys: map[agent.ID]map[string]struct{}{}, entering: map[agent.ID]int{},
	}
}

// changed notes keys. What they hold is looked up when it is needed.
func (r *room) changed(keys []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		r.dirty[key] = struct{}{}
	}
}

// enter lets one more approval of the caller begin, if there is room, and returns what to call when the image has it. The
// image is that of now, which has what every changed key holds.
func (r *room) enter(caller agent.ID, current func() *mirror.Image[Approval], now time.Time) (leave func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	image := r.settle(current)
	waiting := r.entering[caller]
	for key := range r.keys[caller] {
		if known, ok := image.Get(key); ok && known.Value.State == Pending && !known.Value.over(now) {
			waiting++
		}
	}
	if waiting >= r.bound || len(r.keys[caller])+r.entering[caller] >= r.bound*ignoredFactor {
		return nil, false
	}
	r.entering[caller]++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.entering[caller]--; r.entering[caller] == 0 {
			delete(r.entering, caller)
		}
	}, true
}

// tidy looks up what has changed. Where nobody asks for approvals, what is to be looked up would grow with every one of them.
func (r *room) tidy(current func() *mirror.Image[Approval]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(current)
}

// settle brings the index up to date with the image of now, which it returns.
func (r *room) settle(current func() *mirror.Image[Approval]) *mirror.Image[Approval] {
	image := current()
	for key := range r.dirty {
		r.count(key, image)
	}
	clear(r.dirty)
	return image
}

// count brings the index up to date with what the image has under the key.
func (r *room) count(key string, image *mirror.Image[Approval]) {
	if caller, ok := r.callers[key]; ok {
		delete(r.callers, key)
		delete(r.keys[caller], key)
		if len(r.keys[caller]) == 0 {
			delete(r.keys, caller)
		}
	}
	known, ok := image.Get(key)
	a := &known.Value
	if !ok || a.State != Pending && len(a.Votes) > 0 {
		return
	}
	r.callers[key] = a.Caller
	if r.keys[a.Caller] == nil {
		r.keys[a.Caller] = map[string]struct{}{}
	}
	r.keys[a.Caller][key] = struct{}{}
}
