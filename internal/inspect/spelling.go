package inspect

import "math/bits"

const (
	// shapeBits is how many bits a shape has, and printSlots how many places there are for prints.
	shapeBits  = 17
	printSlots = 1 << 14
)

// lettering is a word of at most maxWord letters, eight in a number, the first of them lowest, in lower case.
type lettering struct {
	words [maxWord / 8]uint64
	n     int
}

// lettersOf returns the letters of b at at.
func lettersOf(b []byte, at span) lettering {
	l := lettering{n: at.end - at.start}
	l.words[0] = lettersAt(b, at.start, l.n)
	if l.n > 8 {
		l.words[1] = lettersAt(b, at.start+8, l.n-8)
		if l.n > 16 {
			l.words[2] = lettersAt(b, at.start+16, l.n-16)
		}
	}
	return l
}

// lettersAt returns the first n letters from at on, or eight, in lower case.
func lettersAt(b []byte, at, n int) uint64 {
	return (eight(b, at, 0) | 0x20*eachByte) & (1<<(8*uint(n)) - 1)
}

// print returns a number that tells words of the vocabulary apart.
func (l *lettering) print() uint32 {
	if l.n <= 8 {
		return printOf(l.words[0])
	}
	h := l.words[0] * 0x9E3779B97F4A7C15
	h = (h ^ h>>29 ^ l.words[1]) * 0xD6E8FEB86659FD93
	h = (h ^ h>>31 ^ l.words[2]) * 0x9E3779B97F4A7C15
	return uint32(h>>32) | 1
}

// printOf returns the print of a word of at most eight letters.
func printOf(w uint64) uint32 { return uint32(w*0x9E3779B97F4A7C15>>32) | 1 }

// shape returns a number that stays the same when the letters between the first and the last change places, when the word
// is written backwards, and when it is rotated by 13: of letters that 13 apart are one, how many there are, what they and
// their squares add up to, and the first and the last.
func (l *lettering) shape() uint32 {
	if l.n <= 8 {
		return shapeOf(l.words[0], l.n)
	}
	folded := thirteen(l.words[0])
	first, last := folded&0xFF, uint64(0)
	sum, squares := added(folded)
	for _, w := range l.words[1 : 1+(l.n-1)/8] {
		folded = thirteen(w)
		s, q := added(folded)
		sum, squares, last = sum+s, squares+q, folded>>(8*((uint(l.n)-1)&7))&0xFF
	}
	return shapeNumber(l.n, sum, squares, first, last)
}

// shapeOf returns the shape of a word of at most eight letters.
func shapeOf(w uint64, n int) uint32 {
	folded := thirteen(w)
	sum, squares := added(folded)
	return shapeNumber(n, sum, squares, folded&0xFF, folded>>(8*((uint(n)-1)&7))&0xFF)
}

func shapeNumber(n int, sum, squares, first, last uint64) uint32 {
	key := uint64(n) | sum<<5 | squares<<14 | (first+last)<<26 | first*last<<31
	return uint32(key * 0x9E3779B97F4A7C15 >> (64 - shapeBits))
}

// thirteen numbers each of eight letters from 1 to 13, so that rotated letters have the same number. What is none is 0.
func thirteen(w uint64) uint64 {
	w &= 0x1F * eachByte
	return w - ((w+(0x80-14)*eachByte)&highBits>>7)*13
}

// added returns what eight bytes below 14 and their squares add up to. A number times itself turned round has the sum of
// the squares in its highest place.
func added(w uint64) (sum, squares uint64) {
	const even = 0x00FF00FF00FF00FF
	a, b := w&even, w>>8&even
	return w * eachByte >> 56, a*(bits.ReverseBytes64(a)>>8)>>48 + b*(bits.ReverseBytes64(b)>>8)>>48
}

// prints are those of words, each at the place that its low bits name or behind it. Zero is none.
type prints [printSlots]uint32

func (p *prints) add(print uint32) {
	at := print % printSlots
	for p[at] != 0 {
		at = (at + 1) % printSlots
	}
	p[at] = print
}

func (p *prints) has(print uint32) bool {
	for at := print % printSlots; p[at] != 0; at = (at + 1) % printSlots {
		if p[at] == print {
			return true
		}
	}
	return false
}
