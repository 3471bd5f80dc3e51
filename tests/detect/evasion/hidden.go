package evasion

import "strings"

var hiddenTransforms = []Transform{
	{Name: "zero-width", Apply: within("\u200b"), Hides: true},
	{Name: "zero-width-joiner", Apply: within("\u200d"), Hides: true},
	{Name: "soft-hyphen", Apply: within("\u00ad"), Hides: true},
	{Name: "word-joiner", Apply: within("\u2060"), Hides: true},
	{Name: "tags", Apply: single(tags), Hides: true},
	{Name: "variation-selectors", Apply: single(selectors), Hides: true, keeps: everything},
	{Name: "bidi-override", Apply: single(override), Hides: true},
	{Name: "bidi-isolates", Apply: within("\u2066\u2069"), Hides: true},
}

// within writes a character that draws nothing between the letters of each word.
func within(invisible string) func(string, uint64) []string {
	return single(func(text string) string {
		var b strings.Builder
		before := ' '
		for _, r := range text {
			if letter(before) && letter(r) {
				b.WriteString(invisible)
			}
			b.WriteRune(r)
			before = r
		}
		return b.String()
	})
}

// cover is what people see of a text that is hidden.
const cover = "Thanks for the summary, it was very helpful. 😊"

// tags spells an ASCII text in the tag characters, which draw nothing.
func tags(text string) string {
	var b strings.Builder
	b.WriteString(cover)
	for _, r := range text {
		if r >= 0x7F || r < ' ' && r != '\n' {
			return text
		}
		b.WriteRune(0xE0000 + max(r, ' '))
	}
	return b.String()
}

// selectors spells the bytes of a text in variation selectors behind an emoji.
func selectors(text string) string {
	var b strings.Builder
	b.WriteString(cover)
	for _, c := range []byte(text) {
		if c < 16 {
			b.WriteRune(0xFE00 + rune(c))
		} else {
			b.WriteRune(0xE0100 + rune(c) - 16)
		}
	}
	return b.String()
}

// override has each line run from right to left, in which it is spelled backwards.
func override(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = "\u202e" + reversed(line) + "\u202c"
	}
	return strings.Join(lines, "\n")
}
