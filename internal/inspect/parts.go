package inspect

import "strings"

// amidReach is how much of the parts on both sides of a text is read for what may excuse a match in it, and how far from its
// ends the match may stand, in bytes.
const amidReach = 512

// amid reports whether a match in a text is excused by the parts of the same message that stand right before and behind it.
// Who writes a message can write it as one part as well, so that the cut gives nobody an excuse that a whole text does not
// have. What stands in other messages, in names, in metadata and in data is no part of what is said there, and excuses
// nothing. Values are not said to somebody who reads on: a program takes each part by itself.
func (c *scan) amid(v *view, r *rule, at span, head int) bool {
	if !v.own || c.own.start == c.own.end || r.reads&traitValue != 0 {
		return false
	}
	before, behind := "", ""
	if at.start <= amidReach {
		before = c.saidBefore(c.own.start)
	}
	if len(v.bytes)-at.end <= amidReach {
		behind = c.saidBehind(c.own.end)
	}
	if before == "" && behind == "" || !c.spend(priceException) {
		return false
	}
	from, to := max(0, at.start-blockReach), min(len(v.bytes), at.end+blockReach)
	c.mirror = append(append(append(c.mirror[:0], before...), v.bytes[from:to]...), behind...)
	by := len(before) - from
	return c.excepted(r, c.mirror, span{at.start + by, at.end + by}, head+by)
}

// saidBefore returns the end of the parts that the piece goes on from, with a space for each border.
func (c *scan) saidBefore(piece int) string {
	said := ""
	for ; piece > 0 && len(said) < amidReach && c.pieces[piece].goesOn; piece-- {
		said = canonical(c.pieces[piece-1].value) + " " + said
		if c.pieces[piece-1].tail {
			return said
		}
	}
	return said
}

// saidBehind returns the beginning of the parts that go on from the piece before the given one.
func (c *scan) saidBehind(piece int) string {
	var said strings.Builder
	for ; piece < len(c.pieces) && said.Len() < amidReach && c.pieces[piece].goesOn; piece++ {
		said.WriteString(" " + canonical(c.pieces[piece].value))
		if piece+1 < len(c.pieces) && c.pieces[piece+1].tail {
			break
		}
	}
	return said.String()
}
