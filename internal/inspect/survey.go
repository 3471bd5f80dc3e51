package inspect

import (
	"bytes"
	"unicode/utf8"
)

// The kinds of bytes that the survey tells apart.
const (
	kindOther  uint8 = iota
	kindBlank        // up to the space
	kindBreak        // a line break
	kindLetter       // A-Z a-z
	kindWide         // of other scripts
	kindDigit
	kindCode // / - : letters of base64 beyond letters and digits
	kindUnderscore
	kindPlus
	kindSign // @ $ ! |, which stand for letters
	kindEqual
	kindPercent
	kindAmpersand
	kindBackslash
	kindMark // * ~ ` of emphasis
)

// kinds is the kind of each byte.
var kinds = func() (k [256]uint8) {
	for b := range k {
		switch c := byte(b); {
		case c == '\n':
			k[b] = kindBreak
		case c <= ' ':
			k[b] = kindBlank
		case c >= utf8.RuneSelf:
			k[b] = kindWide
		case letter(c):
			k[b] = kindLetter
		case digit(c):
			k[b] = kindDigit
		case leetLetters[c] != 0:
			k[b] = kindSign
		}
	}
	for c, kind := range map[byte]uint8{
		'/': kindCode, '-': kindCode, '_': kindUnderscore, '*': kindMark, '~': kindMark, '`': kindMark, '+': kindPlus, '=': kindEqual, '%': kindPercent, '&': kindAmpersand,
		'\\': kindBackslash,
	} {
		k[c] = kind
	}
	return k
}()

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// word reports whether c is part of a word. Bytes of other scripts are; the underscore is not, so that the words
// of a name in snake case count one by one.
func word(c byte) bool { return wordBytes[c] }

var wordBytes = func() (w [256]bool) {
	for b := range w {
		w[b] = letter(byte(b)) || digit(byte(b)) || b >= 0x80
	}
	return w
}()

// The shortest runs that are worth another view.
const (
	minEncoded = 10 // bytes of base64, base32 or hex
	minSpaced  = 5  // single letters in a row
	minRun     = 16 // letters without a break
	minPlus    = 2  // plus signs, which stand for spaces in a query
	minPairs   = 6  // pairs of hex digits in a row
	minQuoted  = 3  // escapes of quoted-printable
	minMarks   = 3  // words in a row that carry emphasis one by one
	minLines   = 4  // words in a row that have a line of their own each
)

// survey says which further views a text deserves.
type survey struct {
	escaped bool // escapes of URLs, of HTML or of strings
	quoted  bool // escapes of quoted-printable
	pairs   bool // pairs of hex digits
	// runs are those that can be base64, base32 or hex.
	runs []span
	// joined are runs of letters that are longer than most words, and apart the stretches in which letters or words are set
	// apart by signs.
	joined, apart []span
	// suspects are words that may be words of the rules with their letters in other places, or rotated; leets are places
	// where a digit or sign stands next to a letter.
	suspects []span
	leets    []int
}

// surveying is what a survey counts while it reads.
type surveying struct {
	*survey
	b []byte
	v *vocabulary
	// from is where the letters begin that are read, and open says that something goes on there that began before.
	from int
	open bool
	// run is how many bytes that codes are written in were read last, singles how many letters stood apart, token where
	// the word began, or -1.
	run, singles, pairs, quotes, pluses, token int
	// joints is how many underscores were read without a space, and marks how many marks of emphasis between words, the first
	// of them at marked.
	joints, marks, marked int
	// lines is how many lines in a row had one word each, and line where the one that is read begins.
	lines, line int
}

// read looks at each byte of b once. It may say yes where a closer look finds nothing, never the other way.
func (s *survey) read(b []byte, v *vocabulary) {
	*s = survey{runs: s.runs[:0], joined: s.joined[:0], apart: s.apart[:0], suspects: s.suspects[:0], leets: s.leets[:0]}
	y := surveying{survey: s, b: b, v: v, token: -1}
	var stops stops
	for from := 0; from < len(b); from += stopBlock {
		block := b[from:min(len(b), from+stopBlock)]
		for _, at := range stops[:stops.find(block)] {
			i, kind := from+int(at), kinds[block[at]]
			switch n := i - y.from; {
			case kind > kindBreak || y.open || n >= minEncoded:
				y.letters(i)
				y.other(i, kind)
				y.open = y.token >= 0 || y.run > 0
			case n >= minVocabulary:
				// A word with nothing of note at its ends is what most texts are made of.
				y.singles, y.pairs = 0, 0
				if v.suspects(b, span{y.from, i}) {
					s.suspects = append(s.suspects, span{y.from, i})
				}
			case n == 3:
				y.singles, y.pairs = 0, 0
			case n > 0:
				y.alone(span{y.from, i})
			}
			if y.from = i + 1; kind-kindBlank <= kindBreak-kindBlank {
				y.blank(i, kind)
			}
		}
	}
	y.letters(len(b))
	y.endToken(len(b))
	y.endRun(len(b))
	s.quoted = s.quoted || y.quotes >= minQuoted
	s.escaped = s.escaped || y.pluses >= minPlus
}

// blank looks at the white space at i.
func (y *surveying) blank(i int, kind uint8) {
	if y.joints = 0; kind == kindBreak {
		y.endLine(i)
	}
}

