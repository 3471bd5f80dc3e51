package inspect

import (
	"encoding/binary"
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// anchor says that the canonical bytes from out on stand for the original bytes from src on.
type anchor struct{ out, src int }

// skeleton is the canonical form of one text: compatibility decomposed, without marks and invisible characters,
// look-alikes folded to Latin. Case and white space stay, because the automaton folds them and expressions need
// them. Decomposition without marks is NFKC without marks, and does not need the second pass that composes.
type skeleton struct {
	plane   *plane
	text    []byte
	anchors []anchor
	conceals
}

// isASCII reports whether every byte is below 0x80.
func isASCII(s string) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		if w&0x8080808080808080 != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// asciiPrefix returns the length of the longest prefix of b that is ASCII.
func asciiPrefix(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if binary.LittleEndian.Uint64(b[i:])&0x8080808080808080 != 0 {
			break
		}
	}
	for i < len(b) && b[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// reset empties the skeleton and keeps its memory.
func (k *skeleton) reset() {
	k.text, k.anchors = k.text[:0], k.anchors[:0]
	k.conceals.reset()
}

// write makes k the canonical form of src, which is at most four times as long.
func (k *skeleton) write(src []byte) {
	k.reset()
	for i := 0; i < len(src); {
		if n := asciiPrefix(src[i:]); n > 0 {
			k.anchor(i)
			k.text = append(k.text, src[i:i+n]...)
			i += n
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		t := k.plane.of(r)
		if t == hidden {
			k.hide(src, i, n, r)
			i += n
			continue
		}
		k.note(src, i, n, r, t)
		switch {
		case t == shaped && amongLatin(src, i, i+n):
			k.anchor(i)
			k.text = append(k.text, k.plane.capitals[r])
		default:
			k.anchor(i)
			k.fold(src[i:i+n], r, t)
		}
		i += n
	}
}

// anchor notes that the next canonical byte comes from src, unless the last anchor implies it.
func (k *skeleton) anchor(src int) {
	if n := len(k.anchors); n > 0 {
		last := &k.anchors[n-1]
		if last.out == len(k.text) {
			last.src = src
			return
		}
		if src-last.src == len(k.text)-last.out {
			return
		}
	} else if src == len(k.text) {
		return
	}
	k.anchors = append(k.anchors, anchor{out: len(k.text), src: src})
}

// fold appends the canonical form of the character r, whose encoding is raw and whose treatment is t.
func (k *skeleton) fold(raw []byte, r rune, t treatment) {
	switch {
	case t == kept:
		k.text = append(k.text, raw...)
	case t < utf8.RuneSelf:
		k.text = append(k.text, byte(t))
	case t == folded, t == shaped:
		d := norm.NFKD.Properties(raw).Decomposition()
		if d == nil {
			k.part(unicode.ToLower(r))
		}
		for len(d) > 0 {
			part, n := utf8.DecodeRune(d)
			k.part(part)
			d = d[n:]
		}
	}
}

// part appends one character of a decomposition. The automaton folds the case of ASCII alone.
func (k *skeleton) part(r rune) {
	t := k.plane.of(r)
	if t == folded || t == shaped {
		r = unicode.ToLower(r)
		t = k.plane.of(r)
	}
	switch {
	case t == kept, t == folded, t == shaped:
		k.text = utf8.AppendRune(k.text, r)
	case t < utf8.RuneSelf:
		k.text = append(k.text, byte(t))
	}
}

// latinReach is how far around a character, in bytes, Latin letters are looked for.
const latinReach = 16

// amongLatin reports whether an ASCII letter stands near src[from:to].
func amongLatin(src []byte, from, to int) bool {
	return slices.ContainsFunc(src[max(0, from-latinReach):from], letter) ||
		slices.ContainsFunc(src[to:min(len(src), to+latinReach)], letter)
}

// source returns the original offset that the canonical offset out stands for; for an offset inside the form of
// one character it is an offset inside or at the end of that character.
func source(anchors []anchor, out, limit int) int {
	lo, hi := 0, len(anchors)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if anchors[mid].out <= out {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	src := out
	if lo > 0 {
		a := anchors[lo-1]
		src = a.src + out - a.out
	}
	if lo < len(anchors) {
		src = min(src, anchors[lo].src)
	}
	return min(src, limit)
}

// canonical returns the canonical form of a literal, so that rules and texts are folded by the same code.
func canonical(s string) string {
	if isASCII(s) {
		return s
	}
	k := skeleton{plane: basicPlane()}
	k.write([]byte(s))
	return string(k.text)
}
