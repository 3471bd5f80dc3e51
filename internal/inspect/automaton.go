package inspect

import (
	"cmp"
	"errors"
	"slices"
)

const (
	// rowShift makes a row of the table 32 entries, one cache line.
	rowShift = 5
	// maxStates keeps a state number in 16 bits, which halves the table.
	maxStates = 1<<16 - 1
	// tableBytes is how large a table may be before literals are cut. A text touches a small part of it, which the cache of a core
	// holds; shorter ends would be found in more places where no literal is, and that costs more than a large table.
	tableBytes = 4 << 20
)

// tails are how many of a literal's last bytes the table reads, in the order in which they are tried.
var tails = [...]int{16, 12, 10, 8, 6, 5, 4}

var errTooManyLiterals = errors.New("there are more literals than 65,535, or they need more states")

// automaton finds where literals may end in one pass: Aho-Corasick with every transition resolved ahead of time. To be
// small it reads classes of bytes, and of long literals the end alone, so that whoever asks compares what it finds
// (literal.start). Case is folded and a run of white space counts as one space, both by the table, so that text is
// matched where it stands. It is immutable.
type automaton struct {
	delta []uint16
	// accept is the first state, in number order, in which a literal ends.
	accept uint16
	// outputs[first[i]:first[i+1]] are the literals that end in state accept+i.
	outputs []uint16
	first   []uint32
	// tail is how many bytes of a literal the table reads at most, and before what stands in front of these, where back
	// was asked for it.
	tail   int
	before leading
}

// next reads text from pos in state until a literal may end and returns the offset behind it, or -1 at the end.
func (a *automaton) next(text []byte, pos int, state uint16) (int, uint16) {
	delta, accept := a.delta, a.accept
	for i := pos; i < len(text); i++ {
		state = delta[uint(state)<<rowShift|uint(byteClass[text[i]])]
		if state >= accept {
			return i + 1, state
		}
	}
	return -1, state
}

// ends returns the literals that may end in state, longest first.
func (a *automaton) ends(state uint16) []uint16 {
	i := state - a.accept
	return a.outputs[a.first[i]:a.first[i+1]]
}

// states returns for each accepting state the groups that the literals which may end there are of, as bits of their numbers
// modulo 64.
func (a *automaton) states(groups [][]uint16) []uint64 {
	all := make([]uint64, len(a.first)-1)
	for i := range all {
		for _, id := range a.outputs[a.first[i]:a.first[i+1]] {
			for _, group := range groups[id] {
				all[i] |= 1 << (group & 63)
			}
		}
	}
	return all
}

// longest returns the length of the longest literal that may end in each accepting state.
func (a *automaton) longest(literals []literal) []uint8 {
	all := make([]uint8, len(a.first)-1)
	for i := range all {
		for _, id := range a.outputs[a.first[i]:a.first[i+1]] {
			all[i] = max(all[i], uint8(len(literals[id].text)))
		}
	}
	return all
}

const (
	// classShell is the class of signs that rules about commands begin with, and of control characters. Prose has few of either,
	// and so does not look like a command at each comma.
	classShell = 0
	// classSpace is the class of white space. A space in a literal stands for a run of it.
	classSpace = 1
)

// byteClass is the class of each byte: letters in either case have one each, which bytes of other scripts share.
var byteClass = func() (class [256]uint8) {
	for b := range class {
		switch c := byte(b); {
		case white(c):
			class[b] = classSpace
		case letter(c):
			class[b] = 2 + (c | 0x20) - 'a'
		case digit(c):
			class[b] = 28
		case c == '\'' || c == '"':
			class[b] = 29
		case c == ';' || c == '|' || c == '&' || c == '$' || c == '`':
			class[b] = classShell
		case c == '(' || c == ')' || c == '[' || c == ']' || c == '{' || c == '}' || c == '<' || c == '>' || c == '=':
			class[b] = 30
		case c >= 0x80:
			class[b] = 2 + uint8(b*7%26)
		case c > ' ' && c < 0x7F:
			class[b] = 31
		}
	}
	return class
}()

