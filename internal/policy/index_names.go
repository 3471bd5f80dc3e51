package policy

import "slices"

// entry is a glob as an index keeps it. It is whole if its key leads to it from names that match alone.
type entry struct {
	key   key
	whole bool
}

// entries returns what a name is looked up by that has to match each of the lists, of which an empty one matches all: the
// globs of the last list that has any, without those that another list rules out. Of the same key there is one entry.
func entries(lists ...[]string) []entry {
	var globs []string
	var others [][]string
	for _, list := range lists {
		if len(list) == 0 {
			continue
		}
		if globs != nil {
			others = append(others, globs)
		}
		globs = list
	}
	if globs == nil {
		return []entry{{whole: true}}
	}
	found := make([]entry, 0, len(globs))
	seen := make(map[key]int, len(globs))
	for _, glob := range globs {
		var e entry
		e.key, e.whole = keyOf(glob)
		possible := true
		for _, other := range others {
			possible = possible && listsMeet(other, []string{glob})
			e.whole = e.whole && anyGlob(other, glob)
		}
		if i, ok := seen[e.key]; ok && possible {
			found[i].whole = found[i].whole || e.whole
		} else if possible {
			seen[e.key] = len(found)
			found = append(found, e)
		}
	}
	return found
}

// names numbers keys.
type names struct {
	by       [bySuffix + 1]map[string]uint32
	prefixes []int // lengths that a prefix has, ascending
	suffixes []int
}

func newNames() names {
	return names{by: [bySuffix + 1]map[string]uint32{byName: {}, byPrefix: {}, bySuffix: {}}}
}

// intern returns the number of a key, and takes the next one for a key that has none. That of what is looked up by nothing
// is 0.
func (n *names) intern(k key, next *uint32) uint32 {
	if k.by == byNothing {
		return 0
	}
	if id, ok := n.by[k.by][k.text]; ok {
		return id
	}
	*next++
	n.by[k.by][k.text] = *next
	switch k.by {
	case byPrefix:
		n.prefixes = insert(n.prefixes, len(k.text))
	case bySuffix:
		n.suffixes = insert(n.suffixes, len(k.text))
	}
	return *next
}

func insert(sorted []int, n int) []int {
	i, found := slices.BinarySearch(sorted, n)
	if found {
		return sorted
	}
	return slices.Insert(sorted, i, n)
}

// find appends the numbers of the keys that a name leads to, but for 0.
func (n *names) find(name string, to []uint32) []uint32 {
	if id, ok := n.by[byName][name]; ok {
		to = append(to, id)
	}
	for _, length := range n.prefixes {
		if length > len(name) {
			break
		}
		if id, ok := n.by[byPrefix][name[:length]]; ok {
			to = append(to, id)
		}
	}
	for _, length := range n.suffixes {
		if length > len(name) {
			break
		}
		if id, ok := n.by[bySuffix][name[len(name)-length:]]; ok {
			to = append(to, id)
		}
	}
	return to
}

// sides numbers pairs of what is named of an agent and of its owner.
type sides struct {
	agents, owners       names
	lastAgent, lastOwner uint32
	numbers              map[pair]uint32
}

type pair struct{ agent, owner uint32 }

// side is a numbered pair; it is whole if both of its entries are.
type side struct {
	id    uint32
	whole bool
}

func newSides() sides {
	return sides{agents: newNames(), owners: newNames(), numbers: map[pair]uint32{}}
}

// intern returns the numbers of all pairs of the entries, from 0 for what names nothing.
func (s *sides) intern(agents, owners []entry) []side {
	found := make([]side, 0, len(agents)*len(owners))
	for _, a := range agents {
		for _, o := range owners {
			p := pair{s.agents.intern(a.key, &s.lastAgent), s.owners.intern(o.key, &s.lastOwner)}
			id, ok := s.numbers[p]
			if !ok {
				id = uint32(len(s.numbers))
				s.numbers[p] = id
			}
			found = append(found, side{id, a.whole && o.whole})
		}
	}
	return found
}

// find appends the numbers that an agent and its owner lead to.
func (s *sides) find(agent, owner string, to []uint32) []uint32 {
	var room [2][24]uint32
	agents := s.agents.find(agent, append(room[0][:0], 0))
	owners := s.owners.find(owner, append(room[1][:0], 0))
	for _, a := range agents {
		for _, o := range owners {
			if id, ok := s.numbers[pair{a, o}]; ok {
				to = append(to, id)
			}
		}
	}
	return to
}
