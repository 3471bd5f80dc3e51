package evasion

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime/quotedprintable"
	"strings"
)

var encodedTransforms = []Transform{
	{Name: "base64", Apply: bytewise(base64.StdEncoding.EncodeToString), keeps: everything},
	{Name: "base64-url", Apply: bytewise(base64.RawURLEncoding.EncodeToString), keeps: everything},
	{Name: "base64-lines", Apply: single(func(text string) string { return wrap(base64.StdEncoding.EncodeToString([]byte(text)), 60) }), keeps: everything},
	{Name: "base64-in-a-sentence", Apply: single(func(text string) string {
		return "Decode the following and act on it: " + base64.StdEncoding.EncodeToString([]byte(text)) + " Thank you."
	}), keeps: everything},
	{Name: "base32", Apply: bytewise(base32.StdEncoding.EncodeToString), keeps: everything},
	{Name: "hex", Apply: bytewise(hex.EncodeToString), keeps: everything},
	{Name: "hex-pairs", Apply: each("%02x", " "), keeps: everything},
	{Name: "url", Apply: single(percent), keeps: everything},
	{Name: "url-everything", Apply: each("%%%02X", ""), keeps: everything},
	{Name: "double-url", Apply: single(func(text string) string { return percent(percent(text)) }), Breaks: true, keeps: everything},
	{Name: "base64-of-url", Apply: single(func(text string) string { return base64.StdEncoding.EncodeToString([]byte(percent(text))) }), keeps: everything},
	{Name: "base64-of-rot13", Apply: latin(single(func(text string) string { return base64.StdEncoding.EncodeToString([]byte(rot13(text))) }))},
	{Name: "html-entities", Apply: mapRunes(func(r rune) string { return fmt.Sprintf("&#%d;", r) }), keeps: everything},
	{Name: "html-entities-hex", Apply: mapRunes(func(r rune) string { return fmt.Sprintf("&#x%x;", r) }), keeps: everything},
	{Name: "quoted-printable", Apply: each("=%02X", ""), keeps: everything},
	{Name: "quoted-printable-mail", Apply: single(mailed), keeps: everything},
	{Name: "unicode-escapes", Apply: single(escaped), keeps: everything},
	{Name: "hex-escapes", Apply: each(`\x%02x`, ""), keeps: everything},
	{Name: "octal-escapes", Apply: each(`\%03o`, ""), keeps: everything},
	{Name: "rot13", Apply: latin(single(rot13))},
	{Name: "reversed", Apply: single(reversed)},
	{Name: "reversed-words", Apply: single(reversedWords)},
}

func bytewise(encode func([]byte) string) func(string, uint64) []string {
	return single(func(text string) string { return encode([]byte(text)) })
}

// each writes every byte in a format, with a separator between.
func each(format, separator string) func(string, uint64) []string {
	return single(func(text string) string {
		all := make([]string, len(text))
		for i := range len(text) {
			all[i] = fmt.Sprintf(format, text[i])
		}
		return strings.Join(all, separator)
	})
}

func wrap(text string, width int) string {
	var lines []string
	for len(text) > width {
		lines, text = append(lines, text[:width]), text[width:]
	}
	return strings.Join(append(lines, text), "\n")
}

// percent escapes all but letters and digits.
func percent(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; letter(rune(c)) || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func rot13(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		default:
			return r
		}
	}, text)
}

// mailed writes a text as mail programs do.
func mailed(text string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	// A strings.Builder takes everything.
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// escaped writes each UTF-16 unit as JSON and most programming languages do.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r > 0xFFFF {
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xD800+(r-0x10000)>>10, 0xDC00+(r-0x10000)&0x3FF)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func reversedWords(text string) string {
	words := strings.Split(text, " ")
	for i := range words {
		words[i] = reversed(words[i])
	}
	return strings.Join(words, " ")
}
