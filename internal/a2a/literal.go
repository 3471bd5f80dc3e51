package a2a

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	quotes = '"' * ones
	slants = '\\' * ones
	spaces = ' ' * ones
)

// plain returns the offset of the first quote, backslash or control byte at or after i, or len(b). It looks at
// eight bytes at a time: a byte x is zero in (x-1) & ^x & 0x80, borrows can only disturb bytes above the first
// hit, and the lowest hit is the one that counts.
func plain(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		q, e := w^quotes, w^slants
		hit := ((q-ones)&^q | (e-ones)&^e | (w-spaces)&^w) & highs
		if hit != 0 {
			return i + bits.TrailingZeros64(hit)>>3
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < ' ' {
			return i
		}
	}
	return i
}

// literal reads the string literal at pos, which holds a quote.
func (s *scanner) literal() (span, flaw) {
	start := s.pos
	if start >= len(s.body) {
		return span{}, badSyntax
	}
	i := plain(s.body, start+1)
	if i < len(s.body) && s.body[i] == '"' {
		s.pos = i + 1
		return span{start: int32(start), end: int32(i + 1)}, sound
	}
	return s.escaped(start, i)
}

// escaped reads on from i, the first byte of the literal at start that does not stand for itself.
func (s *scanner) escaped(start, i int) (span, flaw) {
	b, from := s.body, len(s.arena)
	for run := start + 1; i < len(b); i = plain(b, i) {
		s.arena = append(s.arena, b[run:i]...)
		switch b[i] {
		case '"':
			s.pos = i + 1
			return span{int32(start), int32(i + 1), int32(from), int32(len(s.arena))}, sound
		case '\\':
			n, f := s.escape(i)
			if f != sound {
				s.pos = i
				return span{}, f
			}
			i += n
			run = i
		default:
			s.pos = i
			return span{}, badSyntax
		}
	}
	s.pos = len(b)
	return span{}, badSyntax
}

// escape unescapes the sequence at i into the arena and returns its length.
func (s *scanner) escape(i int) (int, flaw) {
	if i+1 >= len(s.body) {
		return 0, badSyntax
	}
	c := s.body[i+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return s.unicode(i)
	default:
		return 0, badSyntax
	}
	s.arena = append(s.arena, c)
	return 2, sound
}

// unicode unescapes a \u sequence, or a surrogate pair of two.
func (s *scanner) unicode(i int) (int, flaw) {
	r, ok := hex4(s.body, i+2)
	if !ok {
		return 0, badSyntax
	}
	n := 6
	switch {
	case r >= 0xDC00 && r < 0xE000:
		return 0, loneSurrogate
	case r >= 0xD800 && r < 0xDC00:
		if i+8 > len(s.body) || s.body[i+6] != '\\' || s.body[i+7] != 'u' {
			return 0, loneSurrogate
		}
		low, ok := hex4(s.body, i+8)
		if !ok {
			return 0, badSyntax
		}
		if low < 0xDC00 || low >= 0xE000 {
			return 0, loneSurrogate
		}
		r, n = 0x10000+(r-0xD800)<<10+(low-0xDC00), 12
	}
	s.arena = utf8.AppendRune(s.arena, r)
	return n, sound
}

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | d
	}
	return r, true
}

func hexDigit(c byte) (rune, bool) {
	switch {
	case c-'0' <= 9:
		return rune(c - '0'), true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10, true
	default:
		return 0, false
	}
}

// bytes returns the unescaped content of a literal. It is valid until the next literal is read.
func (s *scanner) bytes(at span) []byte {
	if at.from < at.to {
		return s.arena[at.from:at.to]
	}
	if at.end == 0 {
		return nil
	}
	return s.body[at.start+1 : at.end-1]
}
