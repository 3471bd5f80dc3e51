package inspect

import (
	"encoding/binary"
	"math/bits"
)

// leading finds, from where the end of literals was found, which of them are there: it goes back over the text in a
// trie of what stands before that end, so that many literals with one end cost no more than one. Like the table, it
// reads classes of bytes. It is immutable.
type leading struct {
	// roots are the ends of literals that states stand for: the first of the i-th accepting state, and behind those of all
	// states the further ones of each. These are sorted by their last bytes, which lasts has again.
	roots []root
	lasts []byte
	stems []stem
	// passages are pieces of the trie without forks.
	passages []passage
	// several[0] is none.
	several [][]ended
	// uneven are ends of literals in which there is a space or a byte that shares its class with others, from 1 on.
	uneven   []string
	literals []literal
}

// root is an end of literals, size bytes long, from which the way back begins. Its fields fill half a cache line, since it is
// all that most ends of literals need.
type root struct {
	// sign is the last bytes of the end, those above shift: signs share classes, so that a run of them would be the end of all
	// literals that end with any.
	sign uint32
	stem
	// others is where the further roots of the state lie, if this is its first, and more how many they are.
	others int32
	more   uint16
	// uneven is the end in which there is a space or a sign in front of those, or 0. With one space between letters, gap
	// is how many bytes stand behind the space.
	uneven uint16
	shift  uint8
	gap    uint8
	size   uint8
	open   openness
}

// openness is whether words may go on behind an end of literals.
type openness uint8

const (
	// openHere is that some of the literals of the root may go on, and openBeside, of the first root of a state, that those of
	// another one may.
	openHere openness = 1 << iota
	openBeside
)

// last returns the last byte of the end.
func (r *root) last() byte { return byte(r.sign >> (24 - r.shift)) }

// fewRoots is how many roots are looked at one by one.
const fewRoots = 12

// beside returns the range of the further roots of a state; of many, that of those which end with c.
func (b *leading) beside(r *root, c byte) (from, to int) {
	from, to = int(r.others), int(r.others)+int(r.more)
	if to-from <= fewRoots {
		return from, to
	}
	for high := to; from < high; {
		if mid := int(uint(from+high) >> 1); b.lasts[mid] < c {
			from = mid + 1
		} else {
			high = mid
		}
	}
	end := from
	for end < to && b.lasts[end] == c {
		end++
	}
	return from, end
}

// begins returns where an end of literals that is uneven begins, which stands before end in the text, or -1 if it is not
// there.
func (b *leading) begins(r *root, text []byte, end int) int {
	if gap := int(r.gap); gap > 0 && end > gap+1 && !white(text[end-gap-2]) {
		return end - int(r.size)
	}
	return stepBack(text, end, b.uneven[r.uneven])
}

// stem is a node of the trie: it has a child for each class in the set, in their order from first on. one is the literal that
// begins there, if its size is not 0; where several do, which differ in where words must end, they are several[all].
type stem struct {
	classes uint32
	first   int32
	one     ended
	all     uint16
}

// passage is bytes that stand before a stem whose first is the complement of its number, and nothing else does: they are
// compared at once. stem is the one in front of them.
type passage struct {
	// bytes are the size bytes, the last on top, mask where they are, and fold the case of letters.
	bytes, mask, fold uint64
	stem              stem
	size              uint8
}

const (
	// minPassage is from how many bytes on a passage costs less than its steps, and maxPassage how many it has at most.
	minPassage = 2
	maxPassage = 8
)

// before returns the stem in front of a passage that ends at at, and where that begins, or nil if the passage is not there.
func (c *passage) before(text []byte, at int) (*stem, int) {
	if at < int(c.size) {
		return nil, at
	}
	near := uint64(0)
	if at >= maxPassage {
		near = binary.LittleEndian.Uint64(text[at-maxPassage:])
	} else {
		for _, b := range text[:at] {
			near = near>>8 | uint64(b)<<56
		}
	}
	if (near|c.fold)&c.mask != c.bytes {
		return nil, at
	}
	return &c.stem, at - int(c.size)
}

// ended is a literal that ends a way, with what decides about it.
type ended struct {
	id, role uint16
	size     uint8
	borders  borders
}

// borders are what is needed where a literal begins and ends, or what is not met there.
type borders uint8

const (
	borderLeft borders = 1 << iota
	borderRight
	// borderSigns is that the literal has signs or bytes of other scripts, which their classes do not tell apart, or that the
	// text has such bytes for letters.
	borderSigns
)

