package a2a

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// shortContent is the length in bytes up to which the content of a file is read as it stands too: what looks like
	// base64 may be words.
	shortContent = 1 << 10
	// shortestWords is how many characters in a row are words where content is no text: fewer stand in any image by chance.
	shortestWords = 8
	// oddShare is how much of a text can be no text: one of so many bytes.
	oddShare = 4
	// opening is how many bytes that are no text make content no text, where they are half of all so far.
	opening = 2 << 10
)

// Words returns what can be read as words in the content of a file, a text of KindBytes, so that they can be judged like
// other texts, and cheaply where the content is an image: text in UTF-8, UTF-16 and encodings of eight bits whose first half
// is ASCII; of any other content what stands in it in such text. Of what is compressed, nothing can be read.
//
// A JSON binding has the content in base64. It is decoded as the most lenient readers do, in both alphabets, with or
// without padding, and without regard to other characters; if it has any of those or is short, it also counts as it
// stands. The text of another kind is returned as it is.
func (t Text) Words(b Binding) string {
	if t.Kind != KindBytes || t.Value == "" {
		return t.Value
	}
	if b == GRPC {
		return words(make([]byte, 0, len(t.Value)), t.Value)
	}
	content, clean := decodeBase64(t.Value)
	out := make([]byte, 0, len(content)+len(content)/4+shortContent)
	if !clean || len(t.Value) <= shortContent {
		out = append(append(out, t.Value...), '\n')
	}
	return words(out, string(content))
}

// words appends what can be read in content.
func words(out []byte, content string) string {
	if utf8.ValidString(content) && strings.IndexByte(content, 0) < 0 {
		if len(out) == 0 {
			return content
		}
		return string(append(out, content...))
	}
	// A mark of UTF-16 can be forged: what stands behind it counts in both ways.
	switch {
	case strings.HasPrefix(content, "\xFF\xFE"):
		out = append(appendUTF16(out, content[2:], binary.LittleEndian), '\n')
	case strings.HasPrefix(content, "\xFE\xFF"):
		out = append(appendUTF16(out, content[2:], binary.BigEndian), '\n')
	}
	if mostlyText(content) {
		return string(appendMended(out, content))
	}
	return string(appendRuns(out, content))
}

// codes has the value of each character of base64, of both alphabets, plus one.
var codes = func() (codes [256]byte) {
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		codes[c] = byte(i) + 1
	}
	codes['-'], codes['_'] = codes['+'], codes['/']
	return codes
}()

// decodeBase64 returns what the value stands for, and whether nothing but base64 and its padding is in it.
func decodeBase64(value string) (content []byte, clean bool) {
	content, clean = make([]byte, 0, len(value)/4*3+3), true
	bits, n := uint32(0), 0
	for i := 0; i < len(value); i++ {
		// Most of it is four characters of one alphabet after the other.
		for n == 0 && i+4 <= len(value) {
			a, b, c, d := codes[value[i]], codes[value[i+1]], codes[value[i+2]], codes[value[i+3]]
			if a == 0 || b == 0 || c == 0 || d == 0 {
				break
			}
			four := uint32(a-1)<<18 | uint32(b-1)<<12 | uint32(c-1)<<6 | uint32(d-1)
			content = append(content, byte(four>>16), byte(four>>8), byte(four))
			i += 4
		}
		if i == len(value) {
			break
		}
		code := codes[value[i]]
		if code == 0 {
			if value[i] == '=' {
				n = 0
			} else if value[i] > ' ' {
				clean = false
			}
			continue
		}
		bits = bits<<6 | uint32(code-1)
		if n += 6; n >= 8 {
			n -= 8
			content = append(content, byte(bits>>n))
		}
	}
	return content, clean
}

func appendUTF16(out []byte, content string, order binary.ByteOrder) []byte {
	units := make([]uint16, len(content)/2)
	for i := range units {
		units[i] = order.Uint16([]byte(content[2*i : 2*i+2]))
	}
	return append(out, string(utf16.Decode(units))...)
}

// shown are the characters of ASCII that texts have.
var shown = func() (shown [utf8.RuneSelf]bool) {
	for c := range shown {
		shown[c] = c >= ' ' && c < 0x7F || c == '\t' || c == '\n' || c == '\r'
	}
	return shown
}()

