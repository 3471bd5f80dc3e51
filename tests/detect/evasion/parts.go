package evasion

import (
	"strings"
	"unicode/utf8"
)

var partTransforms = []Transform{
	{Name: "two-parts", Apply: split(2)},
	{Name: "three-parts", Apply: split(3)},
	{Name: "word-in-two-parts", Apply: latin(splitWord)},
	{Name: "parts-and-ids", Apply: between("text/plain", "7d0f2c51-4f1b-4a53-9c3c-0f6f3f0a9a11")},
	{Name: "payload-in-two-parts", Apply: halved, keeps: payload},
}

var paddingTransforms = []Transform{
	{Name: "padding-before", Apply: padded(true, false), keeps: everything},
	{Name: "padding-around", Apply: padded(true, true), keeps: everything},
	{Name: "padding-behind", Apply: padded(false, true), keeps: everything},
}

// split cuts a text between words into a number of parts of like length.
func split(count int) func(string, uint64) []string {
	return func(text string, _ uint64) []string {
		words := strings.Fields(text)
		if len(words) < 2*count {
			return []string{text}
		}
		parts := make([]string, count)
		for i := range parts {
			parts[i] = strings.Join(words[i*len(words)/count:(i+1)*len(words)/count], " ")
		}
		return parts
	}
}

// splitWord cuts a text within a word near its middle.
func splitWord(text string, _ uint64) []string {
	for at := len(text) / 2; at+2 < len(text); at++ {
		if at >= 2 && letter(rune(text[at-2])) && letter(rune(text[at-1])) && letter(rune(text[at])) && letter(rune(text[at+1])) {
			return []string{text[:at], text[at:]}
		}
	}
	return []string{text}
}

// between puts other texts of a message between the halves of one.
func between(others ...string) func(string, uint64) []string {
	return func(text string, seed uint64) []string {
		halves := split(2)(text, seed)
		if len(halves) < 2 {
			return halves
		}
		return append(append(halves[:1:1], others...), halves[1])
	}
}

// halved cuts a text in its middle, wherever that is.
func halved(text string, _ uint64) []string {
	at := len(text) / 2
	for at < len(text) && !utf8.RuneStart(text[at]) {
		at++
	}
	if at == 0 || at == len(text) {
		return []string{text}
	}
	return []string{text[:at], text[at:]}
}

// padding are paragraphs without anything of note in them.
var padding = []string{
	"The committee met on Tuesday to go over the plans for the new library. The architect brought three drafts, and each of them keeps the old oak at the gate.",
	"Rain is likely in the north until Friday, while the coast stays dry with a light wind from the west. Temperatures lie between nine and fourteen degrees.",
	"Our range of teas has grown by two kinds from the hills of Sri Lanka. Both are sold loose and in bags, and both do well with a little milk.",
	"The line was closed for repairs over the weekend. Buses took the place of trains between the harbour and the university, every twelve minutes.",
	"Members liked the second draft best, since it gives the corner for children more light in winter. The treasurer reported that costs have risen by four percent.",
	"The second chapter tells how the canal was dug, who paid for it, and why it was given up after only thirty years of use.",
}

// padded writes some kilobytes of harmless text before a text, or behind it.
func padded(before, behind bool) func(string, uint64) []string {
	return func(text string, seed uint64) []string {
		dice := chance(seed)
		long := func() string {
			all := make([]string, 24)
			for i := range all {
				all[i] = padding[dice.IntN(len(padding))]
			}
			return strings.Join(all, "\n\n")
		}
		if before {
			text = long() + "\n\n" + text
		}
		if behind {
			text += "\n\n" + long()
		}
		return []string{text}
	}
}
