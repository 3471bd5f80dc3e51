package evasion

import (
	"strings"
	"unicode"
)

var letterTransforms = []Transform{
	{Name: "mixed-case", Apply: mixedCase, keeps: loose},
	{Name: "full-width", Apply: mapRunes(fullWidth), Hides: true},
	{Name: "mathematical", Apply: latin(mathematical), Hides: true},
	{Name: "cyrillic", Apply: latin(replacing(cyrillic)), Hides: true},
	{Name: "greek", Apply: latin(replacing(greek)), Hides: true},
	{Name: "accents", Apply: latin(marking(1, "\u0301\u0300\u0302\u0308")), Hides: true},
	{Name: "stacked-marks", Apply: latin(marking(4, "\u0301\u0316\u0323\u0336\u0348\u035c\u0362")), Hides: true},
	{Name: "upside-down", Apply: latin(single(upsideDown)), Hides: true},
	{Name: "leet", Apply: latin(replacing(leet))},
	{Name: "leet-signs", Apply: latin(replacing(leetSigns))},
	{Name: "small-capitals", Apply: latin(replacing(smallCapitals)), Hides: true},
}

func mixedCase(text string, seed uint64) []string {
	dice := chance(seed)
	return mapRunes(func(r rune) string {
		switch {
		case !letter(r):
			return string(r)
		case dice.IntN(2) == 0:
			return string(unicode.ToUpper(r))
		default:
			return string(unicode.ToLower(r))
		}
	})(text, seed)
}

func fullWidth(r rune) string {
	if r > ' ' && r <= '~' {
		return string(r - ' ' + 0xFF00)
	}
	return string(r)
}

// mathematicals are where alphabets without gaps begin, capitals first.
var mathematicals = []rune{
	0x1D400, // bold
	0x1D468, // bold italic
	0x1D4D0, // bold script
	0x1D56C, // bold Fraktur
	0x1D5A0, // sans-serif
	0x1D5D4, // sans-serif bold
	0x1D63C, // sans-serif bold italic
	0x1D670, // monospace
}

func mathematical(text string, seed uint64) []string {
	base := mathematicals[seed%uint64(len(mathematicals))]
	return mapRunes(func(r rune) string {
		switch {
		case r >= 'A' && r <= 'Z':
			return string(base + r - 'A')
		case r >= 'a' && r <= 'z':
			return string(base + 26 + r - 'a')
		default:
			return string(r)
		}
	})(text, seed)
}

// The tables pair a letter with what is written for it.
const (
	cyrillic      = "aаcсeеoоpрxхyуsѕiіjјAАBВCСEЕHНKКMМOОPРTТXХ"
	greek         = "oοvνiιuυpρaαkκAΑBΒEΕHΗIΙKΚMΜNΝOΟPΡTΤXΧYΥZΖ"
	leet          = "a4e3i1o0s5t7A4E3I1O0S5T7"
	leetSigns     = "a@e3i!o0s$t7A@E3I!O0S$T7"
	smallCapitals = "aᴀbʙcᴄdᴅeᴇgɢhʜiɪjᴊkᴋlʟmᴍnɴoᴏpᴘrʀtᴛuᴜvᴠwᴡyʏzᴢ"
	turned        = "aɐbqcɔdpeǝfɟgƃhɥiᴉjɾkʞlןmɯnuoopdqbrɹsstʇunvʌwʍxxyʎzz"
)

func pairs(table string) map[rune]rune {
	m, runes := map[rune]rune{}, []rune(table)
	for i := 0; i+1 < len(runes); i += 2 {
		m[runes[i]] = runes[i+1]
	}
	return m
}

func replacing(table string) func(string, uint64) []string {
	m := pairs(table)
	return mapRunes(func(r rune) string {
		if other, ok := m[r]; ok {
			return string(other)
		}
		return string(r)
	})
}

// marking writes a number of combining marks behind each letter.
func marking(count int, marks string) func(string, uint64) []string {
	all := []rune(marks)
	return func(text string, seed uint64) []string {
		dice := chance(seed)
		return mapRunes(func(r rune) string {
			if !letter(r) {
				return string(r)
			}
			out := []rune{r}
			for range count {
				out = append(out, all[dice.IntN(len(all))])
			}
			return string(out)
		})(text, seed)
	}
}

// upsideDown turns a text round, so that it is read from its end.
func upsideDown(text string) string {
	m := pairs(turned)
	return reversed(strings.Map(func(r rune) rune {
		if other, ok := m[unicode.ToLower(r)]; ok {
			return other
		}
		return r
	}, text))
}

func reversed(text string) string {
	runes := []rune(text)
	for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
		runes[i], runes[j] = runes[j], runes[i]
	}
	return string(runes)
}