// occurrence is a literal, by its role, and where it stands in a view. token is how many words there are up to its end.
type occurrence struct {
	start, end uint32
	token      int32
	role       uint16
	size       uint8 // of the literal
}

// found appends the literals that end at hits, longest first where several do, until there are maxSeen, and returns the hits
// that are left. even says that the text is ASCII.
func (a *automaton) found(dst []occurrence, text []byte, hits []hit, even bool) ([]occurrence, []hit) {
	b, odd := &a.before, borders(0)
	if !even {
		odd = borderSigns
	}
	for len(hits) > 0 && len(dst) < maxSeen {
		end, r := int(hits[0].pos), &b.roots[hits[0].state-a.accept]
		hits = hits[1:]
		first, unmet := len(dst), borders(0)
		if end < len(text) && wordBytes[text[end]] {
			if r.open == 0 {
				continue
			}
			unmet = borderRight
		}
		near := lowered(lastBytes(text[:end]))
		next, last := 0, 0
		if r.more > 0 {
			next, last = b.beside(r, byte(near>>24))
		}
		for {
			if near>>(r.shift&31) == r.sign && (unmet == 0 || r.open&openHere != 0) {
				at := end - int(r.size)
				if r.uneven > 0 {
					at = b.begins(r, text, end)
				}
				for n := &r.stem; n != nil && at >= 0; n, at = b.back(n, text, at) {
					if n.one.size == 0 {
						continue
					}
					lacks := unmet
					if at > 0 && wordBytes[text[at-1]] {
						lacks |= borderLeft
					}
					if n.all > 0 || (n.one.borders|odd)&borderSigns != 0 {
						dst = b.add(dst, n, text, span{at, end}, odd|lacks)
					} else if n.one.borders&lacks == 0 {
						dst = append(dst, occurrence{uint32(at), uint32(end), 0, n.one.role, n.one.size})
					}
				}
			}
			if next == last {
				break
			}
			r = &b.roots[next]
			next++
		}
		if len(dst) > first+1 {
			longestFirst(dst[first:])
		}
	}
	return dst, hits
}

// back returns the stem behind one, and where what it stands for begins, or nil if none is there.
func (b *leading) back(n *stem, text []byte, at int) (*stem, int) {
	if n.first < 0 {
		return b.passages[^n.first].before(text, at)
	}
	if n.classes == 0 || at == 0 {
		return nil, at
	}
	class := byteClass[text[at-1]] & (1<<rowShift - 1)
	if n.classes>>class&1 == 0 {
		return nil, at
	}
	for at--; class == classSpace && at > 0 && white(text[at-1]); {
		at--
	}
	return &b.stems[int(n.first)+bits.OnesCount32(n.classes&(1<<class-1))], at
}

// add appends the literals of a stem that stand at a range of the text, where lacks is not met.
func (b *leading) add(dst []occurrence, n *stem, text []byte, at span, lacks borders) []occurrence {
	one := [1]ended{n.one}
	ends := one[:]
	if n.all > 0 {
		ends = b.several[n.all]
	}
	for _, e := range ends {
		if e.borders&lacks&(borderLeft|borderRight) != 0 {
			continue
		}
		if (e.borders|lacks)&borderSigns != 0 {
			if _, ok := b.literals[e.id].start(text, at.end); !ok {
				continue
			}
		}
		dst = append(dst, occurrence{uint32(at.start), uint32(at.end), 0, e.role, e.size})
	}
	return dst
}

// longestFirst orders the literals that end at one place.
func longestFirst(found []occurrence) {
	for i := 1; i < len(found); i++ {
		for j := i; j > 0 && found[j-1].size < found[j].size; j-- {
			found[j-1], found[j] = found[j], found[j-1]
		}
	}
}

// lowered folds the case of four bytes of ASCII.
func lowered(x uint32) uint32 {
	const each, top = 0x01010101, 0x80 * 0x01010101
	low := x &^ top
	capital := (low + each*(0x80-'A')) &^ (low + each*(0x7F-'Z')) &^ x & top
	return x | capital>>2
}

// lastBytes returns the last four bytes of b, the last of them on top, with zeros for those that are not there.
func lastBytes(b []byte) uint32 {
	if len(b) >= 4 {
		return binary.LittleEndian.Uint32(b[len(b)-4:])
	}
	near := uint32(0)
	for _, c := range b {
		near = near>>8 | uint32(c)<<24
	}
	return near
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
