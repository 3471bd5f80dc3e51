package inspect

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
)

// probe is how many decoded bytes are looked at before a long span is decoded whole.
const probe = 48

// span is a half-open range of bytes.
type span struct{ start, end int }

// codeByte reports whether c can stand in base64, either alphabet, before the padding.
func codeByte(c byte) bool { k := kinds[c]; return k >= kindLetter && k <= kindPlus && c != '=' }

// nextRun returns the first run of code bytes at or after from that is long enough to decode.
func nextRun(b []byte, from int) (span, bool) {
	for i := from; i < len(b); i++ {
		if !codeByte(b[i]) {
			continue
		}
		start := i
		for i < len(b) && codeByte(b[i]) {
			i++
		}
		if i-start >= minEncoded {
			return span{start, i}, true
		}
	}
	return span{}, false
}

// decodeRun appends what the run spells in hex or base64, if that is text, and returns the view's name.
func decodeRun(dst, run []byte) ([]byte, string) {
	dst = slices.Grow(dst, len(run))
	if out, ok := decodeHex(dst, run); ok {
		return out, ViewHex
	}
	if out, ok := decodeBase64(dst, run); ok {
		return out, ViewBase64
	}
	return dst, ""
}

func decodeHex(dst, run []byte) ([]byte, bool) {
	if len(run) > 2 && run[0] == '0' && run[1]|0x20 == 'x' {
		run = run[2:]
	}
	run = run[:len(run)&^1]
	n := len(dst)
	out, err := hex.AppendDecode(dst, run)
	if err != nil || !printable(out[n:]) {
		return dst, false
	}
	return out, true
}

// decodeBase64 takes both alphabets, padded or not; a run cut short loses its last few bits.
func decodeBase64(dst, run []byte) ([]byte, bool) {
	for len(run) > 0 && run[len(run)-1] == '=' {
		run = run[:len(run)-1]
	}
	if len(run)%4 == 1 {
		run = run[:len(run)-1]
	}
	encoding := base64.RawStdEncoding
	for _, c := range run {
		if c == '-' || c == '_' {
			encoding = base64.RawURLEncoding
			break
		}
	}
	n := len(dst)
	if len(run) > probe*4/3 {
		out, err := encoding.AppendDecode(dst, run[:probe*4/3])
		if err != nil || !printable(wholeRunes(out[n:])) {
			return dst, false
		}
	}
	out, err := encoding.AppendDecode(dst, run)
	if err != nil || !printable(wholeRunes(out[n:])) {
		return dst, false
	}
	return out, true
}

// wholeRunes drops at most three bytes of a character that the end cuts off.
func wholeRunes(b []byte) []byte {
	for i := 1; i <= 3 && i <= len(b); i++ {
		c := b[len(b)-i]
		if c < 0x80 {
			return b
		}
		if c >= 0xC0 {
			return b[:len(b)-i]
		}
	}
	return b
}

// nextPercent returns the first stretch without white space, at or after from, that holds a percent escape or
// words with plus signs between.
func nextPercent(b []byte, from int) (span, bool) {
	pluses := 0
	for i := from; i+1 < len(b); i++ {
		switch {
		case b[i] <= ' ':
			pluses = 0
			continue
		case escaped(b, i):
		case b[i] == '+' && i > from && word(b[i-1]) && word(b[i+1]):
			if pluses++; pluses < minPlus {
				continue
			}
		default:
			continue
		}
		s := span{i, i + 1}
		for s.start > from && b[s.start-1] > ' ' {
			s.start--
		}
		for s.end < len(b) && b[s.end] > ' ' {
			s.end++
		}
		return s, true
	}
	return span{}, false
}

// escaped reports whether a percent escape begins at b[i].
func escaped(b []byte, i int) bool {
	return b[i] == '%' && i+2 < len(b) && unhex(b[i+1]) >= 0 && unhex(b[i+2]) >= 0
}

// decodePercent appends run with its percent escapes resolved and plus signs read as spaces.
func decodePercent(dst, run []byte) []byte {
	for i := 0; i < len(run); i++ {
		switch {
		case escaped(run, i):
			dst = append(dst, byte(unhex(run[i+1])<<4|unhex(run[i+2])))
			i += 2
		case run[i] == '+':
			dst = append(dst, ' ')
		default:
			dst = append(dst, run[i])
		}
	}
	return dst
}

func unhex(c byte) int {
	switch {
	case digit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// compact appends the letters of words set letter by letter and of very long words, one stretch after another
// with a zero byte between, and one anchor a stretch.
func compact(dst []byte, anchors []anchor, b []byte) ([]byte, []anchor) {
	for i := 0; i < len(b); {
		if !letter(b[i]) || i > 0 && word(b[i-1]) {
			i++
			continue
		}
		end, letters := spaced(b, i)
		if letters < minSpaced {
			end = i
			for end < len(b) && letter(b[end]) {
				end++
			}
			if end-i < minRun {
				i = end
				continue
			}
		}
		anchors = append(anchors, anchor{out: len(dst), src: i})
		for ; i < end; i++ {
			if letter(b[i]) {
				dst = append(dst, b[i])
			}
		}
		anchors = append(anchors, anchor{out: len(dst), src: end})
		dst = append(dst, 0)
	}
	return dst, anchors
}

// spaced returns the end of the letters set apart that begin at i, and how many they are. Up to three bytes that
// are no word stand between two of them.
func spaced(b []byte, i int) (end, letters int) {
	for i < len(b) && letter(b[i]) && (i+1 == len(b) || !word(b[i+1])) {
		letters++
		i++
		end = i
		for gap := 0; gap < 3 && i < len(b) && !word(b[i]); gap++ {
			i++
		}
	}
	return end, letters
}
