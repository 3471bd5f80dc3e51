package inspect

import (
	"html"
	"unicode/utf8"
)

// backslashed are the bytes that make an escape of a string behind a backslash.
var backslashed = func() (t [256]bool) {
	for _, c := range []byte(`uUxntrbfv"'/\01234567`) {
		t[c] = true
	}
	return t
}()

// unescape writes v with the escapes of URLs, of HTML and of strings resolved, each once.
func (c *scan) unescape(v *view, l *level) {
	w := &l.form
	w.begin(v.bytes)
	for i := 0; i < len(v.bytes); {
		n := 0
		switch v.bytes[i] {
		case '%':
			n = unescapePercent(w, v, i)
		case '+':
			n = unescapePlus(w, v, i)
		case '&':
			n = c.unescapeEntity(w, v, i)
		case '\\':
			n = unescapeString(w, v, i)
		}
		i += max(1, n)
	}
}

// escaped reports whether a percent escape begins at b[i].
func escaped(b []byte, i int) bool {
	return b[i] == '%' && i+2 < len(b) && unhex(b[i+1]) >= 0 && unhex(b[i+2]) >= 0
}

// unicodeEscaped reports whether a percent escape of four digits, as in %u0069, begins at b[i].
func unicodeEscaped(b []byte, i int) bool {
	return i+5 < len(b) && b[i] == '%' && b[i+1]|0x20 == 'u' && digits(b[i+2:i+6], 16) >= 0
}

func unescapePercent(w *rewriting, v *view, i int) int {
	b := v.bytes
	switch {
	case escaped(b, i) && v.touched(span{i, i + 3}):
		w.byte(byte(unhex(b[i+1])<<4|unhex(b[i+2])), span{i, i + 3}, ViewURL)
		return 3
	case unicodeEscaped(b, i) && v.touched(span{i, i + 6}):
		w.rune(valid(digits(b[i+2:i+6], 16)), span{i, i + 6}, ViewURL)
		return 6
	}
	return 0
}

// plusReach is how far from a plus sign, in bytes, the sign or escape may stand that makes it a space.
const plusReach = 64

// unescapePlus reads a plus sign between words as a space, if its stretch without white space is one of a query: there
// is another such sign or a percent escape.
func unescapePlus(w *rewriting, v *view, i int) int {
	b := v.bytes
	if !joinsWords(b, i) || !v.touched(span{i, i + 1}) {
		return 0
	}
	query := false
	for at := i - 1; !query && at >= max(0, i-plusReach) && b[at] > ' '; at-- {
		query = joinsWords(b, at) || escaped(b, at)
	}
	for at := i + 1; !query && at < min(len(b), i+plusReach) && b[at] > ' '; at++ {
		query = joinsWords(b, at) || escaped(b, at)
	}
	if query {
		w.literalAt(' ', span{i, i + 1}, ViewURL)
	}
	return 1
}

// joinsWords reports whether b[i] is a plus sign that stands between words or escapes.
func joinsWords(b []byte, i int) bool {
	return b[i] == '+' && i > 0 && i+1 < len(b) && queried(b[i-1]) && queried(b[i+1])
}

func queried(c byte) bool {
	return word(c) || c == '%' || c == '\'' || c == '.' || c == ',' || c == '-'
}

// maxEntity is the longest name of a character in HTML, with its semicolon.
const maxEntity = 32

// entityAt reports whether what looks like a character reference of HTML begins at b[i].
func entityAt(b []byte, i int) bool {
	if i+2 < len(b) && b[i+1] == '#' {
		return digit(b[i+2]) || b[i+2]|0x20 == 'x'
	}
	return namedEnd(b, i) > 0
}

// namedEnd returns where the name of a character that begins with the ampersand at b[i] ends, or 0.
func namedEnd(b []byte, i int) int {
	for at := i + 1; at < min(len(b), i+maxEntity); at++ {
		if b[at] == ';' && at > i+2 {
			return at + 1
		}
		if !alphanumeric(b[at]) {
			break
		}
	}
	return 0
}

// entities are the names that texts are full of.
var entities = map[string]rune{
	"&amp;": '&', "&lt;": '<', "&gt;": '>', "&quot;": '"', "&apos;": '\'', "&nbsp;": ' ', "&Tab;": '\t', "&NewLine;": '\n',
}

func (c *scan) unescapeEntity(w *rewriting, v *view, i int) int {
	b := v.bytes
	if i+2 < len(b) && b[i+1] == '#' {
		return unescapeNumber(w, v, i)
	}
	end := namedEnd(b, i)
	if end == 0 || !v.touched(span{i, end}) {
		return 0
	}
	r, ok := entities[string(b[i:end])]
	if !ok {
		if !c.spend(priceEntity) {
			return 0
		}
		s := html.UnescapeString(string(b[i:end]))
		var n int
		if r, n = utf8.DecodeRuneInString(s); n != len(s) || r == utf8.RuneError {
			return 0
		}
	}
	w.rune(r, span{i, end}, ViewHTML)
	return end - i
}

// unescapeNumber reads a reference by number, which browsers take without its semicolon too.
func unescapeNumber(w *rewriting, v *view, i int) int {
	b := v.bytes
	from, base := i+2, 10
	if b[from]|0x20 == 'x' {
		from, base = from+1, 16
	}
	end := from
	for end < min(len(b), from+maxDigits) && digits(b[end:end+1], base) >= 0 {
		end++
	}
	value := digits(b[from:end], base)
	if value < 0 {
		return 0
	}
	if end < len(b) && b[end] == ';' {
		end++
	}
	if !v.touched(span{i, end}) {
		return 0
	}
	w.rune(valid(value), span{i, end}, ViewHTML)
	return end - i
}

