package inspect

import (
	"regexp"
	"regexp/syntax"
	"slices"
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

// pattern is an expression that is asked behind its sieve.
type pattern struct {
	*regexp.Regexp
	sieve *sieve
}

// newPattern compiles an expression of a verifier.
func newPattern(expression string) pattern {
	return pattern{regexp.MustCompile(expression), newSieve(expression)}
}

// Match reports whether the expression matches anywhere in b.
func (p pattern) Match(b []byte) bool { return p.sieve.may(b, -1) && p.Regexp.Match(b) }

// FindAllIndex is that of the expression.
func (p pattern) FindAllIndex(b []byte, n int) [][]int {
	if !p.sieve.may(b, -1) {
		return nil
	}
	return p.Regexp.FindAllIndex(b, n)
}

// ReplaceAll is that of the expression, but returns b itself where there is nothing to replace.
func (p pattern) ReplaceAll(b, replacement []byte) []byte {
	if !p.sieve.may(b, -1) {
		return b
	}
	return p.Regexp.ReplaceAll(b, replacement)
}

// sifter builds a sieve by the construction of subsets.
type sifter struct {
	program *syntax.Prog
	start   []uint16 // at the start of a text
	again   []uint16 // behind it
	symbols []rune   // one for each class
	takes   [][]bool // by class and step
	after   [][]uint16
	ends    []bool // the expression may end behind the step
	numbers map[string]uint16
	sets    [][]uint16
}

// highByte stands for all bytes from 0x80 on, which are part of characters of several bytes.
const highByte = utf8.RuneSelf

// newSieve returns the sieve of an expression, or nil where it would hold nothing back.
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
	s := &sieve{anchored: len(f.again) == 0}
	f.classify(s)
	f.sets = [][]uint16{sieveHit: nil, sieveDead: {}, sieveStart: f.start}
	f.numbers[key(nil)], f.numbers[key(f.start)] = sieveDead, sieveStart
	for state := 0; state < len(f.sets); state++ {
		for class := range f.symbols {
			begin, goOn := sieveHit, sieveHit
			if uint16(state) != sieveHit {
				begin, goOn = f.step(f.sets[state], class, true), f.step(f.sets[state], class, false)
			}
			s.begin, s.goOn = append(s.begin, begin), append(s.goOn, goOn)
		}
	}
	return s
}

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
	f.after, f.ends = make([][]uint16, len(f.program.Inst)), make([]bool, len(f.program.Inst))
	for i := range f.program.Inst {
		if inst := &f.program.Inst[i]; takes(inst, 0) || len(inst.Rune) > 0 {
			f.after[i], f.ends[i] = f.closure(inst.Out, false)
		}
	}
	classes := map[string]uint8{}
	for r := rune(0); r <= highByte; r++ {
		taken, signature := make([]bool, len(f.program.Inst)), make([]byte, len(f.program.Inst)+1)
		for i := range f.program.Inst {
			if taken[i] = takes(&f.program.Inst[i], r); taken[i] {
				signature[i] = 1
			}
		}
		if r == highByte {
			signature[len(f.program.Inst)] = 1 // the one symbol that a character may need several of
		}
		class, ok := classes[string(signature)]
		if !ok {
			class = uint8(len(classes))
			classes[string(signature)] = class
			f.symbols, f.takes = append(f.symbols, r), append(f.takes, taken)
		}
		for b := int(r); b < 256 && (b == int(r) || r == highByte); b++ {
			s.class[b] = class
		}
	}
	s.width = len(f.symbols)
}

// step returns the state behind a symbol; where begins says so, with the expression beginning anew there.
func (f *sifter) step(set []uint16, class int, begins bool) uint16 {
	var next []uint16
	for _, at := range set {
		if !f.takes[class][at] {
			continue
		}
		if f.ends[at] {
			return sieveHit
		}
		next = append(next, f.after[at]...)
		if f.symbols[class] == highByte {
			next = append(next, at)
		}
	}
	if begins {
		next = append(next, f.again...)
	}
	slices.Sort(next)
	next = slices.Compact(next)
	name := key(next)
	state, ok := f.numbers[name]
	if !ok {
		if len(f.sets) >= maxSieve {
			return sieveHit
		}
		state = uint16(len(f.sets))
		f.numbers[name] = state
		f.sets = append(f.sets, next)
	}
	return state
}

// closure returns the steps that read a character and are reached from pc without reading one, and whether the end of
// the expression is. first says that no character was read before.
func (f *sifter) closure(pc uint32, first bool) (set []uint16, ends bool) {
	seen := make([]bool, len(f.program.Inst))
	stack := []uint32{pc}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
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
			set = append(set, uint16(at))
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

// key names a set of steps.
func key(set []uint16) string {
	b := make([]byte, 0, 2*len(set))
	for _, at := range set {
		b = append(b, byte(at), byte(at>>8))
	}
	return string(b)
}