// letters looks at the letters before i.
func (y *surveying) letters(i int) {
	n := i - y.from
	if n == 0 {
		return
	}
	y.run += n
	if y.token < 0 {
		y.token = y.from
	}
	if n >= minVocabulary && y.token == y.from && (i == len(y.b) || !word(y.b[i])) && y.v.suspects(y.b, span{y.from, i}) {
		y.suspects = append(y.suspects, span{y.from, i})
	}
	if n >= minRun {
		y.joined = append(y.joined, span{y.from, i})
	}
}

// other looks at the byte at i, which is no letter.
func (y *surveying) other(i int, kind uint8) {
	switch kind {
	case kindWide:
		if y.token < 0 {
			y.token = i
		}
		y.endRun(i)
		return
	case kindDigit:
		if y.token < 0 {
			y.token = i
		}
		y.run++
		y.leet(i)
		return
	}
	y.endToken(i)
	switch kind {
	case kindCode:
		y.run++
		return
	case kindUnderscore:
		y.run++
		if y.joints++; y.joints >= minJoints {
			y.spaced(i, i)
		}
		return
	case kindMark:
		y.mark(i)
	case kindPlus:
		y.run++
		y.pluses++
		return
	case kindSign:
		y.leet(i)
	case kindEqual:
		y.equal(i)
	case kindPercent:
		y.escaped = y.escaped || escaped(y.b, i) || unicodeEscaped(y.b, i)
	case kindAmpersand:
		y.escaped = y.escaped || entityAt(y.b, i)
	case kindBackslash:
		y.escaped = y.escaped || i+1 < len(y.b) && backslashed[y.b[i+1]]
	}
	y.endRun(i)
}

// spaced notes that letters or words are set apart in front of to, from an offset on or earlier.
func (y *surveying) spaced(from, to int) {
	at := span{max(0, from-windowReach), min(len(y.b), to+windowReach)}
	for n := len(y.apart); n > 0 && at.start <= y.apart[n-1].end; n-- {
		at.start = min(at.start, y.apart[n-1].start)
		y.apart = y.apart[:n-1]
	}
	y.apart = append(y.apart, at)
}

// mark counts marks of emphasis between two words that carry it both.
func (y *surveying) mark(i int) {
	if i+2 < len(y.b) && y.b[i+1] == ' ' && y.b[i+2] == y.b[i] {
		if y.marks++; y.marks == 1 {
			y.marked = i
		}
		if y.marks >= minMarks {
			y.spaced(y.marked, i)
		}
	}
}

// endLine counts the line that ends before i, if it is one word alone.
func (y *surveying) endLine(i int) {
	if oneWord(y.b[y.line:i]) {
		if y.lines++; y.lines >= minLines {
			y.spaced(i, i)
		}
	} else {
		y.lines = 0
	}
	y.line = i + 1
}

// oneWord reports whether a line is no more than one short word and its signs.
func oneWord(line []byte) bool {
	return len(line) > 0 && len(line) <= maxWord && bytes.IndexByte(line, ' ') < 0
}

// leet notes a digit or sign next to a letter. Behind one, some signs just end a sentence.
func (y *surveying) leet(i int) {
	if i+1 < len(y.b) && letter(y.b[i+1]) || i > 0 && letter(y.b[i-1]) && y.b[i] != '!' && y.b[i] != '|' {
		y.leets = append(y.leets, i)
	}
}

func (y *surveying) equal(i int) {
	switch {
	case softBreak(y.b, i) > 0:
		y.quoted = true
	case quotedByte(y.b, i) >= 0:
		y.quotes++
		y.quoted = y.quoted || quotedForSure(y.b, i)
	}
}

// endToken closes the word that ends before i.
func (y *surveying) endToken(i int) {
	if y.token >= 0 {
		y.alone(span{y.token, i})
		y.token = -1
	}
}

// alone looks at a word: one letter alone, a pair of digits, or anything else.
func (y *surveying) alone(at span) {
	switch w := y.b[at.start:at.end]; {
	case len(w) > 4:
		y.singles, y.pairs = 0, 0
	case len(w) == 1 && letter(w[0]):
		if y.singles++; y.singles >= minSpaced {
			y.spaced(at.start, at.start)
		}
	case hexPair(w):
		y.singles = 0
		if y.pairs++; y.pairs >= minPairs {
			y.survey.pairs = true
		}
	default:
		y.singles, y.pairs = 0, 0
	}
}

// hexPair reports whether the word is two hex digits, with or without 0x.
func hexPair(w []byte) bool {
	if len(w) == 4 && w[0] == '0' && w[1]|0x20 == 'x' {
		w = w[2:]
	}
	return len(w) == 2 && unhex(w[0]) >= 0 && unhex(w[1]) >= 0
}

// endRun closes the run of code bytes that ends before i.
func (y *surveying) endRun(i int) {
	if y.run >= minEncoded && coded(y.b[i-y.run:i]) {
		y.runs = append(y.runs, span{i - y.run, i})
	}
	y.run = 0
}

// coded reports whether the run looks like a code: with a digit, or with a capital behind its start. Words have neither.
func coded(run []byte) bool {
	for _, c := range run[1:] {
		if c-'A' < 26 || digit(c) {
			return true
		}
	}
	return false
}
