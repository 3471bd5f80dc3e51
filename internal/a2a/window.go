package a2a

// window is what was fed of a stream and not returned yet. It is part of the last chunk for as long as that stays as it
// is, and memory of its own where it outlives the chunk.
type window struct {
	rest []byte
	own  []byte
	kept bool // rest is in own, from its first byte
}

// feed appends a chunk, which must stay as it is until keep.
func (w *window) feed(chunk []byte) {
	if len(w.rest) == 0 {
		w.rest, w.kept = chunk, false
		return
	}
	w.keep()
	w.own = append(w.own, chunk...)
	w.rest = w.own
}

// keep moves the rest out of the caller's memory.
func (w *window) keep() {
	if !w.kept {
		w.own = append(w.own[:0], w.rest...)
		w.rest, w.kept = w.own, true
	}
}

// take returns the first n bytes, which are valid until feed or keep.
func (w *window) take(n int) []byte {
	taken := w.rest[:n:n]
	w.rest, w.kept = w.rest[n:], w.kept && n == 0
	return taken
}
