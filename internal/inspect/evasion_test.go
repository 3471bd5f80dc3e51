package inspect

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
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
	{"greek", single(strings.NewReplacer("a", "α", "e", "ε", "i", "ι", "n", "η", "o", "ο", "p", "ρ", "v", "ν", "u", "υ").Replace), 3, 0, true},
	{"greek-capitals", single(func(s string) string {
		return strings.NewReplacer("I", "Ι", "N", "Ν", "O", "Ο", "E", "Ε", "T", "Τ", "P", "Ρ").Replace(strings.ToUpper(s))
	}), 3, 2, true},
	{"armenian", single(strings.NewReplacer("n", "ո", "o", "օ", "u", "ս", "g", "ց", "h", "հ").Replace), 3, 0, true},
	{"piled-marks", mapRunes(func(r rune) string { return string(r) + "\u0301\u0302\u0316\u0330\u0489" }), 3, 1, true},
	{"right-to-left", func(s string) []string { return []string{"\u202e" + backward(s) + "\u202c"} }, 3, 2, true},
	{"upside-down", single(upsideDown), 3, 1, true},
	{"signs-for-spaces", single(func(s string) string { return strings.ReplaceAll(s, " ", " ★ ") }), 3, 2, true},
	{"leet", single(strings.NewReplacer("a", "4", "e", "3", "i", "1", "o", "0", "s", "5", "t", "7").Replace), 3, 2, true},
	{"leet-light", single(strings.NewReplacer("e", "3", "o", "0").Replace), 3, 2, true},
	{"leet-signs", single(strings.NewReplacer("a", "@", "s", "$", "i", "!").Replace), 3, 3, true},
	{"scrambled", single(scramble), 3, 3, true},
	{"base64", single(func(s string) string { return "see " + base64.StdEncoding.EncodeToString([]byte(s)) }), 3, 0, false},
	{"base64-url", single(func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }), 3, 0, false},
	{"base64-wrapped", single(func(s string) string { return wrap(base64.StdEncoding.EncodeToString([]byte(s)), 24, "\n") }), 3, 0, false},
	{"base64-of-url", single(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(url.PathEscape(s))) }), 3, 3, false},
	{"base64-twice", single(func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
	}), 3, 0, false},
	{"base32", single(func(s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) }), 3, 0, false},
	{"hex", single(func(s string) string { return "x: " + hex.EncodeToString([]byte(s)) }), 3, 0, false},
	{"hex-pairs", single(func(s string) string { return strings.TrimSpace(each(s, "%02x ")) }), 3, 0, false},
	{"url", single(url.QueryEscape), 3, 5, false},
	{"url-every-byte", single(func(s string) string { return each(s, "%%%02x") }), 3, 3, false},
	{"url-twice", single(func(s string) string { return url.QueryEscape(url.QueryEscape(s)) }), 3, 5, false},
	{"html-numbers", single(func(s string) string { return each(s, "&#%d;") }), 3, 0, false},
	{"html-names", single(func(s string) string { return html.EscapeString(s) }), 3, 5, false},
	{"escapes", single(func(s string) string { return each(s, `\u%04x`) }), 3, 0, false},
	{"json-in-a-string", single(func(s string) string {
		b, _ := json.Marshal(map[string]string{"note": s})
		b, _ = json.Marshal(string(b))
		return string(b)
	}), 3, 2, true},
	{"quoted-printable", single(func(s string) string { return each(s, "=%02X") }), 3, 0, false},
	{"rot13", single(rot13), 3, 0, true},
	{"reversed", single(backward), 3, 2, true},
	{"reversed-words", single(func(s string) string {
		words := strings.Split(s, " ")
		for i, w := range words {
			words[i] = backward(w)
		}
		return strings.Join(words, " ")
	}), 3, 3, true},
	{"letters-dotted", single(func(s string) string {
		words := strings.Split(s, " ")
		for i, w := range words {
			words[i] = strings.Join(strings.Split(w, ""), ".")
		}
		return strings.Join(words, " ")
	}), 3, 2, true},
	{"letters-in-lines", single(func(s string) string { return strings.Join(strings.Split(s, ""), "\n") }), 3, 2, true},
	{"no-spaces", single(func(s string) string { return strings.ReplaceAll(s, " ", "") }), 10, 7, true},
	{"letters-apart", single(func(s string) string { return strings.Join(strings.Split(s, ""), " ") }), 3, 2, true},
	{"two-parts", func(s string) []string { return []string{s[:len(s)/2], s[len(s)/2:]} }, 3, 5, true},
	{"padded", single(func(s string) string {
		pad := strings.Repeat("The weather in Oslo is mild for the season. ", 200)
		return pad + "\n\n" + s + "\n\n" + pad
	}), 3, 0, true},
}

