package inspect

import (
	"encoding/binary"
	"math/bits"
	"regexp/syntax"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	// maxSieve is how many states a sieve has at most. What would need more may match.
	maxSieve = 256
	// maxCount is how often a sieve counts: what an expression asks for more often, it takes as open at the end.
	maxCount = 4
)

// sieve tells windows in which an expression cannot match, at a small part of what the expression costs. It is the
// expression with every border taken as met, as a table over classes of bytes: it never says no where the
// expression says yes. It is immutable.
type sieve struct {
	class [256]uint8
	width int
	// begin is the table while the expression may still begin at the next byte, and go on the one afterwards. Both
	// have a row of width entries for each state.
	begin, goOn []uint16
	// anchored is that the expression begins nowhere but at the start of a text.
	anchored bool
}

// The states that every sieve has.
const (
	sieveHit   uint16 = iota // the expression may match
	sieveDead                // no way is left to match
	sieveStart               // nothing was read yet
)

// may reports whether the expression may match in b, beginning at most lead characters from its start; with a negative
// lead, anywhere. A nil sieve holds nothing back.
func (s *sieve) may(b []byte, lead int) bool {
	if s == nil {
		return true
	}
	state, i := sieveStart, 0
	for starts := 0; i < len(b) && (lead < 0 || starts < lead || b[i]&0xC0 == 0x80); i++ {
		if b[i]&0xC0 != 0x80 {
			starts++
		}
		if state = s.begin[int(state)*s.width+int(s.class[b[i]])]; state == sieveHit {
			return true
		}
		if s.anchored && state == sieveDead {
			return false
		}
	}
	// A row of begin leads to the ways that are open behind a byte, the one that begins there among them.
	for ; i < len(b) && state != sieveDead; i++ {
		if state = s.goOn[int(state)*s.width+int(s.class[b[i]])]; state == sieveHit {
			return true
		}
	}
	return false
}

// sifter builds a sieve by the construction of subsets.
type sifter struct {
	program *syntax.Prog
	start   stepSet // at the start of a text
	again   stepSet // behind it
	symbols []rune  // one for each class
	takes   []stepSet
	after   []stepSet
	ends    stepSet // behind which the expression may end
	numbers map[string]uint16
	sets    []stepSet
	next    stepSet
	name    []byte
}

// stepSet is a set of steps of a program, as bits.
type stepSet []uint64

func (s stepSet) add(at int)      { s[at>>6] |= 1 << (at & 63) }
func (s stepSet) has(at int) bool { return s[at>>6]>>(at&63)&1 != 0 }

// highByte stands for all bytes from 0x80 on, which are part of characters of several bytes.
const highByte = utf8.RuneSelf

// maxKnown is how many sieves are kept for rules that are loaded again.
const maxKnown = 1024

// sieves are those that were made, by their expressions: rules are loaded again and again with hardly one changed.
var sieves = struct {
	sync.Mutex
	known map[string]*sieve
}{known: map[string]*sieve{}}

// sieveFor returns the sieve of an expression, or nil where it would hold nothing back.
func sieveFor(expression string) *sieve {
	sieves.Lock()
	s, ok := sieves.known[expression]
	sieves.Unlock()
	if ok {
		return s
	}
	s = newSieve(expression)
	sieves.Lock()
	defer sieves.Unlock()
	if len(sieves.known) < maxKnown {
		sieves.known[expression] = s
	}
	return s
}

func newSieve(expression string) *sieve {
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil
	}
	loosen(tree)
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil
	}
	f := &sifter{program: program, numbers: map[string]uint16{}}
	var hit bool
	if f.start, hit = f.closure(uint32(program.Start), true); hit {
		return nil
	}
	f.again, _ = f.closure(uint32(program.Start), false)
	f.next = f.none()
	s := &sieve{anchored: !slices.ContainsFunc(f.again, func(word uint64) bool { return word != 0 })}
	f.classify(s)
	f.sets = []stepSet{sieveHit: nil, sieveDead: f.none(), sieveStart: f.start}
	f.numbers[f.key(f.none())], f.numbers[f.key(f.start)] = sieveDead, sieveStart
	for state := 0; state < len(f.sets); state++ {
		for class := range f.symbols {
			begin, goOn := sieveHit, sieveHit
			if uint16(state) != sieveHit {
				begin, goOn = f.step(f.sets[state], class)
			}
			s.begin, s.goOn = append(s.begin, begin), append(s.goOn, goOn)
		}
	}
	return s
}

// none is the empty set.
func (f *sifter) none() stepSet { return make(stepSet, len(f.program.Inst)/64+1) }