// node is a state under construction.
type node struct {
	row   [1 << rowShift]int32
	fail  int32
	ends  []uint16
	space bool
}

// newAutomaton compiles literals; the index of a literal is its id, and an empty one is left out. Literals are lower
// case, neither begin nor end with a space and hold no two spaces in a row.
func newAutomaton(literals []string) (*automaton, error) {
	if len(literals) > maxStates {
		return nil, errTooManyLiterals
	}
	for _, tail := range tails {
		most := maxStates
		if tail != tails[len(tails)-1] {
			most = min(most, tableBytes>>(rowShift+1))
		}
		nodes := trie(literals, tail, most)
		if nodes == nil {
			continue
		}
		a := &automaton{tail: tail}
		a.number(nodes, resolve(nodes, literals))
		return a, nil
	}
	return nil, errTooManyLiterals
}

// ending returns the last bytes of a literal, without a space in front.
func ending(literal string, tail int) string {
	literal = literal[max(0, len(literal)-tail):]
	if literal[0] == ' ' {
		literal = literal[1:]
	}
	return literal
}

// trie returns the nodes for the ends of literals, or nil if these are more than most.
func trie(literals []string, tail, most int) []node {
	nodes := make([]node, 1, min(most, len(literals)*tail)+1)
	for id, l := range literals {
		if l == "" {
			continue
		}
		at := int32(0)
		l = ending(l, tail)
		for i := range len(l) {
			c := byteClass[l[i]]
			to := nodes[at].row[c]
			if to == 0 {
				if len(nodes) == most {
					return nil
				}
				to = int32(len(nodes))
				nodes = append(nodes, node{space: l[i] == ' '})
				nodes[at].row[c] = to
			}
			at = to
		}
		nodes[at].ends = append(nodes[at].ends, uint16(id))
	}
	return nodes
}

// resolve fills every row breadth first, so that the row of a failure state is complete before it is needed, and returns
// the nodes in that order.
func resolve(nodes []node, literals []string) []int32 {
	queue := make([]int32, 1, len(nodes))
	for next := 0; next < len(queue); next++ {
		at := queue[next]
		n, behind := &nodes[at], &nodes[nodes[at].fail]
		if at != 0 {
			n.ends = append(n.ends, behind.ends...)
		}
		slices.SortFunc(n.ends, func(a, b uint16) int {
			return cmp.Or(len(literals[b])-len(literals[a]), int(a)-int(b))
		})
		for c, to := range n.row {
			switch {
			case to != 0:
				if at != 0 {
					nodes[to].fail = behind.row[c]
				}
				queue = append(queue, to)
			case at != 0:
				n.row[c] = behind.row[c]
			}
		}
		if n.space {
			n.row[classSpace] = at
		}
	}
	return queue
}

// number lays the rows out with the accepting states last, so that one comparison tells them, and else those first that
// few bytes lead to: they are read most, and so lie close together.
func (a *automaton) number(nodes []node, queue []int32) {
	order := make([]int32, 0, len(nodes))
	for _, i := range queue {
		if len(nodes[i].ends) == 0 {
			order = append(order, i)
		}
	}
	a.accept = uint16(len(order))
	for _, i := range queue {
		if len(nodes[i].ends) > 0 {
			order = append(order, i)
			a.first = append(a.first, uint32(len(a.outputs)))
			a.outputs = append(a.outputs, nodes[i].ends...)
		}
	}
	a.first = append(a.first, uint32(len(a.outputs)))
	to := make([]uint16, len(nodes))
	for number, i := range order {
		to[i] = uint16(number)
	}
	a.delta = make([]uint16, len(nodes)<<rowShift)
	for number, i := range order {
		for c, target := range nodes[i].row {
			a.delta[number<<rowShift|c] = to[target]
		}
	}
}