// scramble turns the letters inside each word of four or more in a fixed way: the first and the last stay.
func scramble(s string) string {
	words := strings.Split(s, " ")
	for i, w := range words {
		b := []byte(w)
		start, end := 0, len(b)
		for end > 0 && !letter(b[end-1]) {
			end--
		}
		if end-start < minVocabulary || !lettersOnly(strings.ToLower(w[:end])) {
			continue
		}
		for at := start + 1; at+2 < end; at += 2 {
			b[at], b[at+1] = b[at+1], b[at]
		}
		words[i] = string(b)
	}
	return strings.Join(words, " ")
}

// upsideDown turns a text as generators of such texts do: letter by letter, and from its end.
func upsideDown(s string) string {
	turned := map[byte]string{
		'a': "ɐ", 'b': "q", 'c': "ɔ", 'd': "p", 'e': "ǝ", 'f': "ɟ", 'g': "ƃ", 'h': "ɥ", 'i': "ı", 'j': "ɾ", 'k': "ʞ", 'm': "ɯ",
		'n': "u", 'p': "d", 'q': "b", 'r': "ɹ", 't': "ʇ", 'u': "n", 'v': "ʌ", 'w': "ʍ", 'y': "ʎ", '.': "˙", ',': "'", '\'': ",",
		'?': "¿", '!': "¡",
	}
	var b strings.Builder
	for i := len(s) - 1; i >= 0; i-- {
		c := strings.ToLower(s[i : i+1])
		if t, ok := turned[c[0]]; ok {
			c = t
		}
		b.WriteString(c)
	}
	return b.String()
}

// plain returns the attacks that are found where they stand and so can be disguised.
func plain(t *testing.T, s *Set, prose bool) []attack {
	t.Helper()
	var all []attack
	for _, a := range attacks(t) {
		f, ok := blocks(s.Scan(one(a.text), Options{Direction: Request}))
		words := strings.HasPrefix(a.class, "prompt") || a.class == "privilege-escalation" && !strings.ContainsAny(a.text, "/>&")
		words = words && !strings.ContainsAny(a.text, "<|[#") // what marks a turn is no word
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
					t.Logf("%s lost: %q", tr.name, a.text)
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
	s := builtin(t)
	var corpus []string
	for _, text := range benignLines(t) {
		if _, ok := blocks(s.Scan(one(text), Options{Direction: Request})); !ok {
			corpus = append(corpus, text)
		}
	}
	for _, tr := range transforms {
		if tr.name == "tags" || tr.name == "variation-selectors" {
			continue
		}
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			blocked := 0
			for i, text := range corpus {
				if f, ok := blocks(scanAll(s, tr.apply(text))); ok {
					blocked++
					t.Logf("%s: %s blocks text %d in view %s", tr.name, f.Rule, i+1, f.View)
				}
			}
			if blocked*100 > tr.mostBenign*len(corpus) {
				t.Errorf("%d of %d texts are blocked, at most %d %% may be", blocked, len(corpus), tr.mostBenign)
			}
		})
	}
}

func lettersOnly(s string) bool {
	for i := range len(s) {
		if !letter(s[i]) {
			return false
		}
	}
	return true
}
