package inspect

// recalling reads a joined view: the literals that touch the borders of its pieces.
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
	// early are the ends of literals that were found near its start when it was read alone.
	early []hit
}

// crossing is a border of a joined view: where the piece behind it stands, whether it is known what is inside of that, and how
// many literals touch this border and those before.
type crossing struct {
	at    span
	known bool
	met   int
}

// recall has the rules look at what was heard in the pieces of a joined view, and at the literals that touch their borders.
func (c *scan) recall(v *view) {
	c.seen, c.kept, c.counted, c.first, c.hasty = c.seen[:0], 0, 0, 0, false
	if !c.spend(len(c.heard) / occurrencesPrice) {
		return
	}
	c.borders, c.bordering = c.borders[:0], true
	over := c.meet(v)
	last, before, from := 0, 0, 0
	for i := range c.crossings {
		x, inside := &c.crossings[i], []occurrence(nil)
		if i > 0 && i < len(c.seams) {
			c.borders = append(c.borders, c.count.to(v.bytes, before))
			if at := x.at.start; !c.tightly && at == before+1 && before > 0 && wordBytes[v.bytes[before-1]] && wordBytes[v.bytes[at]] {
				// Two halves of a word are one.
				c.count.to(v.bytes, at)
				c.count.before = stepWord
			}
		}
		if x.known {
			h := &c.seams[i].heard
			inside = c.heard[h.from:h.to]
		}
		for _, o := range c.met[from:x.met] {
			inside = c.insides(v, x, inside, int(o.end), over)
			if o.over(last, before, x.at.start) {
				// A literal that lies over a border is on both sides of it.
				c.borders = append(c.borders, c.count.to(v.bytes, int(o.end)))
			}
			c.occurs(v, o, over)
		}
		c.insides(v, x, inside, maxOffset, over)
		last, before, from = x.at.start, x.at.end, x.met
	}
	c.decide(v, false)
	c.bordering = false
}

// meet finds the literals that touch the borders, and reports whether one of a rule about prose lies over one.
func (c *scan) meet(v *view) (over bool) {
	r := recalling{view: v, even: asciiPrefix(v.bytes) == len(v.bytes)}
	c.crossings, c.met = c.crossings[:0], c.met[:0]
	for i := range c.seams {
		s := &c.seams[i]
		r.at = span{target(v, s.at), target(v, s.end())}
		to := r.at.end - 1
		if r.known = c.recalls(&s.heard, v, r.at); r.known {
			to, r.early = r.near(), c.early[s.heard.early.start:s.heard.early.end]
		}
		over = c.gather(&r, to) || over
		r.last, r.before = r.at.start, r.at.end
	}
	r.at, r.known = span{len(v.bytes), len(v.bytes)}, false
	return c.gather(&r, len(v.bytes)) || over
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

// gather gathers the literals that end between the end of the piece before and to. Where it is known what is inside of the
// piece behind, only those count that reach the border. It reports whether one of a rule about prose lies over the border.
func (c *scan) gather(r *recalling, to int) (over bool) {
	r.start(c.set.words)
	stop := to
	if r.known && r.single {
		// What stands before the border does not decide on the state of the automaton any more.
		stop = min(to, r.at.start+c.set.words.tail+1)
	}
	for r.pos < stop {
		over = c.touch(r, c.hits(r, min(stop, r.pos+laneBlock))) || over
	}
	if stop < to {
		n := 0
		for _, h := range r.early {
			if h.pos += uint32(r.at.start); int(h.pos) > stop && int(h.pos) <= to {
				c.lanes.hits[n] = h
				n++
			}
		}
		over = c.touch(r, c.lanes.hits[:n]) || over
	}
	c.crossings = append(c.crossings, crossing{r.at, r.known, len(c.met)})
	return over
}

// over reports whether a literal lies over the border between a piece that ends at before and one that begins at at, or over
// that before the former, which begins at last.
func (o *occurrence) over(last, before, at int) bool {
	return int(o.start) < last || int(o.start) < at && int(o.end) > before
}

// touch gathers the literals that end at hits, and reports whether one of a rule about prose lies over the border.
func (c *scan) touch(r *recalling, hits []hit) (over bool) {
	reach := c.set.reach[c.direction&3]
	for len(hits) > 0 {
		c.touching, hits = c.set.words.found(c.touching[:0], r.bytes, hits, r.even)
		for _, o := range c.touching {
			if r.known && int(o.start) > r.at.start {
				continue
			}
			over = over || reach[o.role].prose && o.over(r.last, r.before, r.at.start)
			c.met = append(c.met, o)
		}
	}
	return over
}

// insides gathers literals inside of a piece that end before an offset, and returns those that do not.
func (c *scan) insides(v *view, x *crossing, inside []occurrence, before int, over bool) []occurrence {
	by := uint32(x.at.start)
	for i := range inside {
		o := &inside[i]
		if int(o.end+by) >= before {
			return inside[i:]
		}
		c.occurs(v, occurrence{start: o.start + by, end: o.end + by, role: o.role, size: o.size}, over)
	}
	return nil
}

// occurs gathers an occurrence of a role that can make a difference, and has the rules look at all when there are enough of
// them. With a space between only rules about prose read the view; with nothing, those of them which look at words alone find
// no more than before unless a word of theirs lies over a border.
func (c *scan) occurs(v *view, o occurrence, over bool) {
	if n := &c.set.reach[c.direction&3][o.role]; c.tightly && !over && !n.other || !c.tightly && !n.prose {
		return
	}
	o.token = c.count.to(v.bytes, int(o.end))
	c.seen = append(c.seen, o)
	if c.counted = len(c.seen); c.counted >= maxSeen {
		c.decide(v, true)
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
