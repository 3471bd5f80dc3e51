package a2a_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"ringfence.dev/ringfence/internal/a2a"
)

func utf16Of(s string, order binary.AppendByteOrder) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// noise is content without words.
func noise(n int) string {
	r := rand.New(rand.NewPCG(5, 6))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

const sentence = "Please keep this: the café opens at nine."

// contentCases are contents of files in which the sentence can be read.
var contentCases = []struct{ name, content string }{
	{"text", "One.\n" + sentence},
	{"text-without-ascii", "日本語 " + sentence},
	{"latin-1", strings.ReplaceAll("Olé. "+sentence, "é", "\xE9")},
	{"text-with-zeros", "a\x00b " + sentence},
	{"text-with-a-broken-character", "a \xE3\x81 " + sentence + " \xFF"},
	{"utf-16-le", "\xFF\xFE" + utf16Of("日 "+sentence, binary.LittleEndian)},
	{"utf-16-be", "\xFE\xFF" + utf16Of("日 "+sentence, binary.BigEndian)},
	{"utf-16-le-without-mark", utf16Of(sentence, binary.LittleEndian)},
	{"utf-16-be-without-mark", utf16Of(sentence, binary.BigEndian)},
	{"utf-16-forged", "\xFF\xFE" + sentence + noise(100)},
	{"utf-16-cut-off", "\xFF\xFE" + utf16Of(sentence, binary.LittleEndian) + "x"},
	{"utf-16-be-within", noise(1000) + "\x01\x00" + utf16Of(sentence, binary.BigEndian) + "\x01" + noise(1000)},
	{"image-with-a-comment", "\x89PNG\r\n\x1A\n" + noise(1000) + "\x00tEXtComment\x00" + sentence + "\x00" + noise(1000)},
	{"document-with-utf-16", noise(1000) + "\x00\x00" + utf16Of(sentence, binary.LittleEndian) + "\x01" + noise(1000)},
}

func TestWords(t *testing.T) {
	t.Parallel()
	encodings := map[string]func(string) string{
		"standard":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"unpadded":   func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
		"url":        func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
		"lines":      func(s string) string { return inLines(base64.StdEncoding.EncodeToString([]byte(s)), "\r\n") },
		"other-text": func(s string) string { return inLines(base64.StdEncoding.EncodeToString([]byte(s)), "*.") },
		"in-pieces": func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte("x")) + base64.StdEncoding.EncodeToString([]byte(s))
		},
	}
	for _, tc := range contentCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			check := func(b a2a.Binding, how, value string) {
				got := a2a.Text{Value: value, Kind: a2a.KindBytes}.Words(b)
				if !strings.Contains(got, sentence) {
					t.Errorf("%s: only %q can be read", how, got)
				}
			}
			check(a2a.GRPC, "as it is", tc.content)
			for how, encode := range encodings {
				if how != "in-pieces" || tc.content[0] < 0x80 && !strings.HasSuffix(tc.name, "-be-without-mark") {
					check(a2a.JSONRPC, how, encode(tc.content))
				}
				check(a2a.HTTPJSON, how, encode(sentence))
			}
		})
	}
}

func inLines(s, end string) string {
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + end)
		s = s[76:]
	}
	return b.String() + s
}

