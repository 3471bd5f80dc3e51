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
	// length is that of each literal.
	length []uint8
}

// root is an end of literals, size bytes long, and the node where the way back from it begins.
type root struct {
	node int32
	size int16
	// last and before are the last bytes of the end; before is 0 where there is none, or a space. Signs share classes, so
	// that a run of them would be the end of all literals that end with any.
	last, before byte
	// open is that some of the literals may go on behind their end.
	open bool
	// spaced is the end itself if there is a space in it.
	spaced string
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
	b.length = make([]uint8, len(literals))
	var nodes []branch
	byTail := map[string]root{}
	open := map[string]bool{}
	for id := range literals {
		l := literals[id].text
		b.length[id] = uint8(len(l))
		tail := ending(l, a.tail)
		open[tail] = open[tail] || !literals[id].right
		r, ok := byTail[tail]
		if !ok {
			r = root{node: int32(len(nodes)), size: int16(len(tail)), last: tail[len(tail)-1]}
			if n := len(tail) - 2; n >= 0 && tail[n] != ' ' {
				r.before = tail[n]
			}
			if strings.IndexByte(tail, ' ') >= 0 {
				r.spaced = tail
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

// found appends the literals that end at end, where the automaton is in state, longest first, as far as the classes of
// bytes tell, and leaves out what a word goes on behind.
func (a *automaton) found(dst []uint16, text []byte, end int, state uint16) []uint16 {
	b, i := &a.before, state-a.accept
	inside := end < len(text) && wordBytes[text[end]]
	last, before := lowerCase[text[end-1]], byte(0)
	if end > 1 {
		before = lowerCase[text[end-2]]
	}
	roots := b.roots[b.of[i]:b.of[i+1]]
	for i := range roots {
		r := &roots[i]
		if inside && !r.open || r.last != last || r.before != 0 && r.before != before {
			continue
		}
		at := end - int(r.size)
		if r.spaced != "" {
			at = stepBack(text, end, r.spaced)
		}
		for n := &b.nodes[r.node]; ; {
			for _, id := range b.ends[n.begin:n.end] {
				dst = b.insert(dst, id)
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

// insert keeps longer literals in front.
func (b *leading) insert(dst []uint16, id uint16) []uint16 {
	dst = append(dst, id)
	for i := len(dst) - 1; i > 0 && b.length[dst[i-1]] < b.length[id]; i-- {
		dst[i-1], dst[i] = dst[i], dst[i-1]
	}
	return dst
}

// stepBack returns where a piece of a literal that ends at end begins, a space of it standing for all white space there.
func stepBack(text []byte, end int, piece string) int {
	at := end
	for i := len(piece) - 1; i >= 0 && at > 0; i-- {
		at--
		for piece[i] == ' ' && at > 0 && white(text[at-1]) {
			at--
		}
	}
	return at
}
