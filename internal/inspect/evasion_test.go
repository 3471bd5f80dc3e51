package inspect

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

// transform disguises a text without changing what a person or a model reads. most is how many of a hundred
// attacks it may hide from the scan.
type transform struct {
	name  string
	apply func(string) []string
	most  int
	// mostBenign is how many of a hundred benign texts it may turn into attacks: a text cut in two loses the words
	// that excuse it, and an escaped path is an attack by itself.
	mostBenign int
	// prose says that only texts of words survive the transform as an attack.
	prose bool
}

func single(f func(string) string) func(string) []string {
	return func(s string) []string { return []string{f(s)} }
}

func mapRunes(f func(rune) string) func(string) []string {
	return single(func(s string) string {
		var b strings.Builder
		for _, r := range s {
			b.WriteString(f(r))
		}
		return b.String()
	})
}

func between(sep string) func(string) []string {
	return single(func(s string) string {
		var b strings.Builder
		for i, r := range s {
			if i > 0 && letter(s[i-1]) && r < 0x80 && letter(byte(r)) {
				b.WriteString(sep)
			}
			b.WriteRune(r)
		}
		return b.String()
	})
}

var cyrillic = strings.NewReplacer("a", "а", "e", "е", "o", "о", "p", "р", "c", "с", "i", "і", "s", "ѕ", "y", "у")

var transforms = []transform{
	{"case-mix", single(func(s string) string {
		b := []byte(s)
		for i := range b {
			if i%2 == 0 && letter(b[i]) {
				b[i] ^= 0x20
			}
		}
		return string(b)
	}), 0, 0, true},
	{"full-width", mapRunes(func(r rune) string {
		if r > ' ' && r < 0x7F {
			r += 0xFEE0
		}
		return string(r)
	}), 3, 0, true},
	{"mathematical", mapRunes(func(r rune) string {
		if r >= 'a' && r <= 'z' {
			r += 0x1D41A - 'a'
		}
		return string(r)
	}), 3, 0, true},
	{"homoglyphs", single(cyrillic.Replace), 3, 0, true},
	{"combining-marks", mapRunes(func(r rune) string { return string(r) + "\u0301" }), 3, 1, true},
	{"zero-width", between("\u200b"), 3, 0, true},
	{"soft-hyphens", between("\u00ad"), 3, 0, true},
	{"word-joiners", between("\u2060"), 3, 0, true},
	{"bidi-controls", single(func(s string) string { return "\u202a" + strings.ReplaceAll(s, " ", " \u200e") + "\u202c" }), 3, 0, true},
	{"wide-spaces", single(func(s string) string { return strings.ReplaceAll(s, " ", "\u2003\n\t ") }), 3, 2, true},
	{"tags", mapRunes(func(r rune) string {
		if r < 0x20 || r > 0x7E {
			return ""
		}
		return string(r + 0xE0000)
	}), 0, 0, true},
	{"variation-selectors", single(func(s string) string {
		var b strings.Builder
		b.WriteString("🙂")
		for i := range len(s) {
			if s[i] < 16 {
				b.WriteRune(rune(0xFE00) + rune(s[i]))
			} else {
				b.WriteRune(rune(0xE0100) + rune(s[i]-16))
			}
		}
		return b.String()
	}), 0, 0, false},
	{"base64", single(func(s string) string { return "see " + base64.StdEncoding.EncodeToString([]byte(s)) }), 4, 0, false},
	{"base64-url", single(func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }), 4, 0, false},
	{"hex", single(func(s string) string { return "x: " + hex.EncodeToString([]byte(s)) }), 3, 0, false},
	{"url", single(url.QueryEscape), 3, 5, false},
	{"letters-apart", single(func(s string) string { return strings.Join(strings.Split(s, ""), " ") }), 25, 0, true},
	{"two-parts", func(s string) []string { return []string{s[:len(s)/2], s[len(s)/2:]} }, 3, 5, true},
	{"padded", single(func(s string) string {
		pad := strings.Repeat("The weather in Oslo is mild for the season. ", 200)
		return pad + "\n\n" + s + "\n\n" + pad
	}), 3, 0, true},
}

// plain returns the attacks that are found where they stand and so can be disguised.
func plain(t *testing.T, s *Set, prose bool) []attack {
	t.Helper()
	var all []attack
	for _, a := range attacks(t) {
		f, ok := blocks(s.Scan(one(a.text), Options{Direction: Request}))
		words := strings.HasPrefix(a.class, "prompt") || a.class == "privilege-escalation" && !strings.ContainsAny(a.text, "/>&")
		if ok && f.View == ViewText && isASCII(a.text) && (!prose || words) {
			all = append(all, a)
		}
	}
	return all
}

func scanAll(s *Set, values []string) []Finding {
	texts := make([]a2a.Text, len(values))
	for i, v := range values {
		texts[i].Value = v
	}
	return s.Scan(texts, Options{Direction: Request})
}

func TestDisguisedAttacksAreFound(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	for _, tr := range transforms {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			corpus, lost := plain(t, s, tr.prose), 0
			for _, a := range corpus {
				if _, ok := blocks(scanAll(s, tr.apply(a.text))); !ok {
					lost++
					t.Logf("lost: %q", a.text)
				}
			}
			if lost*100 > tr.most*len(corpus) {
				t.Errorf("%d of %d attacks are lost, at most %d %% may be", lost, len(corpus), tr.most)
			}
		})
	}
}

// Benign texts under the same disguise stay benign, but for those that hide a whole text in characters that draw
// nothing: that is an attack by itself.
func TestDisguisedBenignTextsAreNotBlocked(t *testing.T) {
	t.Parallel()
	s, corpus := builtin(t), benignLines(t)
	for _, tr := range transforms {
		if tr.name == "tags" || tr.name == "variation-selectors" || tr.name == "letters-apart" {
			continue
		}
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			blocked := 0
			for i, text := range corpus {
				if f, ok := blocks(scanAll(s, tr.apply(text))); ok {
					blocked++
					t.Logf("%s blocks text %d in view %s", f.Rule, i+1, f.View)
				}
			}
			if blocked*100 > tr.mostBenign*len(corpus) {
				t.Errorf("%d of %d texts are blocked, at most %d %% may be", blocked, len(corpus), tr.mostBenign)
			}
		})
	}
}
