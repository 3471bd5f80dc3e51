package inspect

import (
	"regexp/syntax"
	"unicode"
)

// digrams is a set of pairs of bytes, by the low five bits of each: small and capital letters are the same, and so are some
// others, which makes a set larger but never smaller than it is.
type digrams [digramBits * digramBits / 64]uint64

const digramBits = 32

func (d *digrams) add(first, second byte) {
	at := uint(first&(digramBits-1))*digramBits | uint(second&(digramBits-1))
	d[at/64] |= 1 << (at % 64)
}

// within reports whether all pairs of d are in other.
func (d *digrams) within(other *digrams) bool {
	for i, pairs := range d {
		if pairs&^other[i] != 0 {
			return false
		}
	}
	return true
}

// digramsIn returns the pairs in b.
func digramsIn(b []byte) digrams {
	var d digrams
	for i := 1; i < len(b); i++ {
		d.add(b[i-1], b[i])
	}
	return d
}

// digramsOf returns pairs that everything has in which the expression matches.
func digramsOf(tree *syntax.Regexp) digrams {
	var d digrams
	switch tree.Op {
	case syntax.OpLiteral:
		for i := 1; i < len(tree.Rune); i++ {
			if first, second := tree.Rune[i-1], tree.Rune[i]; oneByte(first, tree.Flags) && oneByte(second, tree.Flags) {
				d.add(byte(first), byte(second))
			}
		}
	case syntax.OpConcat:
		for _, sub := range tree.Sub {
			pairs := digramsOf(sub)
			for i := range d {
				d[i] |= pairs[i]
			}
		}
	case syntax.OpAlternate:
		d = digramsOf(tree.Sub[0])
		for _, sub := range tree.Sub[1:] {
			pairs := digramsOf(sub)
			for i := range d {
				d[i] &= pairs[i]
			}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return digramsOf(tree.Sub[0])
	case syntax.OpRepeat:
		if tree.Min > 0 {
			return digramsOf(tree.Sub[0])
		}
	}
	return d
}

// oneByte reports whether a character of an expression stands for one byte, in whatever case: some letters outside of ASCII are
// the same as one inside, but for the case.
func oneByte(c rune, flags syntax.Flags) bool {
	if c >= 0x80 {
		return false
	}
	if flags&syntax.FoldCase != 0 {
		for other := unicode.SimpleFold(c); other != c; other = unicode.SimpleFold(other) {
			if other >= 0x80 {
				return false
			}
		}
	}
	return true
}
