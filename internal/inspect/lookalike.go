package inspect

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// lookalikes pairs letters of other scripts, small capitals and turned letters with the Latin letter they are read
// as. The choice follows the Unicode confusables data for letters that words can be spelled with; what NFKD
// already folds (full width, mathematical, circled letters) is not repeated.
var lookalikes = map[byte]string{
	'a': "аαɑᴀɐ∀", 'b': "ƅЬвʙᏏ", 'c': "сϲᴄɔℂⅽ", 'd': "ԁɗᴅꓒ", 'e': "еєҽεᴇǝ℮", 'f': "ꜰϝɟƒ", 'g': "ɡցɢᵷƃ",
	'h': "һհʜɥн", 'i': "іιıɩɪᴉⅰӏ", 'j': "јϳᴊɾ", 'k': "кκᴋʞ", 'l': "ʟⅼԼ", 'm': "мᴍɯⅿ", 'n': "ոռɴп",
	'o': "оοօᴏσ০๐", 'p': "рρᴘϱ", 'q': "ԛզգ", 'r': "гʀɹᴦ", 's': "ѕꜱʂ", 't': "тτᴛʇ", 'u': "υսᴜʋ", 'v': "ѵνᴠʌ",
	'w': "ѡԝաᴡʍω", 'x': "хχ×ⅹ", 'y': "уүγʏʎ", 'z': "ᴢʐ",
	'\'': "\u2018\u2019\u201A\u201B\u2032\u02BC\u02B9\uFF07\u00B4\u2039\u203A",
	'"':  "\u201C\u201D\u201E\u201F\u2033\u00AB\u00BB\u300C\u300D\u300E\u300F\uFF02",
	'-':  "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uFE63\uFF0D",
	'/':  "\u2044\u2215\u29F8\u2571",
	'.':  "\u3002\u2024",
	'*':  "\u2217\u204E",
	':':  "\u2236\uA789\u02D0",
	';':  "\u037E",
	'|':  "\u2223\u01C0\u2502",
	'\\': "\u2216\u29F5",
	'<':  "\u2329\u3008",
	'>':  "\u232A\u3009",
}

// treatment says what canonicalisation does with a character: one of the constants, or the ASCII character that
// takes its place.
type treatment uint8

const (
	kept    treatment = 0
	hidden  treatment = 0x80 + iota // draws nothing: stripped, and noted
	dropped                         // a combining mark
	folded                          // decomposed or in upper case
)

// maxDecomposition is the longest decomposition that is written out, in bytes. Longer ones are whole phrases of
// Arabic or Japanese in one character, and no literal needs them; without them a text grows four times at most.
const maxDecomposition = 12

// plane is the treatment of each character of the basic multilingual plane, so that a look-up is one load.
type plane [1 << 16]treatment

// basicPlane computes the plane once; only programs that load rules pay for it.
var basicPlane = sync.OnceValue(func() *plane {
	var p plane
	for r := rune(utf8.RuneSelf); r < 1<<16; r++ {
		p[r] = treat(r)
	}
	for latin, others := range lookalikes {
		for _, r := range others {
			p[r] = treatment(latin)
		}
	}
	return &p
})

func (p *plane) of(r rune) treatment {
	if r < 1<<16 {
		return p[r]
	}
	switch {
	case r >= 0x1F150 && r <= 0x1F169: // white on black circles
		return treatment('a' + r - 0x1F150)
	case r >= 0x1F170 && r <= 0x1F189: // white on black squares
		return treatment('a' + r - 0x1F170)
	case r >= 0x1F1E6 && r <= 0x1F1FF: // regional indicators
		return treatment('a' + r - 0x1F1E6)
	case r >= 0x1F300 && r <= 0x1FAFF, r >= 0x20000 && r <= 0x2FA1F: // pictures and ideographs
		return kept
	}
	return treat(r)
}

// treat works out the treatment of one character from the Unicode tables.
func treat(r rune) treatment {
	switch {
	case r < utf8.RuneSelf, r == utf8.RuneError:
		return kept
	case r == '\u0085', r == '\u2028', r == '\u2029', unicode.Is(unicode.Zs, r):
		return ' '
	case r < 0xA0, unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
		return hidden
	case unicode.In(r, unicode.Mn, unicode.Me):
		return dropped
	}
	d := norm.NFKD.PropertiesString(string(r)).Decomposition()
	if unicode.IsUpper(r) || d != nil && len(d) <= maxDecomposition {
		return folded
	}
	return kept
}
