package inspect

import "slices"

// roles is what the literals count for in one direction. Literals that count for the same groups of the same rules have one
// role, and the same in all directions.
type roles struct {
	// all[from[i]:from[i+1]] are the uses of the role i.
	from []uint32
	all  []use
	// slots[slotFrom[i]:slotFrom[i+1]] are the same uses as sets of rules.
	slotFrom []uint32
	slots    []slot
	// width is how many words a set of all rules has. used are those that have literals in the direction, and
	// spare[group×width:], for each group, those of them that have fewer.
	width       int
	used, spare []uint64
	// pairs are the roles for which a rule that reads pairs has a use.
	pairs []bool
}

// slot is the rules of one word of a set for which a role is of one group.
type slot struct {
	rules       uint64
	word, group uint16
}

// rolesOf gives literals that have equal uses one role, and returns it for each of them and the uses of each role.
func rolesOf(uses [][]use) (of []uint16, all [][]use) {
	known := map[string]uint16{}
	for _, list := range uses {
		name := make([]byte, 0, 3*len(list))
		for _, use := range list {
			name = append(name, byte(use.rule), byte(use.rule>>8), use.group)
		}
		role, ok := known[string(name)]
		if !ok {
			role = uint16(len(known))
			known[string(name)] = role
			all = append(all, list)
		}
		of = append(of, role)
	}
	return of, all
}

// newRoles keeps of the uses of roles those of rules that look in texts of a direction.
func newRoles(uses [][]use, gates []gate, d Direction) roles {
	r := roles{from: []uint32{0}, slotFrom: []uint32{0}, width: (len(gates) + 63) / 64}
	r.used, r.spare = make([]uint64, r.width), make([]uint64, maxGroups*r.width)
	for _, list := range uses {
		pairs := false
		for _, u := range list {
			g := &gates[u.rule]
			if !g.places.speaks(d) {
				continue
			}
			pairs = pairs || g.reads&traitPairs != 0
			r.all = append(r.all, u)
			r.use(u, int(g.groups))
		}
		r.from, r.slotFrom = append(r.from, uint32(len(r.all))), append(r.slotFrom, uint32(len(r.slots)))
		r.pairs = append(r.pairs, pairs)
	}
	return r
}

// use notes a use of the role that is compiled, of a rule with so many groups.
func (r *roles) use(u use, groups int) {
	word, bit := int(u.rule>>6), uint64(1)<<(u.rule&63)
	r.used[word] |= bit
	for group := groups; group < maxGroups; group++ {
		r.spare[group*r.width+word] |= bit
	}
	slots := r.slots[r.slotFrom[len(r.slotFrom)-1]:]
	i := slices.IndexFunc(slots, func(s slot) bool { return int(s.word) == word && s.group == uint16(u.group) })
	if i < 0 {
		r.slots = append(r.slots, slot{bit, uint16(word), uint16(u.group)})
		return
	}
	slots[i].rules |= bit
}

// list returns the uses of a role.
func (r *roles) list(role uint16) []use { return r.all[r.from[role]:r.from[role+1]] }

// sets returns the uses of a role as sets of rules.
func (r *roles) sets(role uint16) []slot { return r.slots[r.slotFrom[role]:r.slotFrom[role+1]] }

// complete returns the rules of one word of a set that have all their groups among the seen, or any of them.
func (r *roles) complete(seen []uint64, word int, any bool) uint64 {
	whole, some := r.used[word], uint64(0)
	for at := word; at < len(seen); at += r.width {
		whole &= seen[at] | r.spare[at]
		some |= seen[at]
	}
	if any {
		return some
	}
	return whole
}

// smear returns the bits that are at most reach away from one of x.
func smear(x uint64, reach int32) uint64 { return behind(x, reach) | ahead(x, reach) }

// behind returns the bits of x and those that are at most reach behind one of them.
func behind(x uint64, reach int32) uint64 {
	for step := int32(1); reach > 0; step *= 2 {
		by := min(step, reach)
		x, reach = x|x<<by, reach-by
	}
	return x
}

// ahead returns the bits of x and those that are at most reach ahead of one of them.
func ahead(x uint64, reach int32) uint64 {
	for step := int32(1); reach > 0; step *= 2 {
		by := min(step, reach)
		x, reach = x|x>>by, reach-by
	}
	return x
}
