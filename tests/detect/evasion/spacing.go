package evasion

import (
	"strings"
	"unicode"
)

var spacingTransforms = []Transform{
	{Name: "letters-apart", Apply: apart(" ", "   ")},
	{Name: "letters-dotted", Apply: apart(".", " ")},
	{Name: "letters-hyphenated", Apply: apart("-", " ")},
	{Name: "letters-starred", Apply: apart("*", " ")},
	{Name: "letters-a-line", Apply: apart("\n", "\n\n")},
	{Name: "underscores", Apply: single(func(text string) string { return strings.Join(strings.Fields(text), "_") }), Breaks: true},
	{Name: "words-a-line", Apply: single(func(text string) string { return strings.Join(strings.Fields(text), "\n") })},
	{Name: "wide-spaces", Apply: single(func(text string) string { return strings.ReplaceAll(text, " ", "\u2003\u00a0 ") })},
	{Name: "compact", Apply: latin(single(func(text string) string { return strings.Join(strings.Fields(text), "") })), Breaks: true},
}

// apart writes one separator between the letters of words, and another between words.
func apart(letters, words string) func(string, uint64) []string {
	return latin(single(func(text string) string {
		all := strings.Fields(text)
		for i, word := range all {
			var b strings.Builder
			before := rune(0)
			for _, r := range word {
				if unicode.IsLetter(before) && unicode.IsLetter(r) {
					b.WriteString(letters)
				}
				b.WriteRune(r)
				before = r
			}
			all[i] = b.String()
		}
		return strings.Join(all, words)
	}))
}