// mostlyText reports whether but a few bytes of the content are characters of UTF-8 that texts have. What starts like an
// image is not looked at to its end.
func mostlyText(content string) bool {
	odd, most := 0, len(content)/oddShare
	for i := 0; i < len(content); i++ {
		c := content[i]
		if c < utf8.RuneSelf && shown[c] {
			continue
		}
		if n := characterAt(content, i); n > 0 {
			i += n - 1
			continue
		}
		if odd++; odd > most || odd > opening && odd > i/2 {
			return false
		}
	}
	return true
}

// characterAt returns the length of the character beyond ASCII at i, or 0 if there is none. In what is no text there is
// seldom one, and mostly the second byte says so.
func characterAt(content string, i int) int {
	if c := content[i]; c < 0xC2 || i+1 >= len(content) || content[i+1]&0xC0 != 0x80 {
		return 0
	}
	if _, n := utf8.DecodeRuneInString(content[i:]); n > 1 {
		return n
	}
	return 0
}

// eightBit returns the character of a byte in the encodings that most texts in Western languages had before UTF-8. Of the
// first 32 it tells what stands between words and within them.
func eightBit(c byte) rune {
	switch {
	case c >= 0xA0:
		return rune(c)
	case c == 0x91 || c == 0x92:
		return '\''
	default:
		return ' '
	}
}

// appendMended appends text in which some bytes are odd.
func appendMended(out []byte, content string) []byte {
	for i := 0; i < len(content); {
		r, n := utf8.DecodeRuneInString(content[i:])
		switch {
		case n == 1 && r == utf8.RuneError:
			out = utf8.AppendRune(out, eightBit(content[i]))
		case r != 0:
			out = append(out, content[i:i+n]...)
		}
		i += n
	}
	return out
}

// appendRuns appends the words in what is no text, a line for each run.
func appendRuns(out []byte, content string) []byte {
	for i := 0; i < len(content); {
		if ahead := i + shortestWords - 1; ahead < len(content) && !withinWords(content, ahead) {
			i = ahead + 1
			continue
		}
		read, characters := run(content, i)
		if characters >= shortestWords {
			out = append(append(out, content[i:i+read]...), '\n')
		} else if last := i + read - 1; read > 0 && last+1 < len(content) && content[last+1] == 0 {
			from := len(out)
			var wide int
			if out, wide = appendWide(out, content, last); wide < 2*shortestWords-1 {
				out = out[:from]
			} else {
				out, read = append(out, '\n'), read-1+wide
			}
		}
		i += max(read, 1)
	}
	return out
}

// withinWords reports whether the byte at i can be one of words: words that start before it have it too.
func withinWords(content string, i int) bool {
	switch c := content[i]; {
	case c == 0:
		// The zero of a character of UTF-16, unless no other one follows.
		return i+2 < len(content) && content[i+2] == 0
	case c < utf8.RuneSelf:
		return shown[c]
	case utf8.RuneStart(c):
		return characterAt(content, i) > 0 || i+1 < len(content) && content[i+1] == 0
	default:
		for before := i - 1; before >= max(i-3, 0); before-- {
			if utf8.RuneStart(content[before]) {
				return characterAt(content, before) > i-before || i+1 < len(content) && content[i+1] == 0
			}
		}
		return false
	}
}

// run returns how many bytes and characters from i on are text.
func run(content string, i int) (read, characters int) {
	at := i
	for ; at < len(content); characters++ {
		if c := content[at]; c >= utf8.RuneSelf {
			n := characterAt(content, at)
			if n == 0 {
				break
			}
			at += n
		} else if shown[c] {
			at++
		} else {
			break
		}
	}
	return at - i, characters
}

// appendWide appends the text in UTF-16 of characters with a zero byte behind the byte at i, and returns how many bytes
// that are. Where a zero stands before the first, the zeros belong to the characters behind them, so that the last one has
// none behind itself.
func appendWide(out []byte, content string, i int) ([]byte, int) {
	at := i
	for at < len(content) && (content[at] >= 0xA0 || content[at] < utf8.RuneSelf && shown[content[at]]) {
		zero := at+1 < len(content) && content[at+1] == 0
		if zero || i > 0 && content[i-1] == 0 {
			out = utf8.AppendRune(out, rune(content[at]))
		}
		if !zero {
			break
		}
		at += 2
	}
	return out, min(at, len(content)) - i
}
