package inspect

import "slices"

const (
	// maxSeen is how many occurrences of literals are gathered before the rules look at them, and maxKept how many of them
	// are kept for those that come behind. Where words of the rules stand closer than that, the rules look at each at once.
	maxSeen = 1024
	maxKept = 512
	// barred is the bit of a rule that does not read the view.
	barred = 1 << maxGroups
)

// mark is the latest place where a group of a rule was seen. In a rule with a fixed order it is the latest chain
// that ends in the group, from the start of its first word.
type mark struct {
	start, end int
	token      int32
}

// progress is how far a rule has come in the view that carries the number epoch.
type progress struct {
	epoch uint32
	// upto is the number of the first occurrence that the rule has not looked at.
	upto  uint32
	seen  uint8
	found uint8
	// clear is the end of the last finding: one place is reported once.
	clear int
}

// pending are the occurrences of literals in one view that no rule was asked about yet. Few rules have all their groups in
// one place, so that most need not be asked at all.
type pending struct {
	seen []occurrence
	// kept of them were there before: they are close enough to those behind to be of one match with them. first is the
	// number of the first one.
	kept  int
	first uint32
	// hasty is that the rules look at each at once.
	hasty bool
	// batch is the number of the occurrences that are looked at together. What carries another is of no use.
	batch  uint32
	wanted []wanted
	// complete are the rules that want nothing, roles what the literals stand for.
	complete []uint16
	roles    []uint16
	noted    []uint32 // by role
	active   []uint32
}

// wanted is the groups of a rule that were not seen yet.
type wanted struct {
	batch  uint32
	groups uint16
}

func newPending(s *Set) pending {
	most := 0
	for d := range s.uses {
		most = max(most, len(s.uses[d].from))
	}
	return pending{wanted: make([]wanted, len(s.rules)), noted: make([]uint32, most), active: make([]uint32, most)}
}

// uses is what the literals count for.
type uses struct {
	// roles is that of each literal: those of one role count for the same. all[from[i]:from[i+1]] are the uses of the role i.
	roles []uint16
	from  []uint32
	all   []use
	// pairs are the roles for which a rule that reads pairs has a use.
	pairs []bool
}

// newUses gives literals that count for the same one role.
func newUses(of [][]use, gates []gate) uses {
	u := uses{roles: make([]uint16, len(of)), from: []uint32{0}}
	known := map[string]uint16{}
	for id, list := range of {
		name := make([]byte, 0, 3*len(list))
		for _, use := range list {
			name = append(name, byte(use.rule), byte(use.rule>>8), use.group)
		}
		role, ok := known[string(name)]
		if !ok {
			role = uint16(len(known))
			known[string(name)] = role
			u.all = append(u.all, list...)
			u.from = append(u.from, uint32(len(u.all)))
			u.pairs = append(u.pairs, slices.ContainsFunc(list, func(u use) bool { return gates[u.rule].reads&traitPairs != 0 }))
		}
		u.roles[id] = role
	}
	return u
}

// of returns for what a literal counts.
func (u *uses) of(id uint16) []use { return u.list(u.roles[id]) }

func (u *uses) list(role uint16) []use { return u.all[u.from[role]:u.from[role+1]] }

// read runs the automaton over the view and has the rules look at what it finds.
func (c *scan) read(v *view) {
	words, even, state := c.set.words, asciiPrefix(v.bytes) == len(v.bytes), uint16(0)
	c.seen, c.kept, c.first, c.hasty = c.seen[:0], 0, 0, false
	for from := 0; from < len(v.bytes); from += laneBlock {
		state = words.read(&c.lanes, v.bytes, from, min(len(v.bytes), from+laneBlock), state)
		for lane := range laneCount {
			for _, h := range c.lanes.of(lane) {
				if c.seen = words.found(c.seen, v.bytes, int(h.pos), h.state, even); len(c.seen) >= maxSeen {
					c.settle(v, true)
				}
			}
		}
		c.settle(v, from+laneBlock < len(v.bytes))
	}
}

// settle has the rules look at the occurrences that are pending. more says that others follow.
func (c *scan) settle(v *view, more bool) {
	if more {
		for i := c.kept; i < len(c.seen); i++ {
			c.seen[i].token = c.count.to(v.bytes, c.seen[i].end)
		}
	}
	if c.note(v) {
		uses := &c.set.uses[c.direction&3]
		for i := range c.seen {
			o := &c.seen[i]
			role := uses.roles[o.id]
			if c.active[role] != c.batch {
				continue
			}
			for _, u := range uses.list(role) {
				if c.wanted[u.rule].groups != 0 || i < c.kept && c.looked(u.rule, i) {
					continue
				}
				c.advance(v, u, o)
			}
		}
	}
	if more {
		c.keep()
	}
}

// note notes which groups of rules are there, and reports whether any rule wants nothing.
func (c *scan) note(v *view) bool {
	if c.batch++; c.batch == 0 {
		clear(c.wanted)
		clear(c.noted)
		clear(c.active)
		c.batch = 1
	}
	uses := &c.set.uses[c.direction&3]
	c.roles, c.complete = c.roles[:0], c.complete[:0]
	for i := range c.seen {
		role := uses.roles[c.seen[i].id]
		if c.noted[role] == c.batch {
			continue
		}
		c.noted[role] = c.batch
		c.roles = append(c.roles, role)
		c.vouches = c.vouches || uses.pairs[role]
		for _, u := range uses.list(role) {
			w := &c.wanted[u.rule]
			if w.batch != c.batch {
				*w = wanted{c.batch, c.wants(v, u.rule)}
				if c.hasty && w.groups != barred {
					w.groups = 1 << u.group
				}
			}
			if w.groups == 0 {
				continue
			}
			if w.groups &^= 1 << u.group; w.groups == 0 {
				c.complete = append(c.complete, u.rule)
			}
		}
	}
	if len(c.complete) == 0 {
		return false
	}
	for _, role := range c.roles {
		for _, u := range uses.list(role) {
			if c.wanted[u.rule].groups == 0 {
				c.active[role] = c.batch
				break
			}
		}
	}
	return true
}

// wants returns the groups that a rule needs.
func (c *scan) wants(v *view, id uint16) uint16 {
	g := &c.set.gates[id]
	if g.places[c.direction&3]&c.bits == 0 || g.most > 0 && len(v.bytes) > int(g.most) {
		return barred
	}
	if lacks := c.asks &^ g.reads; lacks != 0 {
		c.payloads = c.payloads || lacks == traitProse
		return barred
	}
	return 1<<g.groups - 1
}

// looked reports whether the rule has looked at an occurrence before.
func (c *scan) looked(id uint16, i int) bool {
	p := &c.progress[id]
	return p.epoch == c.epoch && c.first+uint32(i) < p.upto
}

// keep drops the occurrences that cannot be part of a match with those that follow.
func (c *scan) keep() {
	if c.hasty {
		c.seen, c.kept = c.seen[:0], 0
		return
	}
	for _, id := range c.complete {
		p := &c.progress[id]
		if p.epoch != c.epoch {
			*p = progress{epoch: c.epoch}
		}
		p.upto = c.first + uint32(len(c.seen))
	}
	from := len(c.seen)
	for from > 0 && c.seen[from-1].token >= c.seen[len(c.seen)-1].token-maxDistance {
		from--
	}
	c.kept = copy(c.seen, c.seen[from:])
	c.seen, c.first = c.seen[:c.kept], c.first+uint32(from)
	c.hasty = c.kept > maxKept
}
