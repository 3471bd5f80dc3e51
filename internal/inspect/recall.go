package inspect

// recalling reads a joined view: what was heard in its pieces, and the literals that touch their borders.
type recalling struct {
	*view
	// state is that of the automaton at pos.
	pos   int
	state uint16
	even  bool
	// last is where the piece before the border begins, before where it ends, and at where the one behind it stands.
	last, before int
	at           span
}

// recall has the rules look at what was heard in the pieces of a joined view, and at the literals that touch their borders.
func (c *scan) recall(v *view) {
	c.seen, c.kept, c.first, c.hasty = c.seen[:0], 0, 0, false
	c.borders, c.bordering = c.borders[:0], true
	r := recalling{view: v, even: asciiPrefix(v.bytes) == len(v.bytes)}
	for i := range c.seams {
		s := &c.seams[i]
		r.at = span{target(v, s.at), target(v, s.end())}
		if i > 0 {
			c.borders = append(c.borders, c.count.to(v.bytes, r.before))
		}
		if s.heard.known {
			c.gather(&r, r.near(), c.heard[s.heard.from:s.heard.to], true)
		} else {
			c.gather(&r, r.at.end-1, nil, false)
		}
		r.last, r.before = r.at.start, r.at.end
	}
	r.at = span{len(v.bytes), len(v.bytes)}
	c.gather(&r, len(v.bytes), nil, false)
	c.decide(v, false)
	c.bordering = false
}

// near returns how far behind the border a literal ends at most that touches it or lies over it: white space in a row
// counts as one byte of it.
func (r *recalling) near() int {
	to, n := r.at.start, 0
	for to < r.at.end-1 && n < maxLiteral {
		if to++; !white(r.bytes[to-1]) || !white(r.bytes[to]) {
			n++
		}
	}
	return to
}

// gather gathers the literals that end between the end of the piece before and to, with those inside of the piece behind in
// their order. touching says that of the former only those count that reach the border.
func (c *scan) gather(r *recalling, to int, inside []occurrence, touching bool) {
	for hits := c.hits(r, to); len(hits) > 0; {
		c.touching, hits = c.set.words.found(c.touching[:0], r.bytes, hits, r.even)
		for _, o := range c.touching {
			if touching && int(o.start) > r.at.start {
				continue
			}
			for len(inside) > 0 && r.at.start+int(inside[0].end) < int(o.end) {
				c.occurs(r, inside[0].moved(r.at.start))
				inside = inside[1:]
			}
			c.occurs(r, o)
		}
	}
	for _, o := range inside {
		c.occurs(r, o.moved(r.at.start))
	}
}

// moved returns the occurrence so many bytes further on.
func (o occurrence) moved(by int) occurrence {
	o.start, o.end = o.start+uint32(by), o.end+uint32(by)
	return o
}

// occurs has the rules look at an occurrence, when there are enough of them.
func (c *scan) occurs(r *recalling, o occurrence) {
	o.token = c.count.to(r.bytes, int(o.end))
	if start := int(o.start); start < r.last || start < r.at.start && int(o.end) > r.before {
		// A literal that lies over a border is on both sides of it.
		c.borders = append(c.borders, o.token)
	}
	if c.seen = append(c.seen, o); len(c.seen) >= maxSeen {
		c.decide(r.view, true)
	}
}

// hits returns where literals may end between the end of the piece before and to.
func (c *scan) hits(r *recalling, to int) []hit {
	words := c.set.words
	// What the automaton reads of a literal decides on its state: no more has to be read again.
	from, seen := r.before, 0
	for from > r.pos && seen <= words.tail {
		if from--; from == r.pos || !white(r.bytes[from]) || !white(r.bytes[from-1]) {
			seen++
		}
	}
	state := uint16(0)
	if from <= r.pos {
		from, state = r.pos, r.state
	}
	text, n := r.bytes[:max(from, to)], 0
	for {
		var end int
		if end, state = words.next(text, from, state); end < 0 {
			break
		}
		if from = end; end >= r.before {
			c.lanes.hits[n] = hit{uint32(end), state}
			n++
		}
	}
	r.pos, r.state = len(text), state
	return c.lanes.hits[:n]
}

// verge returns the stretches in which there are borders.
func (c *scan) verge() uint64 {
	at, kept := uint64(0), c.borders[:0]
	for _, token := range c.borders {
		if token < c.base {
			continue
		}
		kept = append(kept, token)
		if uint32(token-c.base)>>c.grain < stretches {
			at |= c.stretch(token)
		}
	}
	c.borders = kept
	return at
}
