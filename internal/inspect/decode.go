package inspect

import "unicode/utf8"

// probe is how many decoded bytes are looked at before a long run is decoded whole.
const probe = 48

// span is a half-open range of bytes.
type span struct{ start, end int }

// codes says what each byte is worth in base64, either alphabet, and in base32; invalid is that of no digit.
var codes = func() (t struct{ base64, base32 [256]uint8 }) {
	for i := range t.base64 {
		t.base64[i], t.base32[i] = invalid, invalid
	}
	for i := range byte(26) {
		t.base64['A'+i], t.base64['a'+i] = i, 26+i
		t.base32['A'+i], t.base32['a'+i] = i, i
	}
	for i := range byte(10) {
		t.base64['0'+i] = 52 + i
	}
	for i := range byte(6) {
		t.base32['2'+i] = 26 + i
	}
	t.base64['+'], t.base64['-'], t.base64['/'], t.base64['_'] = 62, 62, 63, 63
	return t
}()

const invalid = 0xFF

// decodeRun appends what the run spells in hex, base32 or base64, if that is text, and returns the view's name. Line
// breaks in the run are passed over. Without a name dst is as long as it was, and keeps the room that was made.
func decodeRun(dst, run []byte) ([]byte, string) {
	n := len(dst)
	out, ok := decodeHex(dst, run)
	if ok && readable(out[n:]) {
		return out, ViewHex
	}
	if len(run) >= minBase32 {
		if out, ok = decodeBits(out[:n], run, &codes.base32, 5); ok && readable(out[n:]) {
			return out, ViewBase32
		}
	}
	if out, ok = decodeBits(out[:n], run, &codes.base64, 6); ok {
		if wide, ok := narrowed(out, n); ok {
			out = wide
		}
		if readable(out[n:]) {
			return out, ViewBase64
		}
	}
	return out[:n], ""
}

// minBase32 is the shortest run of base32: seven bytes of text.
const minBase32 = 12

// decodeHex appends the bytes whose hex digits the run is; digits may stand in pairs with other bytes between.
func decodeHex(dst, run []byte) ([]byte, bool) {
	if len(run) > 2 && run[0] == '0' && run[1]|0x20 == 'x' {
		run = run[2:]
	}
	n := len(dst)
	for i := 0; i+1 < len(run); i += 2 {
		for i+1 < len(run) && white(run[i]) {
			i++
		}
		if i+1 >= len(run) {
			break
		}
		high, low := unhex(run[i]), unhex(run[i+1])
		if high < 0 || low < 0 {
			return dst[:n], false
		}
		dst = append(dst, byte(high<<4|low))
		if len(dst)-n == probe && !readable(dst[n:]) {
			return dst[:n], false
		}
	}
	return dst, true
}

// decodeBits appends the bytes whose bits the digits of the run hold, size bits each. A run cut short loses its last few
// bits.
func decodeBits(dst, run []byte, digits *[256]uint8, size uint) ([]byte, bool) {
	n := len(dst)
	var bits, have uint
	for _, c := range run {
		d := digits[c]
		if d == invalid {
			if white(c) || c == '=' {
				continue
			}
			return dst[:n], false
		}
		bits, have = bits<<size|uint(d), have+size
		if have < 8 {
			continue
		}
		have -= 8
		dst = append(dst, byte(bits>>have))
		if len(dst)-n == probe && !readable(dst[n:]) && !wide(dst[n:]) {
			return dst[:n], false
		}
	}
	return dst, true
}

// wide reports whether every other byte of b is zero, as in ASCII text of two bytes a character.
func wide(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	zero := 1
	if b[0] == 0 {
		zero = 0
	}
	for i := zero; i < len(b); i += 2 {
		if b[i] != 0 {
			return false
		}
	}
	return true
}

// narrowed makes ASCII text of two bytes a character, from dst[n] on, one of a byte each.
func narrowed(dst []byte, n int) ([]byte, bool) {
	b := dst[n:]
	if !wide(b) {
		return dst, false
	}
	from := 0
	if b[0] == 0 {
		from = 1
	}
	to := n
	for i := from; i < len(b); i += 2 {
		dst[to] = b[i]
		to++
	}
	return dst[:to], true
}

// readable reports whether b is text, apart from a character that its end cuts off.
func readable(b []byte) bool { return len(b) > 0 && printable(wholeRunes(b)) }

// printable reports whether b is valid UTF-8 that is nearly all text: at most one control character in 32 bytes.
func printable(b []byte) bool {
	controls := 0
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7F {
				controls++
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return false
		}
		i += n
	}
	return controls*32 <= len(b)
}

// wholeRunes drops at most three bytes of a character that the end cuts off.
func wholeRunes(b []byte) []byte {
	for i := 1; i <= 3 && i <= len(b); i++ {
		c := b[len(b)-i]
		if c < 0x80 {
			return b
		}
		if c >= 0xC0 {
			if utf8.FullRune(b[len(b)-i:]) {
				return b
			}
			return b[:len(b)-i]
		}
	}
	return b
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

// wrapped extends runs[i] over the lines that go on with it, and returns where it ends and which run comes next. Lines
// of a code are equally long, but for the last one.
func wrapped(b []byte, runs []span, i int) (end, next int) {
	first := runs[i]
	end, next = first.end, i+1
	for {
		at := end
		for at < len(b) && b[at] == '=' {
			at++
		}
		line := at
		for at < len(b) && white(b[at]) {
			at++
		}
		if at == line || at-line > maxIndent || !lineBreak(b[line:at]) {
			return end, next
		}
		stop := at
		for stop < len(b) && codes.base64[b[stop]] != invalid {
			stop++
		}
		if stop == at || stop-at > first.end-first.start {
			return end, next
		}
		end = stop
		for next < len(runs) && runs[next].start < end {
			next++
		}
		if stop-at < first.end-first.start {
			return end, next
		}
	}
}

// maxIndent is how much white space stands between two lines of one code at most.
const maxIndent = 24

func lineBreak(b []byte) bool {
	for _, c := range b {
		if c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}

// pieces calls visit for the parts of the run between the signs of base64, which are also those of paths and names,
// while visit returns false.
func pieces(b []byte, run span, visit func(span) bool) {
	for start := run.start; start < run.end; {
		end := start
		for end < run.end && alphanumeric(b[end]) {
			end++
		}
		if end-start >= minEncoded && end-start < run.end-run.start && coded(b[start:end]) && visit(span{start, end}) {
			return
		}
		start = end + 1
	}
}

// decodePairs appends the bytes whose hex digits stand in pairs, at or after from, with at most two bytes that are no word
// between, and returns where they stand.
func decodePairs(dst, b []byte, from int) ([]byte, span) {
	n := len(dst)
	for i := from; i < len(b); {
		if !word(b[i]) || i > 0 && word(b[i-1]) {
			i++
			continue
		}
		run := span{i, i}
		for dst = dst[:n]; i < len(b); {
			end := i
			for end < len(b) && end < i+5 && word(b[end]) {
				end++
			}
			if !hexPair(b[i:end]) {
				break
			}
			dst = append(dst, byte(unhex(b[end-2])<<4|unhex(b[end-1])))
			run.end = end
			for i = end; i < len(b) && i < end+2 && !word(b[i]); {
				i++
			}
		}
		if len(dst)-n >= minPairs {
			return dst, run
		}
		i = max(i, run.end) + 1
	}
	return dst[:n], span{}
}

// codeByte reports whether c can stand in base64, either alphabet, before the padding.
func codeByte(c byte) bool { return codes.base64[c] != invalid }
