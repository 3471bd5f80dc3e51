package budget

import "time"

const (
	// shortPause is how long a process that the store has refused does not ask it again, unless a share of the burst is
	// back sooner; longPause is after how long it asks again at the latest, as others may have given something back.
	shortPause = int64(25 * time.Millisecond)
	longPause  = int64(time.Second)
	// slotPause is the same for calls under way.
	slotPause = int64(50 * time.Millisecond)
	// failurePause is how long calls are refused at once after the store did not answer.
	failurePause = int64(100 * time.Millisecond)
	// keepFor is how long a limit is remembered that nobody draws on: longer than every lease of tokens.
	keepFor = int64(time.Minute)
)

// holding is what a process holds of a limit that several share, and what it knows of the limit. Its moments are those of
// the process, unless they are said to be the record's.
type holding struct {
	name  name
	draw  Draw
	share share
	// flight is a visit to the store that is under way, waiting how many calls wait for one.
	flight  *flight
	waiting int64
	// known is the record as it was last seen; revision is 0 where it is to be read first.
	known    *record
	revision uint64
	// shift is by how much the time of the record is ahead of this process's clock.
	shift int64
	// Until the moment closed, of the record, the store is not asked again; a call fits at the moment opens.
	closed, opens int64
	// Until the moment failed the store is not asked either, because of err.
	failed int64
	err    error
	used   int64
	listed bool
}

// flight is one visit to the store, for which others wait.
type flight struct {
	done chan struct{}
	err  error
}

func (h *holding) look(d Draw, at, now int64) view {
	v := h.share.look(d, at+h.shift, now+h.shift)
	switch here := now + h.shift; {
	case !v.ask:
		return v
	case here < h.closed:
		return view{full: true, wait: max(h.opens-here, 0)}
	case now < h.failed:
		return view{err: h.err}
	default:
		return v
	}
}

func (h *holding) take(at, now int64) {
	h.used = now
	h.share.take(at+h.shift, now+h.shift)
}

func (h *holding) idle(now int64) bool {
	return h.flight == nil && h.waiting == 0 && !h.listed && h.share.empty() && now >= h.used+keepFor
}

// depart begins a visit to the store.
func (h *holding) depart(now int64) (proposal, route) {
	h.flight = &flight{done: make(chan struct{})}
	p := h.share.propose(h.draw, h.waiting, now+h.shift)
	return p, route{key: storeKey(h.name), known: h.known, revision: h.revision}
}

// land ends a visit that came to an answer. Now is a moment after it: measured from the beginning of the visit, every
// visit would put the time of the record ahead by what it took.
func (h *holding) land(a answer, r route, now int64) {
	h.known, h.revision = r.known, r.revision
	h.shift = max(h.shift, a.now-now)
	h.share.recorded(a)
	h.closed, h.opens, h.failed, h.err = 0, 0, 0, nil
	if a.refused {
		h.refuse(a)
	}
}

// refuse keeps the calls that follow from asking in vain.
func (h *holding) refuse(a answer) {
	if h.name.underWay {
		h.closed, h.opens = a.now+slotPause, 0
		return
	}
	p := paceOf(h.draw)
	quarter, _ := p.times(max(p.burst/shareOfBurst, 1))
	wait := max(a.wait, min(shortPause, quarter/2))
	h.closed, h.opens = a.now+min(wait, longPause), a.now+wait
}

// lose ends a visit of which nobody knows what it came to.
func (h *holding) lose(err error, now int64) {
	h.revision = 0
	h.failed, h.err = now+failurePause, err
}
