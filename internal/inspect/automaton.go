package inspect

import (
	"errors"
	"math/bits"
)

// maxStates keeps a state number in 16 bits, which halves the table and keeps its hot rows in cache.
const maxStates = 1<<16 - 1

var errTooManyLiterals = errors.New("the literals need more than 65,535 states")

// automaton finds many literals in one pass: Aho-Corasick with every transition resolved ahead of time, over byte
// classes. Case is folded and a run of white space counts as one space, both by the table, so that text is
// matched where it stands. It is immutable.
type automaton struct {
	class [256]uint8
	shift uint
	delta []uint16
	// accept is the first state, in number order, in which a literal ends.
	accept uint16
	// outputs[i] are the literals that end in state accept+i.
	outputs [][]uint16
}

// next reads text from pos in state until a literal ends and returns the offset behind it, or -1 at the end.
func (a *automaton) next(text []byte, pos int, state uint16) (int, uint16) {
	delta, shift, accept := a.delta, a.shift&15, a.accept
	for i := pos; i < len(text); i++ {
		state = delta[uint(state)<<shift|uint(a.class[text[i]])]
		if state >= accept {
			return i + 1, state
		}
	}
	return -1, state
}

// ends returns the literals that end in state, longest first.
func (a *automaton) ends(state uint16) []uint16 { return a.outputs[state-a.accept] }

// node is a state under construction.
type node struct {
	child map[uint8]int
	fail  int
	row   []int
	ends  []uint16
	space bool
}

// newAutomaton compiles literals; the index of a literal is its id. Literals are lower case, not empty, neither
// begin nor end with a space and hold no two spaces in a row.
func newAutomaton(literals []string) (*automaton, error) {
	a := &automaton{}
	classes := a.classify(literals)
	nodes := a.trie(literals)
	if len(nodes) > maxStates {
		return nil, errTooManyLiterals
	}
	resolve(nodes, classes, a.class[' '])
	a.number(nodes, classes)
	return a, nil
}

// classify gives each byte that occurs in a literal its own class and all others class 0, and returns the number
// of classes. Literals are lower case, so that at most 230 bytes can occur and a class fits in 8 bits.
func (a *automaton) classify(literals []string) int {
	classes := 1
	add := func(b byte) {
		if a.class[b] == 0 {
			a.class[b] = uint8(classes)
			classes++
		}
	}
	add(' ')
	for _, l := range literals {
		for i := range len(l) {
			add(l[i])
		}
	}
	for b := byte('a'); b <= 'z'; b++ {
		a.class[b-'a'+'A'] = a.class[b]
	}
	for _, b := range []byte("\t\n\v\f\r") {
		a.class[b] = a.class[' ']
	}
	return classes
}

func (a *automaton) trie(literals []string) []node {
	nodes := []node{{child: map[uint8]int{}}}
	for id, l := range literals {
		at := 0
		for i := range len(l) {
			c := a.class[l[i]]
			to, ok := nodes[at].child[c]
			if !ok {
				to = len(nodes)
				nodes = append(nodes, node{child: map[uint8]int{}, space: l[i] == ' '})
				nodes[at].child[c] = to
			}
			at = to
		}
		nodes[at].ends = append(nodes[at].ends, uint16(id))
	}
	return nodes
}

// resolve fills every row breadth first, so that the row of a failure state is complete before it is needed.
func resolve(nodes []node, classes int, space uint8) {
	queue := []int{0}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		n := &nodes[at]
		n.row = make([]int, classes)
		if at != 0 {
			copy(n.row, nodes[n.fail].row)
			n.ends = append(n.ends, nodes[n.fail].ends...)
		}
		for c := range classes {
			to, ok := n.child[uint8(c)]
			if !ok {
				continue
			}
			if at != 0 {
				nodes[to].fail = nodes[n.fail].row[c]
			}
			n.row[c] = to
			queue = append(queue, to)
		}
		if n.space {
			n.row[space] = at
		}
	}
}

// number lays the rows out with the accepting states last, so that one comparison tells them.
func (a *automaton) number(nodes []node, classes int) {
	a.shift = uint(bits.Len(uint(classes - 1)))
	order := make([]int, 0, len(nodes))
	for i := range nodes {
		if len(nodes[i].ends) == 0 {
			order = append(order, i)
		}
	}
	a.accept = uint16(len(order))
	for i := range nodes {
		if len(nodes[i].ends) > 0 {
			order = append(order, i)
			a.outputs = append(a.outputs, nodes[i].ends)
		}
	}
	to := make([]uint16, len(nodes))
	for number, i := range order {
		to[i] = uint16(number)
	}
	a.delta = make([]uint16, len(nodes)<<a.shift)
	for number, i := range order {
		for c, target := range nodes[i].row {
			a.delta[number<<a.shift|c] = to[target]
		}
	}
}
