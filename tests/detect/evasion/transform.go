// Package evasion disguises texts the ways attackers do: each transform keeps what a person or a model reads, and changes
// what a filter sees. Transforms are pure: the same text and seed give the same result.
package evasion

import (
	"encoding/base64"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// Transform is one disguise.
type Transform struct {
	Name string
	// Apply returns the texts of the message that takes the place of text: several, where it is cut up. A text that the
	// transform has nothing to change in comes back as it is.
	Apply func(text string, seed uint64) []string
	// Hides says that nobody disguises an honest text like this: that a benign one is stopped is right.
	Hides bool
	// Control says that an attack is none any more.
	Control bool
	// Breaks says that what a program reads is none for it any more. Nobody does that to an honest statement or command
	// line, and what it becomes can be an attack.
	Breaks bool
	keeps  scope
}

// scope says for which texts an attack is still one after a transform.
type scope uint8

const (
	// prose is words that a model reads: it sees through changed letters, a parser does not.
	prose scope = iota
	// loose is prose and SQL, whose keywords are read in any case.
	loose
	// payload is what is run or used as it stands, once it has been put together.
	payload
	// everything is what is decoded or unpacked before it is read.
	everything
)

// payloads are the classes of attacks that something other than a model reads.
var payloads = []string{"sql-injection", "command-injection", "path-traversal", "secret", "dangerous-field", "code-injection", "xss"}

// encoded is what is no longer itself when a letter of it is changed.
var encoded = regexp.MustCompile(`[A-Za-z0-9+/_=-]{24}|%[0-9A-Fa-f]{2}|\\[ux][0-9A-Fa-f]{2}|&#?[A-Za-z0-9]+;`)

// document is how JSON begins, and what prints like it.
var document = regexp.MustCompile(`^\s*[\[{]+\s*["'\[{]`)

// Keeps reports whether a text of the class attacks still when it is disguised; for a control, whether it is of those that
// the control makes harmless.
func (t Transform) Keeps(class, text string) bool {
	// Of a document, attackers write values, and a program writes what stands around them.
	loaded := slices.Contains(payloads, class) || document.MatchString(text) || strings.Contains(text, "](") || strings.Contains(text, "://") || encoded.MatchString(text)
	switch t.keeps {
	case everything:
		return true
	case payload:
		return slices.Contains(payloads, class)
	case loose:
		return !loaded || class == "sql-injection"
	case prose:
		return !loaded
	}
	return false
}

// Transforms returns all transforms, those of letters first and the controls last.
func Transforms() []Transform {
	return slices.Concat(letterTransforms, hiddenTransforms, spacingTransforms, wordTransforms, encodedTransforms, nestedTransforms, breaking(partTransforms), paddingTransforms, combined, controls)
}

// breaking marks transforms that break what a program reads.
func breaking(transforms []Transform) []Transform {
	marked := slices.Clone(transforms)
	for i := range marked {
		marked[i].Breaks = true
	}
	return marked
}

// combined are disguises of which one alone would be seen through.
var combined = []Transform{
	{Name: "cyrillic-and-zero-width", Apply: then(latin(replacing(cyrillic)), within("\u200b")), Hides: true},
	{Name: "leet-and-mixed-case", Apply: then(latin(replacing(leet)), mixedCase)},
	{Name: "accents-in-two-parts", Apply: then(latin(marking(1, "\u0301\u0308")), split(2)), Hides: true, Breaks: true},
	{Name: "full-width-in-base64", Apply: then(mapRunes(fullWidth), bytewise(base64.StdEncoding.EncodeToString)), Hides: true},
	{Name: "base64-twice", Apply: then(bytewise(base64.StdEncoding.EncodeToString), bytewise(base64.StdEncoding.EncodeToString)), keeps: everything},
	{Name: "base64-in-json", Apply: then(bytewise(base64.StdEncoding.EncodeToString), single(func(text string) string { return object("data", text) })), keeps: everything},
	{Name: "letters-apart-after-padding", Apply: then(apart(" ", "   "), padded(true, true))},
}

// then is one transform after another, which must not cut a text up before it.
func then(first, second func(string, uint64) []string) func(string, uint64) []string {
	return func(text string, seed uint64) []string {
		changed := first(text, seed)
		if changed[0] == text {
			return changed
		}
		return second(changed[0], seed)
	}
}

// single makes a transform of a function of a text.
func single(f func(text string) string) func(string, uint64) []string {
	return func(text string, _ uint64) []string { return []string{f(text)} }
}

// chance returns the random numbers of one text.
func chance(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x72696e67)) }

func mapRunes(f func(r rune) string) func(string, uint64) []string {
	return single(func(text string) string {
		var b strings.Builder
		for _, r := range text {
			b.WriteString(f(r))
		}
		return b.String()
	})
}

func letter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// latin keeps a transform of Latin letters from texts that are mostly of others.
func latin(apply func(string, uint64) []string) func(string, uint64) []string {
	return func(text string, seed uint64) []string {
		own, others := 0, 0
		for _, r := range text {
			switch {
			case letter(r):
				own++
			case r > 0xFF:
				others++
			}
		}
		if own == 0 || others*8 > own {
			return []string{text}
		}
		return apply(text, seed)
	}
}
