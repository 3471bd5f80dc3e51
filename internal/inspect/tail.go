package inspect

import (
	"strings"
	"unicode/utf8"

	"ringfence.dev/ringfence/internal/a2a"
)

const (
	// TailBytes is how much of what was said before is of use to judge what comes next, in bytes.
	TailBytes = 512
	// apart stands in Options.Prior where one text ends and the next begins.
	apart = "\x00"
)

// Tail returns what to give as Options.Prior with the next texts of the same writer: the last TailBytes bytes of prior, which
// an earlier call returned, and of the texts behind it, cut between characters. Texts that say nothing, such as names of
// members, identifiers and labels, are left out, and so is a second blank at their ends.
func Tail(prior string, texts []a2a.Text) string {
	need, first := TailBytes, len(texts)
	for first > 0 && need > 0 {
		first--
		if part := tailOf(&texts[first]); part != "" {
			need -= len(part) + len(apart)
		}
	}
	if need == TailBytes {
		return cutTail(prior, TailBytes)
	}
	prior = cutTail(prior, max(0, need))
	var b strings.Builder
	b.Grow(TailBytes)
	b.WriteString(prior)
	for i := first; i < len(texts); i++ {
		part := tailOf(&texts[i])
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(apart)
		}
		if i == first && need < 0 {
			part = cutTail(part, len(part)+need+len(apart))
		}
		b.WriteString(part)
	}
	return b.String()
}

// tailOf returns the end of what a text says.
func tailOf(t *a2a.Text) string {
	if !said(t) {
		return ""
	}
	return cutTail(trimTail(t.Value), TailBytes)
}

// blanks are the characters of ASCII with which a text can be made long without saying more.
const blanks = " \t\r\n"

// silent reports whether a character says nothing: it is blank, or draws nothing.
func silent(r rune) bool {
	return strings.ContainsRune(blanks, r) || r >= utf8.RuneSelf && basicPlane().of(r) == hidden
}

// trimTail returns the beginning of s up to what says nothing at its end, or to the first blank there.
func trimTail(s string) string {
	trimmed := strings.TrimRightFunc(s, silent)
	if n := len(trimmed); n < len(s) && strings.IndexByte(blanks, s[n]) >= 0 {
		return s[:n+1]
	}
	return trimmed
}

// cutTail returns at most the last n bytes of s, without a character that would be cut.
func cutTail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[len(s)-max(0, n):]
	for i := range min(len(s), utf8.UTFMax) {
		if utf8.RuneStart(s[i]) {
			return s[i:]
		}
	}
	return s
}