// maxDigits is how many digits the number of a character has at most, zeros in front included.
const maxDigits = 10

// digits returns the number that b is in a base of 8, 10 or 16, or -1.
func digits(b []byte, base int) int {
	if len(b) == 0 || len(b) > maxDigits {
		return -1
	}
	value := 0
	for _, c := range b {
		d := unhex(c)
		if d < 0 || d >= base {
			return -1
		}
		value = value*base + d
	}
	return value
}

// valid returns the character of a number, or the one that stands for none.
func valid(value int) rune {
	if value <= 0 || value > utf8.MaxRune || !utf8.ValidRune(rune(value)) {
		return utf8.RuneError
	}
	return rune(value)
}

// unescapeString resolves an escape as in strings of JSON and programs.
func unescapeString(w *rewriting, v *view, i int) int {
	b := v.bytes
	if i+1 >= len(b) || !v.touched(span{i, i + 2}) {
		return 0
	}
	switch c := b[i+1]; c {
	case 'u', 'U':
		return unescapeUnicode(w, b, i)
	case 'x':
		if i+3 < len(b) && unhex(b[i+2]) >= 0 && unhex(b[i+3]) >= 0 {
			w.byte(byte(unhex(b[i+2])<<4|unhex(b[i+3])), span{i, i + 4}, ViewEscape)
			return 4
		}
	case '0', '1', '2', '3', '4', '5', '6', '7':
		end := i + 2
		for end < min(len(b), i+4) && b[end] >= '0' && b[end] <= '7' {
			end++
		}
		if end == i+4 {
			w.byte(byte(digits(b[i+1:end], 8)), span{i, end}, ViewEscape)
			return end - i
		}
	case 'n', 't', 'r', 'v', 'f', 'b':
		w.literalAt(controls[c], span{i, i + 2}, ViewEscape)
		return 2
	case '"', '\'', '/', '\\':
		w.literalAt(c, span{i, i + 2}, ViewEscape)
		return 2
	}
	return 0
}

var controls = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'v': '\v', 'f': '\f', 'b': ' '}

// unescapeUnicode reads \uXXXX, pairs of them that make up one character, \u{X} and \UXXXXXXXX. Half a pair stands for no
// character.
func unescapeUnicode(w *rewriting, b []byte, i int) int {
	size := 4
	if b[i+1] == 'U' {
		size = 8
	}
	if i+2 < len(b) && b[i+2] == '{' {
		end := i + 3
		for end < min(len(b), i+3+maxDigits) && unhex(b[end]) >= 0 {
			end++
		}
		value := digits(b[i+3:end], 16)
		if value < 0 || end >= len(b) || b[end] != '}' {
			return 0
		}
		w.rune(valid(value), span{i, end + 1}, ViewEscape)
		return end + 1 - i
	}
	end := i + 2 + size
	if end > len(b) {
		return 0
	}
	value := digits(b[i+2:end], 16)
	if value < 0 {
		return 0
	}
	if value >= 0xD800 && value < 0xDC00 && end+6 <= len(b) && b[end] == '\\' && b[end+1] == 'u' {
		if low := digits(b[end+2:end+6], 16); low >= 0xDC00 && low < 0xE000 {
			value, end = 0x10000+(value-0xD800)<<10+low-0xDC00, end+6
		}
	}
	w.rune(valid(value), span{i, end}, ViewEscape)
	return end - i
}

// softBreak returns how long the line break is that quoted-printable leaves out at b[i], or 0.
func softBreak(b []byte, i int) int {
	switch {
	case i == 0 || b[i] != '=' || b[i-1] <= ' ' || b[i-1] == '=':
	case i+1 < len(b) && b[i+1] == '\n':
		return 2
	case i+2 < len(b) && b[i+1] == '\r' && b[i+2] == '\n':
		return 3
	}
	return 0
}

// quotedByte returns the byte that quoted-printable spells at b[i], or -1.
func quotedByte(b []byte, i int) int {
	if b[i] != '=' || i+2 >= len(b) {
		return -1
	}
	return digits(b[i+1:i+3], 16)
}

// quotedForSure reports whether the escape at b[i] is one of a mail whatever else stands in the text: an equals sign, which
// mails never leave as it is, or a character of several bytes.
func quotedForSure(b []byte, i int) bool {
	first := quotedByte(b, i)
	return first == '=' || first >= 0xC2 && i+3 < len(b) && quotedByte(b, i+3) >= 0x80
}

// unquote writes v with the escapes of quoted-printable resolved.
func unquote(v *view, w *rewriting) {
	w.begin(v.bytes)
	for i := 0; i < len(v.bytes); {
		if n := softBreak(v.bytes, i); n > 0 && v.touched(span{i, i + n}) {
			w.skip(span{i, i + n}, ViewQuoted)
			i += n
			continue
		}
		if b := quotedByte(v.bytes, i); b >= 0 && v.touched(span{i, i + 3}) {
			w.byte(byte(b), span{i, i + 3}, ViewQuoted)
			i += 3
			continue
		}
		i++
	}
}
