package inspect

import (
	"math/bits"
	"slices"
	"strings"
)

// leading finds, from where the end of literals was found, which of them are there: it goes back over the text in a
// trie of what stands before that end, so that many literals with one end cost no more than one. Like the table, it
// reads classes of bytes. It is immutable.
type leading struct {
	// roots[of[i]:of[i+1]] are the ends of literals that the i-th accepting state stands for.
	roots []root
	of    []uint32
	nodes []stem
	edges []int32
	ends  []uint16
	// literals are all literals, and plain those that are all letters and spaces, which classes tell apart in ASCII.
	literals []literal
	plain    []bool
}

// root is an end of literals, size bytes long, and the node where the way back from it begins.
type root struct {
	node int32
	size uint8
	// last is its last byte.
	last byte
	// open is that some of the literals may go on behind their end.
	open bool
	// uneven is the end itself if there is a space in it, or a byte that shares its class with others.
	uneven string
}

// occurrence is a literal and where it stands in a view. token is how many words there are up to its end, or less than
// zero where nobody has counted.
type occurrence struct {
	start, end int
	token      int32
	id         uint16
}

// stem is a node of the trie: it has an edge for each class in the set, in their order from first on, and the literals
// that begin there are ends[begin:end].
type stem struct {
	classes    uint32
	first      int32
	begin, end int32
}

type edge struct {
	class uint8
	to    int32
}

// branch is a node under construction.
type branch struct {
	edges []edge
	ends  []uint16
}

// back builds the way back for all accepting states.
func (a *automaton) back(literals []literal) {
	b := &a.before
	b.literals, b.plain = literals, make([]bool, len(literals))
	var nodes []branch
	byTail := map[string]root{}
	open := map[string]bool{}
	for id := range literals {
		l := literals[id].text
		b.plain[id] = strings.IndexFunc(l, func(r rune) bool { return r != ' ' && (r < 'a' || r > 'z') }) < 0
		tail := ending(l, a.tail)
		open[tail] = open[tail] || !literals[id].right
		r, ok := byTail[tail]
		if !ok {
			r = root{node: int32(len(nodes)), size: uint8(len(tail)), last: tail[len(tail)-1]}
			if strings.IndexFunc(tail, func(r rune) bool { return r < 'a' || r > 'z' }) >= 0 {
				r.uneven = tail
			}
			nodes, byTail[tail] = append(nodes, branch{}), r
		}
		nodes = grow(nodes, r.node, l[:len(l)-len(tail)], uint16(id))
	}
	for i := range nodes {
		n := &nodes[i]
		slices.SortFunc(n.edges, func(a, b edge) int { return int(a.class) - int(b.class) })
		at := stem{first: int32(len(b.edges)), begin: int32(len(b.ends)), end: int32(len(b.ends) + len(n.ends))}
		for _, e := range n.edges {
			at.classes |= 1 << e.class
			b.edges = append(b.edges, e.to)
		}
		b.nodes, b.ends = append(b.nodes, at), append(b.ends, n.ends...)
	}
	for i := range len(a.first) - 1 {
		b.of = append(b.of, uint32(len(b.roots)))
		seen := map[int32]bool{}
		for _, id := range a.outputs[a.first[i]:a.first[i+1]] {
			if r := byTail[ending(literals[id].text, a.tail)]; !seen[r.node] {
				seen[r.node] = true
				r.open = open[ending(literals[id].text, a.tail)]
				b.roots = append(b.roots, r)
			}
		}
	}
	b.of = append(b.of, uint32(len(b.roots)))
}

// grow adds the bytes of lead, from the last to the first, behind the node at, and the literal at the end.
func grow(nodes []branch, at int32, lead string, id uint16) []branch {
next:
	for i := len(lead) - 1; i >= 0; i-- {
		class := byteClass[lead[i]]
		for _, e := range nodes[at].edges {
			if e.class == class {
				at = e.to
				continue next
			}
		}
		nodes[at].edges = append(nodes[at].edges, edge{class, int32(len(nodes))})
		at = int32(len(nodes))
		nodes = append(nodes, branch{})
	}
	nodes[at].ends = append(nodes[at].ends, id)
	return nodes
}

// found appends the literals that end at end, where the automaton is in state, longest first. even says that the text
// is ASCII.
func (a *automaton) found(dst []occurrence, text []byte, end int, state uint16, even bool) []occurrence {
	b, i := &a.before, state-a.accept
	inside := end < len(text) && wordBytes[text[end]]
	last, first := lowerCase[text[end-1]], len(dst)
	roots := b.roots[b.of[i]:b.of[i+1]]
	for i := range roots {
		r := &roots[i]
		if r.last != last || inside && !r.open {
			continue
		}
		at := end - int(r.size)
		if r.uneven != "" {
			if at = stepBack(text, end, r.uneven); at < 0 {
				continue
			}
		}
		for n := &b.nodes[r.node]; ; {
			for _, id := range b.ends[n.begin:n.end] {
				l := &b.literals[id]
				if l.right && inside || l.left && at > 0 && wordBytes[text[at-1]] {
					continue
				}
				if !even || !b.plain[id] {
					if _, ok := l.start(text, end); !ok {
						continue
					}
				}
				dst = append(dst, occurrence{at, end, -1, id})
				for i := len(dst) - 1; i > first && len(b.literals[dst[i-1].id].text) < len(l.text); i-- {
					dst[i-1], dst[i] = dst[i], dst[i-1]
				}
			}
			if at <= 0 {
				break
			}
			class := byteClass[text[at-1]] & (1<<rowShift - 1)
			if n.classes>>class&1 == 0 {
				break
			}
			n = &b.nodes[b.edges[int(n.first)+bits.OnesCount32(n.classes&(1<<class-1))]]
			if at--; class == classSpace {
				for at > 0 && white(text[at-1]) {
					at--
				}
			}
		}
	}
	return dst
}

// stepBack returns where a piece of a literal that may end at end begins, a space of it standing for all white space
// there, or -1 if it is not there.
func stepBack(text []byte, end int, piece string) int {
	at := end
	for i := len(piece) - 1; i >= 0; i-- {
		if at--; at < 0 {
			return -1
		}
		if c := piece[i]; c != ' ' {
			if lowerCase[text[at]] != c {
				return -1
			}
			continue
		}
		if !white(text[at]) {
			return -1
		}
		for at > 0 && white(text[at-1]) {
			at--
		}
	}
	return at
}
