package inspect

import (
	"slices"
	"strings"
)

// newRoot returns the root of an end that has the given number if it is uneven, and whether it is.
func newRoot(tail string, number int) (root, bool) {
	r := root{size: uint8(len(tail)), uneven: uint16(number)}
	signed := min(len(tail)-1-strings.LastIndexByte(tail, ' '), 4)
	for _, c := range []byte(tail[len(tail)-signed:]) {
		r.sign = r.sign>>8 | uint32(c)<<24
	}
	r.shift = uint8(32 - 8*signed)
	r.sign >>= r.shift
	spaces := strings.Count(tail, " ")
	if signed == len(tail) || lettered(tail) && spaces == 0 {
		r.uneven = 0
	} else if lettered(tail) && spaces == 1 {
		r.gap = uint8(len(tail) - 1 - strings.IndexByte(tail, ' '))
	}
	return r, r.uneven != 0
}

// passageFrom returns the passage before a node, and the node in front of it.
func passageFrom(nodes []branch, at int32) (passage, int32) {
	c := passage{}
	for {
		n := &nodes[at]
		if len(n.edges) != 1 || n.edges[0].char == 0 || n.edges[0].class == classSpace || c.size == maxPassage || c.size > 0 && len(n.ends) > 0 {
			return c, at
		}
		c.size++
		char, shift := n.edges[0].char, 64-8*c.size
		c.bytes, c.mask = c.bytes|uint64(char)<<shift, c.mask|0xFF<<shift
		if letter(char) {
			c.fold |= 0x20 << shift
		}
		at = n.edges[0].to
	}
}

func newEnded(l *literal, id uint16) ended {
	e := ended{id: id, role: l.role, size: uint8(len(l.text))}
	if l.left {
		e.borders |= borderLeft
	}
	if l.right {
		e.borders |= borderRight
	}
	if !lettered(l.text) {
		e.borders |= borderSigns
	}
	return e
}

// edge leads to a child. char is the byte that it stands for, or 0 where literals have several of its class.
type edge struct {
	class, char uint8
	to          int32
}

// branch is a node under construction.
type branch struct {
	edges []edge
	ends  []uint16
}

// prepare builds the way back for all accepting states.
func (a *automaton) prepare(literals []literal) {
	b := &a.before
	b.literals, b.uneven, b.several = literals, []string{""}, [][]ended{nil}
	var nodes []branch
	ways := map[string]int32{}
	open := map[string]openness{}
	for id := range literals {
		l := literals[id].text
		tail := ending(l, a.tail)
		if !literals[id].right {
			open[tail] = openHere
		}
		way, ok := ways[tail]
		if !ok {
			way = int32(len(nodes))
			nodes, ways[tail] = append(nodes, branch{}), way
		}
		nodes = grow(nodes, way, l[:len(l)-len(tail)], uint16(id))
	}
	known := map[string]root{}
	states := len(a.first) - 1
	b.roots, b.lasts = make([]root, states), make([]byte, states)
	for i := range states {
		var roots []root
		seen := map[string]bool{}
		for _, id := range a.outputs[a.first[i]:a.first[i+1]] {
			tail := ending(literals[id].text, a.tail)
			if seen[tail] {
				continue
			}
			seen[tail] = true
			r, ok := known[tail]
			if !ok {
				var uneven bool
				if r, uneven = newRoot(tail, len(b.uneven)); uneven {
					b.uneven = append(b.uneven, tail)
				}
				r.stem, r.open = b.lay(nodes, ways[tail]), open[tail]
				known[tail] = r
			}
			roots = append(roots, r)
		}
		b.place(i, roots)
	}
}

// place lays the roots of an accepting state out.
func (b *leading) place(state int, roots []root) {
	b.roots[state] = roots[0]
	b.roots[state].others, b.roots[state].more = int32(len(b.roots)), uint16(len(roots)-1)
	slices.SortStableFunc(roots[1:], func(a, b root) int { return int(a.last()) - int(b.last()) })
	b.roots = append(b.roots, roots[1:]...)
	for i := range roots[1:] {
		b.lasts = append(b.lasts, roots[1+i].last())
		if roots[1+i].open&openHere != 0 {
			b.roots[state].open |= openBeside
		}
	}
}

// lettered reports whether the text is letters and spaces alone.
func lettered(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r != ' ' && (r < 'a' || r > 'z') }) < 0
}

// lay lays out a node and all that grows from it. A way without forks lies in one piece.
func (b *leading) lay(nodes []branch, at int32) stem {
	n := &nodes[at]
	slices.SortFunc(n.edges, func(a, b edge) int { return int(a.class) - int(b.class) })
	s := stem{first: int32(len(b.stems))}
	for i, id := range n.ends {
		end := newEnded(&b.literals[id], id)
		if i == 0 {
			s.one = end
			continue
		}
		if i == 1 {
			s.all = uint16(len(b.several))
			b.several = append(b.several, []ended{s.one})
		}
		b.several[s.all] = append(b.several[s.all], end)
	}
	if c, to := passageFrom(nodes, at); c.size >= minPassage {
		s.first = int32(^len(b.passages))
		b.passages = append(b.passages, c)
		b.passages[^s.first].stem = b.lay(nodes, to)
		return s
	}
	b.stems = append(b.stems, make([]stem, len(n.edges))...)
	for i, e := range n.edges {
		s.classes |= 1 << e.class
		b.stems[int(s.first)+i] = b.lay(nodes, e.to)
	}
	return s
}

// grow adds the bytes of lead, from the last to the first, behind the node at, and the literal at the end.
func grow(nodes []branch, at int32, lead string, id uint16) []branch {
next:
	for i := len(lead) - 1; i >= 0; i-- {
		class := byteClass[lead[i]]
		for j, e := range nodes[at].edges {
			if e.class == class {
				if e.char != lead[i] {
					nodes[at].edges[j].char = 0
				}
				at = e.to
				continue next
			}
		}
		nodes[at].edges = append(nodes[at].edges, edge{class, lead[i], int32(len(nodes))})
		at = int32(len(nodes))
		nodes = append(nodes, branch{})
	}
	nodes[at].ends = append(nodes[at].ends, id)
	return nodes
}
