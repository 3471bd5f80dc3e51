package inspect

//go:generate go run ./internal/confusables $CONFUSABLES confusables.go

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// lookalikes adds to the generated confusables what a person or a model reads as the ASCII character though the shapes
// are not the same: small capitals, turned letters, Cyrillic and Greek letters that stand for a shape of their capital,
// and the punctuation of other scripts. It wins where the two differ.
var lookalikes = map[byte]string{
	'a': "ᴀɐ∀", 'b': "ЬвʙᏏ", 'c': "ɔ", 'd': "ᴅ", 'e': "εҽᴇǝɘ", 'f': "ꜰɟ", 'g': "ɢᵷƃ",
	'h': "ʜɥн", 'i': "ɪᴉїℹ", 'j': "ᴊ", 'k': "кκᴋʞ", 'l': "ʟꞁԼ", 'm': "мᴍɯ", 'n': "ɴп",
	'o': "○◯〇", 'p': "ᴘ", 'q': "զգ", 'r': "ʀɹɾя", 's': "ꜱ", 't': "тτᴛʇ", 'u': "ᴜµμ", 'v': "ʌ",
	'w': "ʍω", 'x': "×✕✖", 'y': "ʎ", 'z': "ᴢ",
	'\'': "\u2018\u2019\u201A\u201B\u2032\u02BC\u02B9\u00B4\u2039\u203A",
	'"':  "\u201C\u201D\u201E\u201F\u2033\u00AB\u00BB\u300C\u300D\u300E\u300F\u301D\u301E\u301F",
	'-':  "\u2014\u2015\u2E3A\u2E3B\u30A0",
	'.':  "\u3002\u2024\u0964\u0965\u06D4\u0589\u1362\u2E3C\u00B7\u30FB\u2027\u2022",
	',':  "\u3001\u060C",
	';':  "\u037E\u061B",
	'?':  "\u061F\u055E\u2E2E",
	'|':  "\u2223\u01C0\u2502\u2758",
	'/':  "\u2571",
	'[':  "\u3010\u3014\u3016\u3018\u27E6\u2045",
	']':  "\u3011\u3015\u3017\u3019\u27E7\u2046",
	'<':  "\u2329\u3008\u300A\u27E8",
	'>':  "\u232A\u3009\u300B\u27E9",
	'%':  "\u066A",
	'*':  "\u066D\u2731\u203B",
	'#':  "\u266F",
}

// treatment says what canonicalisation does with a character: one of the constants, or the ASCII character that
// takes its place.
type treatment uint8

const (
	kept    treatment = 0
	hidden  treatment = 0x80 + iota // draws nothing: stripped, and noted
	dropped                         // a combining mark
	folded                          // decomposed or in upper case
	shaped                          // a capital whose shape is another letter's than that of its small form
)

// maxDecomposition is the longest decomposition that is written out, in bytes. Longer ones are whole phrases of
// Arabic or Japanese in one character, and no literal needs them; without them a text grows four times at most.
const maxDecomposition = 12

// planeSize is how many characters a plane knows: the basic and the first supplementary one of Unicode.
const planeSize = 1 << 17

// plane is the treatment of each character, so that a look-up is one load.
type plane struct {
	treatments [planeSize]treatment
	// capitals is the letter that a shaped capital is read as among Latin letters.
	capitals map[rune]byte
}

// basicPlane computes the plane once; only programs that load rules pay for it.
var basicPlane = sync.OnceValue(func() *plane {
	p := &plane{capitals: map[rune]byte{}}
	// Later tables win over earlier ones.
	p.fill(' ', unicode.P, unicode.S)
	p.fill(kept, unicode.Sc)
	p.decompositions()
	p.fill(folded, unicode.Lu)
	p.fill(dropped, unicode.Mn, unicode.Me)
	p.fill(hidden, unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
	p.fill(' ', unicode.Zs, unicode.Zl, unicode.Zp)
	p.treatments['\u0085'], p.treatments[utf8.RuneError] = ' ', kept
	p.digits()
	for _, table := range []map[byte]string{confusables, lookalikes} {
		for latin, others := range table {
			for _, r := range others {
				p.treatments[r] = treatment(latin)
			}
		}
	}
	for latin, others := range confusableCapitals {
		for _, r := range others {
			if p.of(unicode.ToLower(r)) != treatment(latin) {
				p.treatments[r] = shaped
				p.capitals[r] = latin
			}
		}
	}
	for r := rune(0); r < 26; r++ {
		latin := treatment('a' + r)
		p.treatments[0x1F150+r], p.treatments[0x1F170+r] = latin, latin // white on black circles and squares
		p.treatments[0x1F1E6+r] = latin                                 // regional indicators
	}
	return p
})

// ranges calls visit for each character of the table beyond ASCII that a plane knows, with the start of its range.
func ranges(table *unicode.RangeTable, visit func(r, first rune)) {
	for _, t := range table.R16 {
		for r := rune(t.Lo); r <= rune(t.Hi); r += rune(t.Stride) {
			if r >= utf8.RuneSelf {
				visit(r, rune(t.Lo))
			}
		}
	}
	for _, t := range table.R32 {
		for r := rune(t.Lo); r <= min(rune(t.Hi), planeSize-1); r += rune(t.Stride) {
			visit(r, rune(t.Lo))
		}
	}
}

// fill gives the characters of the tables one treatment. Signs that end a word without being read, such as an arrow, a
// bullet or a picture, are spaces; amounts of money are read.
func (p *plane) fill(t treatment, tables ...*unicode.RangeTable) {
	for _, table := range tables {
		ranges(table, func(r, _ rune) { p.treatments[r] = t })
	}
}

func (p *plane) decompositions() {
	var encoded [utf8.UTFMax]byte
	for r := rune(utf8.RuneSelf); r < planeSize; r++ {
		n := utf8.EncodeRune(encoded[:], r)
		if d := norm.NFKD.Properties(encoded[:n]).Decomposition(); d != nil {
			p.treatments[r] = kept
			if len(d) <= maxDecomposition {
				p.treatments[r] = folded
			}
		}
	}
}

// digits gives the decimal digits of all scripts their values. They stand in tens, from zero to nine.
func (p *plane) digits() {
	ranges(unicode.Nd, func(r, first rune) { p.treatments[r] = treatment('0' + (r-first)%10) })
}

func (p *plane) of(r rune) treatment {
	switch {
	case r < planeSize:
		return p.treatments[r]
	case r >= 0xE0000 && r < 0xE1000: // tags and variation selectors
		return hidden
	}
	return kept // ideographs and what nobody assigned
}
