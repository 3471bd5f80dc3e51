package inspect

import "math/bits"

const (
	// maxSeen is how many occurrences of literals are gathered before the rules look at them, and maxKept how many of them
	// are kept for those that come behind. Where words of the rules stand closer than that, the rules look at each at once.
	maxSeen = 1024
	maxKept = 512
	// stretches is how many pieces of a batch are told apart.
	stretches = 64
)

// mark is the latest place where a group of a rule was seen. In a rule with a fixed order it is the latest chain
// that ends in the group, from the start of its first word.
type mark struct {
	start, end int
	token      int32
	// head is where the chain has its second group, of which the first is only what introduces it.
	head int32
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
// one place, so that most need not be asked at all: sets of bits tell which, and where.
type pending struct {
	seen []occurrence
	// kept of them were there before: they are close enough to those behind to be of one match with them. first is the
	// number of the first one.
	kept  int
	first uint32
	// counted of them know how many words there are up to their end.
	counted int
	// hasty is that the rules look at each at once.
	hasty bool
	// The occurrences that are looked at together, a batch, lie in stretches of 1<<grain words each, from the word base on.
	base  int32
	grain uint8
	// where holds the stretches in which each role was seen, and roles those that were.
	where []uint64
	roles []uint16
	// groups holds, for each group of a rule, the rules of which it was seen, as sets. near are the rules that have all their
	// groups close to each other, regions, by rule, the stretches in which they have, and ready lists these rules.
	groups, near []uint64
	regions      []uint64
	ready        []uint16
	// spots holds the stretches of each group of a rule.
	spots [][maxGroups]uint64
	// bordering is that only matches over the borders of pieces count, and verges are the stretches with a border.
	bordering bool
	verges    uint64
}

func newPending(s *Set) pending {
	width := s.uses[DirectionUnknown].width
	return pending{
		where: make([]uint64, len(s.uses[DirectionUnknown].pairs)), groups: make([]uint64, maxGroups*width), near: make([]uint64, width),
		regions: make([]uint64, len(s.rules)), spots: make([][maxGroups]uint64, len(s.rules)),
	}
}

// read runs the automaton over the view and has the rules look at what it finds.
func (c *scan) read(v *view) {
	words, even, state := c.set.words, asciiPrefix(v.bytes) == len(v.bytes), uint16(0)
	c.seen, c.kept, c.counted, c.first, c.hasty = c.seen[:0], 0, 0, 0, false
	if c.beginningOf(v) {
		c.seen = append(c.seen, occurrence{role: uint16(c.beginning)})
	}
	for from := 0; from < len(v.bytes); from += laneBlock {
		state = words.read(&c.lanes, v.bytes, from, min(len(v.bytes), from+laneBlock), state)
		for lane := range laneCount {
			hits := c.lanes.of(lane)
			c.overhear(hits)
			for len(hits) > 0 {
				if c.seen, hits = words.found(c.seen, v.bytes, hits, even); len(c.seen) >= maxSeen && !c.settle(v, true) {
					return
				}
			}
		}
		if !c.settle(v, from+laneBlock < len(v.bytes)) {
			return
		}
	}
}

// settle has the rules look at the occurrences that are pending. more says that others follow. It reports whether there is fuel
// to find others.
func (c *scan) settle(v *view, more bool) bool {
	if !c.spend((len(c.seen) - c.kept) / occurrencesPrice) {
		return false
	}
	if len(c.listening) > 0 {
		c.countWords(v)
		c.hear()
	}
	c.decide(v, more)
	return !c.starved
}

// countWords has all that are pending know how many words there are up to their end.
func (c *scan) countWords(v *view) {
	for i := c.counted; i < len(c.seen); i++ {
		c.seen[i].token = c.count.to(v.bytes, int(c.seen[i].end))
	}
	c.counted = len(c.seen)
}

// decide has the rules look at the occurrences that are pending.
func (c *scan) decide(v *view, more bool) {
	c.note()
	if c.complete(v) && c.approach(v, more) {
		c.look(v)
	}
	if more {
		c.countWords(v)
		c.keep()
	}
	for _, role := range c.roles {
		c.where[role] = 0
	}
	for _, id := range c.ready {
		c.regions[id] = 0
	}
}

// note notes which groups of rules are there.
func (c *scan) note() {
	c.roles, c.ready = c.roles[:0], c.ready[:0]
	clear(c.groups)
	for i := range c.seen {
		if role := c.seen[i].role; c.where[role] == 0 {
			c.where[role] = 1
			c.roles = append(c.roles, role)
		}
	}
	uses := &c.set.uses[c.direction&3]
	for _, role := range c.roles {
		c.vouches = c.vouches || uses.pairs[role]
		for _, s := range uses.sets(role) {
			c.groups[int(s.group)*uses.width+int(s.word)] |= s.rules
		}
	}
}

// complete finds the rules that read the view and have all their groups in it, and reports whether there are any.
func (c *scan) complete(v *view) bool {
	uses := &c.set.uses[c.direction&3]
	found := false
	for word := range c.near {
		c.near[word] = 0
		for rules := uses.complete(c.groups, word, c.hasty); rules != 0; rules &= rules - 1 {
			if id := word<<6 + bits.TrailingZeros64(rules); c.reads(v, uint16(id)) {
				c.near[word] |= rules & -rules
				c.spots[id] = [maxGroups]uint64{}
				found = true
			}
		}
	}
	return found
}

// locate notes where the groups are. Words are counted only now, since few ordinary texts get here.
func (c *scan) locate(v *view) {
	c.countWords(v)
	c.base, c.grain = c.seen[0].token, 0
	if reach := uint32(c.seen[len(c.seen)-1].token - c.base); reach >= stretches {
		c.grain = uint8(bits.Len32(reach / stretches))
	}
	for _, role := range c.roles {
		c.where[role] = 0
	}
	for i := range c.seen {
		o := &c.seen[i]
		c.where[o.role] |= c.stretch(o.token)
	}
}

// stretch returns the bit of the stretch that a word lies in.
func (c *scan) stretch(token int32) uint64 {
	return 1 << (uint32(token-c.base) >> (c.grain & 31) & (stretches - 1))
}

// approach finds among the rules that are complete those that have all their groups close to each other, and reports whether
// there are any. more says that other occurrences follow. Whatever lies between two words of a match lies in the region of its
// rule, so that the rule sees there what it would see if it looked at all.
func (c *scan) approach(v *view, more bool) bool {
	c.locate(v)
	if c.bordering {
		c.verge()
	}
	c.spot(&c.set.uses[c.direction&3])
	open := uint64(0)
	if more {
		// What is kept for those that follow is looked at once, and so now.
		open = ^(c.stretch(max(c.base, c.seen[len(c.seen)-1].token-maxDistance)) - 1)
	}
	for word := range c.near {
		for rules := c.near[word]; rules != 0; rules &= rules - 1 {
			id := word<<6 + bits.TrailingZeros64(rules)
			if c.regions[id] = c.region(id); c.regions[id] == 0 {
				c.near[word] &^= rules & -rules
				continue
			}
			c.regions[id] |= open
			c.ready = append(c.ready, uint16(id))
		}
	}
	return len(c.ready) > 0
}

// spot notes where each group of the rules is that have all of them, and drops the roles that are of none.
func (c *scan) spot(uses *roles) {
	live := 0
	for _, role := range c.roles {
		any, where := uint64(0), c.where[role]
		for _, s := range uses.sets(role) {
			rules := s.rules & c.near[s.word]
			for any |= rules; rules != 0; rules &= rules - 1 {
				c.spots[int(s.word)<<6+bits.TrailingZeros64(rules)][s.group&(maxGroups-1)] |= where
			}
		}
		if any == 0 {
			c.where[role] = 0
			continue
		}
		c.roles[live] = role
		live++
	}
	c.roles = c.roles[:live]
}

// region returns the stretches in which the groups of a rule are close enough to each other to be of one match.
func (c *scan) region(id int) uint64 {
	g, spots := &c.set.gates[id], &c.spots[id]
	if c.hasty {
		return ^uint64(0)
	}
	all, reach := ^uint64(0), g.distance>>(c.grain&31)+1
	if c.bordering && g.words {
		// They are to lie on both sides of a border.
		if all = c.verges; g.groups > 1 {
			all = smear(all, reach)
		}
	}
	if g.groups == 1 {
		return all & spots[0]
	}
	if g.ordered {
		// All others are to lie in front of the last one.
		ends := spots[g.groups-1]
		for _, at := range spots[:g.groups-1] {
			ends &= behind(at, reach)
		}
		return all & ahead(ends, reach)
	}
	for _, at := range spots[:g.groups] {
		all &= smear(at, reach)
	}
	return all
}

// reads reports whether a rule reads the view.
func (c *scan) reads(v *view, id uint16) bool {
	g := &c.set.gates[id]
	return g.places[c.direction&3]&c.bits != 0 && (g.most == 0 || len(v.bytes) <= int(g.most)) && c.asks&^g.reads == 0
}

// look has the rules look at the occurrences in their regions.
func (c *scan) look(v *view) {
	uses := &c.set.uses[c.direction&3]
	for _, role := range c.roles {
		regions := uint64(0)
		for _, s := range uses.sets(role) {
			for rules := s.rules & c.near[s.word]; rules != 0; rules &= rules - 1 {
				regions |= c.regions[int(s.word)<<6+bits.TrailingZeros64(rules)]
			}
		}
		c.where[role] &= regions
	}
	for i := range c.seen {
		o := &c.seen[i]
		at := c.stretch(o.token)
		if c.where[o.role]&at == 0 {
			continue
		}
		for _, u := range uses.list(o.role) {
			if c.regions[u.rule]&at == 0 || i < c.kept && c.looked(u.rule, i) {
				continue
			}
			c.advance(v, u, o)
		}
	}
}

// looked reports whether the rule has looked at an occurrence before.
func (c *scan) looked(id uint16, i int) bool {
	p := &c.progress[id]
	return p.epoch == c.epoch && c.first+uint32(i) < p.upto
}

// keep drops the occurrences that cannot be part of a match with those that follow.
func (c *scan) keep() {
	if c.hasty {
		c.seen, c.kept, c.counted = c.seen[:0], 0, 0
		return
	}
	for _, id := range c.ready {
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
	c.counted = c.kept
	c.seen, c.first = c.seen[:c.kept], c.first+uint32(from)
	c.hasty = c.kept > maxKept
}