// loosen has the expression count no further than maxCount, so that it matches more and needs fewer states.
func loosen(tree *syntax.Regexp) {
	if tree.Op == syntax.OpRepeat && (tree.Min > maxCount || tree.Max > maxCount) {
		tree.Min, tree.Max = min(tree.Min, maxCount), -1
	}
	for _, sub := range tree.Sub {
		loosen(sub)
	}
}

// classify gives bytes that no step of the program tells apart one class.
func (f *sifter) classify(s *sieve) {
	f.after, f.ends = make([]stepSet, len(f.program.Inst)), f.none()
	for i := range f.program.Inst {
		if inst := &f.program.Inst[i]; takes(inst, 0) || len(inst.Rune) > 0 {
			var ends bool
			if f.after[i], ends = f.closure(inst.Out, false); ends {
				f.ends.add(i)
			}
		}
	}
	classes := map[string]uint8{}
	for r := rune(0); r <= highByte; r++ {
		taken := f.none()
		for i := range f.program.Inst {
			if takes(&f.program.Inst[i], r) {
				taken.add(i)
			}
		}
		signature := f.key(taken)
		if r == highByte {
			signature += "+" // the one symbol that a character may need several of
		}
		class, ok := classes[signature]
		if !ok {
			class = uint8(len(classes))
			classes[signature] = class
			f.symbols, f.takes = append(f.symbols, r), append(f.takes, taken)
		}
		for b := int(r); b < 256 && (b == int(r) || r == highByte); b++ {
			s.class[b] = class
		}
	}
	s.width = len(f.symbols)
}

// step returns the states behind a symbol, with the expression beginning anew there, and without.
func (f *sifter) step(set stepSet, class int) (begin, goOn uint16) {
	clear(f.next)
	for word := range set {
		taken := set[word] & f.takes[class][word]
		if taken&f.ends[word] != 0 {
			return sieveHit, sieveHit
		}
		if f.symbols[class] == highByte {
			f.next[word] |= taken
		}
		for ; taken != 0; taken &= taken - 1 {
			f.next.join(f.after[word<<6+bits.TrailingZeros64(taken)])
		}
	}
	goOn = f.number()
	f.next.join(f.again)
	return f.number(), goOn
}

// join adds all of another set.
func (s stepSet) join(other stepSet) {
	for word := range other {
		s[word] |= other[word]
	}
}

// number returns the state that stands for the set f.next.
func (f *sifter) number() uint16 {
	name := f.encode(f.next)
	state, ok := f.numbers[string(name)]
	if !ok {
		if len(f.sets) >= maxSieve {
			return sieveHit
		}
		state = uint16(len(f.sets))
		f.numbers[string(name)] = state
		f.sets = append(f.sets, slices.Clone(f.next))
	}
	return state
}

// encode returns the name of a set of steps, which is good until it is called again.
func (f *sifter) encode(set stepSet) []byte {
	f.name = f.name[:0]
	for _, word := range set {
		f.name = binary.LittleEndian.AppendUint64(f.name, word)
	}
	return f.name
}

func (f *sifter) key(set stepSet) string { return string(f.encode(set)) }

// closure returns the steps that read a character and are reached from pc without reading one, and whether the end of
// the expression is. first says that no character was read before.
func (f *sifter) closure(pc uint32, first bool) (set stepSet, ends bool) {
	set = f.none()
	seen := f.none()
	stack := []uint32{pc}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen.has(int(at)) {
			continue
		}
		seen.add(int(at))
		switch inst := &f.program.Inst[at]; inst.Op {
		case syntax.InstMatch:
			return set, true
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, inst.Out, inst.Arg)
		case syntax.InstEmptyWidth:
			if first || syntax.EmptyOp(inst.Arg)&syntax.EmptyBeginText == 0 {
				stack = append(stack, inst.Out)
			}
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, inst.Out)
		case syntax.InstFail:
		default:
			set.add(int(at))
		}
	}
	return set, false
}

// takes reports whether a step reads the ASCII character r, or some byte of another one for highByte.
func takes(inst *syntax.Inst, r rune) bool {
	switch inst.Op {
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return r != '\n'
	case syntax.InstRune, syntax.InstRune1:
	default:
		return false
	}
	if r < highByte {
		return inst.MatchRune(r)
	}
	if len(inst.Rune) > 1 {
		return inst.Rune[len(inst.Rune)-1] >= highByte
	}
	if len(inst.Rune) == 0 {
		return false
	}
	first := inst.Rune[0]
	if first >= highByte {
		return true
	}
	if syntax.Flags(inst.Arg)&syntax.FoldCase == 0 {
		return false
	}
	for r := unicode.SimpleFold(first); r != first; r = unicode.SimpleFold(r) {
		if r >= highByte {
			return true
		}
	}
	return false
}
