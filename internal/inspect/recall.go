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
	// known is that it is known what is inside of that piece, and single that no white space stands in a row at its start.
	known, single bool
}

// recall has the rules look at what was heard in the pieces of a joined view, and at the literals that touch their borders.
func (c *scan) recall(v *view) {
	c.seen, c.kept, c.counted, c.first, c.hasty = c.seen[:0], 0, 0, 0, false
	c.borders, c.bordering = c.borders[:0], true
	r := recalling{view: v, even: asciiPrefix(v.bytes) == len(v.bytes)}
	for i := range c.seams {
		s := &c.seams[i]
		r.at = span{target(v, s.at), target(v, s.end())}
		if i > 0 {
			c.borders = append(c.borders, c.count.to(v.bytes, r.before))
		}
		to, inside := r.at.end-1, []occurrence(nil)
		if r.known = c.recalls(&s.heard, v, r.at); r.known {
			to, inside = r.near(), c.heard[s.heard.from:s.heard.to]
		}
		c.gather(&r, to, inside)
		r.last, r.before = r.at.start, r.at.end
	}
	r.at, r.known = span{len(v.bytes), len(v.bytes)}, false
	c.gather(&r, len(v.bytes), nil)
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
	// Where there is no white space in a row, a literal has as many bytes in the text as it has.
	r.single = n == to-r.at.start
	return to
}

// gather gathers the literals that end between the end of the piece before and to, with those inside of the piece behind in
// their order. Where these are known, of the former only those count that reach the border.
func (c *scan) gather(r *recalling, to int, inside []occurrence) {
	r.start(c.set.words)
	for r.pos < to {
		for hits := c.hits(r, min(to, r.pos+laneBlock)); len(hits) > 0; {
			c.touching, hits = c.set.words.found(c.touching[:0], r.bytes, hits, r.even)
			for _, o := range c.touching {
				if r.known && int(o.start) > r.at.start {
					continue
				}
				inside = c.insides(r, inside, int(o.end))
				if start := int(o.start); start < r.last || start < r.at.start && int(o.end) > r.before {
					// A literal that lies over a border is on both sides of it.
					c.borders = append(c.borders, c.count.to(r.bytes, int(o.end)))
				}
				c.occurs(r, o)
			}
		}
	}
	c.insides(r, inside, maxOffset)
}

// insides gathers literals inside of a piece that end before an offset, and returns those that do not.
func (c *scan) insides(r *recalling, inside []occurrence, before int) []occurrence {
	by := uint32(r.at.start)
	for i := range inside {
		o := &inside[i]
		if int(o.end+by) >= before {
			return inside[i:]
		}
		c.occurs(r, occurrence{start: o.start + by, end: o.end + by, role: o.role, size: o.size})
	}
	return nil
}

// occurs gathers an occurrence, and has the rules look at all when there are enough of them.
func (c *scan) occurs(r *recalling, o occurrence) {
	o.token = c.count.to(r.bytes, int(o.end))
	c.seen = append(c.seen, o)
	if c.counted = len(c.seen); c.counted >= maxSeen {
		c.decide(r.view, true)
	}
}

// start has the automaton go on in front of the border. What it reads of a literal decides on its state: no more has to be
// read again.
func (r *recalling) start(words *automaton) {
	from, seen := r.before, 0
	for from > r.pos && seen <= words.tail {
		if from--; from == r.pos || !white(r.bytes[from]) || !white(r.bytes[from-1]) {
			seen++
		}
	}
	if from > r.pos {
		r.pos, r.state = from, 0
	}
}

// hits reads on up to an offset, and returns where from the end of the piece before on literals may end.
func (c *scan) hits(r *recalling, to int) []hit {
	text, n := r.bytes[:to], 0
	for end, state := c.set.words.next(text, r.pos, r.state); ; end, state = c.set.words.next(text, end, state) {
		if end < 0 {
			r.pos, r.state = to, state
			return c.lanes.hits[:n]
		}
		if end >= r.before && (!r.known || !r.single || end-r.at.start <= int(c.set.longest[state-c.set.words.accept])) {
			c.lanes.hits[n] = hit{uint32(end), state}
			n++
		}
	}
}

// verge finds the stretches in which there are borders.
func (c *scan) verge() {
	c.verges = 0
	kept := c.borders[:0]
	for _, token := range c.borders {
		if token < c.base {
			continue
		}
		kept = append(kept, token)
		if uint32(token-c.base)>>c.grain < stretches {
			c.verges |= c.stretch(token)
		}
	}
	c.borders = kept
}