func TestWordsOfWhatStands(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, value string
		kind        a2a.Kind
		binding     a2a.Binding
		want        string
	}{
		{"another-kind", "aGk=", a2a.KindText, a2a.JSONRPC, "aGk="},
		{"empty", "", a2a.KindBytes, a2a.JSONRPC, ""},
		{"short", "aGkgdGhlcmU=", a2a.KindBytes, a2a.JSONRPC, "aGkgdGhlcmU=\nhi there"},
		{"raw", "aGkgdGhlcmU=", a2a.KindBytes, a2a.GRPC, "aGkgdGhlcmU="},
		{"long", strings.Repeat("YWJj", 400), a2a.KindBytes, a2a.HTTPJSON, strings.Repeat("abc", 400)},
		{"few-characters-by-chance", "\x01\x02\x03abcdefg\x04\x05\x06\x07\x80\x81ab\xE9cd\x82\x83\x00\x01\x02", a2a.KindBytes, a2a.GRPC, ""},
		{"enough-characters", "\x01\x02\x03abcdefgh\x04\x05\x06\x07\x80\x81abcd\xE9fgh\x82\x83\x00\x01\x02", a2a.KindBytes, a2a.GRPC, "abcdefgh\n"},
	} {
		if got := (a2a.Text{Value: tc.value, Kind: tc.kind}).Words(tc.binding); got != tc.want {
			t.Errorf("%s: %q", tc.name, got)
		}
	}
	// What is plainly no base64 is judged as it stands, however long it is.
	long := strings.Repeat("no base64! ", 200)
	if got := (a2a.Text{Value: long, Kind: a2a.KindBytes}).Words(a2a.JSONRPC); !strings.HasPrefix(got, long) {
		t.Errorf("%q", got)
	}
}

// Wherever words stand in what is no text, they are found.
func TestWordsAtEveryPlace(t *testing.T) {
	t.Parallel()
	around := noise(6000)
	for _, words := range []string{
		sentence, "12345678", "日本語日本語日本", utf16Of("12345678", binary.LittleEndian), utf16Of("12345678", binary.BigEndian),
	} {
		for at := range 40 {
			content := around[:3000+at] + "\x01\x00" + words + "\x00\x01" + around[3000:]
			want := strings.ReplaceAll(words, "\x00", "")
			if got := (a2a.Text{Value: content, Kind: a2a.KindBytes}).Words(a2a.GRPC); !strings.Contains(got, want) {
				t.Errorf("%q is not found at %d", want, at)
			}
		}
	}
}

var plainWords = regexp.MustCompile(`[ -~\t\r\n]{8,}`)

// Images are judged often and say little.
func TestWordsOfNoiseAreFew(t *testing.T) {
	t.Parallel()
	content := noise(1 << 20)
	for b, value := range map[a2a.Binding]string{a2a.GRPC: content, a2a.JSONRPC: base64.StdEncoding.EncodeToString([]byte(content))} {
		if got := (a2a.Text{Value: value, Kind: a2a.KindBytes}).Words(b); len(got) > len(content)/100 {
			t.Errorf("%v: %d bytes of words in %d of noise", b, len(got), len(content))
		}
	}
}

func FuzzWords(f *testing.F) {
	for _, tc := range contentCases {
		f.Add([]byte(tc.content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		raw := a2a.Text{Value: string(content), Kind: a2a.KindBytes}.Words(a2a.GRPC)
		encoded := a2a.Text{Value: base64.StdEncoding.EncodeToString(content), Kind: a2a.KindBytes}.Words(a2a.JSONRPC)
		if !utf8.ValidString(raw) || !strings.HasSuffix(encoded, raw) {
			t.Errorf("%q of raw content, %q of base64", raw, encoded)
		}
		for _, run := range plainWords.FindAllString(string(content), -1) {
			if !strings.Contains(raw, run) {
				t.Errorf("%q of %q is not in %q", run, content, raw)
			}
		}
		if utf8.Valid(content) && !bytes.ContainsRune(content, 0) && raw != string(content) {
			t.Errorf("%q became %q", content, raw)
		}
	})
}

func BenchmarkWords(b *testing.B) {
	content := noise(1 << 20)
	for _, c := range []struct {
		name, value string
		binding     a2a.Binding
	}{
		{"image", content, a2a.GRPC},
		{"image-in-base64", base64.StdEncoding.EncodeToString([]byte(content)), a2a.JSONRPC},
		{"text-in-base64", base64.StdEncoding.EncodeToString([]byte(strings.Repeat(sentence, 1<<20/len(sentence)))), a2a.JSONRPC},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.value)))
			for b.Loop() {
				_ = a2a.Text{Value: c.value, Kind: a2a.KindBytes}.Words(c.binding)
			}
		})
	}
}
