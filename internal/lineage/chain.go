package lineage

import "time"

// order is one of those in which calls are chained.
type order int

const (
	byCallee order = iota // as they began
	byTrace               // as they began
	byEnd                 // as they cease to count
	chains
)

// chain holds calls in an order. A call knows its neighbours, so that it takes no memory to add one, and one step to remove
// one.
type chain struct{ first, last *Call }

// link is where a call stands in a chain.
type link struct{ before, next *Call }

// add puts a call behind all others.
func (h *chain) add(in order, c *Call) { h.after(h.last, in, c) }

// insert puts a call where it stands by when it ceases to count. Calls end in about that order, so that few steps are taken.
func (h *chain) insert(c *Call) {
	at := h.last
	for at != nil && at.until.After(c.until) {
		at = at.links[byEnd].before
	}
	h.after(at, byEnd, c)
}

// after puts a call behind another one, or before all where there is none.
func (h *chain) after(at *Call, in order, c *Call) {
	next := h.first
	if at != nil {
		next = at.links[in].next
	}
	c.links[in] = link{before: at, next: next}
	*h.behind(at, in), *h.ahead(next, in) = c, c
}

func (h *chain) remove(in order, c *Call) {
	at := c.links[in]
	*h.behind(at.before, in), *h.ahead(at.next, in) = at.next, at.before
	c.links[in] = link{}
}

// behind is what says which call follows one, or is first where there is none.
func (h *chain) behind(c *Call, in order) **Call {
	if c == nil {
		return &h.first
	}
	return &c.links[in].next
}

// ahead is what says which call one follows, or is last where there is none.
func (h *chain) ahead(c *Call, in order) **Call {
	if c == nil {
		return &h.last
	}
	return &c.links[in].before
}

// at returns those of the calls that count at the moment now, one excepted, in the order in which they began.
func (h chain) at(in order, now time.Time, besides *Call) []Served {
	n := 0
	for c := h.first; c != nil; c = c.links[in].next {
		if c != besides && !c.over(now) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	served := make([]Served, 0, n+1) // there may be a lump behind them
	for c := h.first; c != nil; c = c.links[in].next {
		if c != besides && !c.over(now) {
			served = append(served, c.served)
		}
	}
	return served
}

// any reports whether one of the calls counts at the moment now, one excepted.
func (h chain) any(now time.Time, besides *Call) bool {
	for c := h.first; c != nil; c = c.links[byCallee].next {
		if c != besides && !c.over(now) {
			return true
		}
	}
	return false
}
