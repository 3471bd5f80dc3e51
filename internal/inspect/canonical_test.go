package inspect

import (
	"testing"
	"unicode/utf8"
)

func TestCanonicalForm(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"ascii", "Plain TEXT", "Plain TEXT"},
		{"full-width", "Ｉｇｎｏｒｅ　ｍｅ", "Ignore me"},
		{"mathematical", "𝐢𝗀𝓃ℴ𝖗𝚎", "ignore"},
		{"circled", "ⓘⓖ🅝🅞🇷🇪", "ignore"},
		{"accents", "Crème brûlée", "Creme brulee"},
		{"stacked-marks", "i\u0301\u0302\u0303g", "ig"},
		{"cyrillic", "ignоrе", "ignore"},
		{"cyrillic-upper", "ІGNОRЕ", "iGNoRe"},
		{"greek", "ιgnοre", "ignore"},
		{"small-capitals", "ɪɢɴᴏʀᴇ", "ignore"},
		{"zero-width", "ig\u200b\u200cn\u2060ore\ufeff", "ignore"},
		{"soft-hyphen", "ig\u00adnore", "ignore"},
		{"bidi", "\u202eabc\u202c", "abc"},
		{"tags", "a\U000E0041b", "ab"},
		{"selectors", "a\ufe0fb\U000E0100", "ab"},
		{"quotes-and-dashes", "“it’s” – ‘ok’ — ", "\"it's\" - 'ok' - "},
		{"spaces", "a\u00a0b\u2003c\u2028d", "a b c d"},
		{"ligature", "ﬁle", "file"},
		{"other-scripts-stay", "日本 ж", "日本 ж"},
		{"bad-utf8", "a\xffb\xf0\x9f", "a\xffb\xf0\x9f"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := canonical(tt.in); got != tt.want {
				t.Errorf("canonical(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestHiddenPayload(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in, payload string
		hides             bool
		inWord            int
	}{
		{"tags", "x\U000E0068\U000E0069\U000E0021\U000E0021", "hi!!", true, 0},
		{"short", "x\U000E0068\U000E0069", "hi", false, 0},
		{"flag-of-wales", "\U0001F3F4\U000E0067\U000E0062\U000E0077\U000E006C\U000E0073\U000E007F", "", false, 0},
		{"emoji-selector", "❤\ufe0f", "", false, 0},
		{"selectors", "x\U000E0158\U000E0155\U000E015C\U000E015C", "hell", true, 0},
		{"in-word", "a\u200bb\u200bc \u200b d", "", false, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := skeleton{plane: basicPlane()}
			k.write([]byte(tt.in))
			if string(k.payload) != tt.payload || k.hidesPayload() != tt.hides || k.inWord != tt.inWord {
				t.Errorf("payload %q, hides %v, in words %d; want %q, %v, %d",
					k.payload, k.hidesPayload(), k.inWord, tt.payload, tt.hides, tt.inWord)
			}
		})
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"plain", "Ｉｇｎ\u200bоrе é", "\U000E0041\xff", "ﬁ\u0301 “x”", "㌀㍿ ﷺ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k := skeleton{plane: basicPlane()}
		k.write([]byte(s))
		if len(k.text) > 4*len(s) {
			t.Fatalf("%d bytes became %d", len(s), len(k.text))
		}
		if utf8.ValidString(s) && !utf8.Valid(k.text) {
			t.Fatalf("canonical form of %q is no UTF-8: %q", s, k.text)
		}
		before := 0
		for out := range len(k.text) + 1 {
			src := source(k.anchors, out, len(s))
			if src < before || src > len(s) {
				t.Fatalf("offset %d of %q stands for %d after %d", out, k.text, src, before)
			}
			before = src
		}
		if again := canonical(string(k.text)); utf8.ValidString(s) && again != string(k.text) {
			t.Fatalf("canonical(%q) = %q, again %q", s, k.text, again)
		}
	})
}
