package a2a_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"ringfence.dev/ringfence/internal/a2a"
)

var suiteLimits = a2a.Limits{Bytes: 1 << 20, Depth: 600, Members: 1 << 16}

// judged is a JSON text by what RFC 8259 and RFC 7493 (I-JSON) say of it: the name starts with y for texts every parser
// takes, n for what is no JSON, i for what RFC 8259 leaves open and I-JSON or a limit settles.
type judged struct {
	name  string
	text  string
	sound bool
}

// suite holds what conformance lacks.
var suite = []judged{
	{"y-array-mixed", `[null,1,"1",{}]`, true},
	{"y-object-one-member", `{"a":"b"}`, true},
	{"y-object-escaped-nul-in-name", `{"a\u0000b":1}`, true},
	{"y-object-names-differ-by-escaped-nul", `{"a":1,"a\u0000":2}`, true},
	{"y-object-names-differ-by-case", `{"a":1,"A":2}`, true},
	{"y-object-same-name-in-other-object", `{"a":{"a":{"a":1}}}`, true},
	{"y-object-same-name-in-siblings", `[{"a":1},{"a":2}]`, true},
	{"y-object-extreme-numbers", `{"min":-1.0e+28,"max":1.0e+28}`, true},
	{"y-object-tabs-and-returns", "{\t\"a\"\r:\r\n\"b\"\t}", true},
	{"y-number-zero", `[0]`, true},
	{"y-number-fraction-leading-zeros", `[0.000000001]`, true},
	{"y-number-exponent-leading-zeros", `[1e0005]`, true},
	{"y-string-surrogate-pair", `["\ud801\udc37"]`, true},
	{"y-string-first-surrogate-pair", `["\uD800\uDC00"]`, true},
	{"y-string-around-surrogates", `["\uD7FF\uE000"]`, true},
	{"y-string-escaped-control", `["\u001f"]`, true},
	{"y-string-backslash-then-quote-text", `["\\\"a"]`, true},
	{"y-string-double-escape", `["\\u0041"]`, true},
	{"y-string-raw-two-bytes", `["é"]`, true},
	{"y-string-line-separators", "[\"\u2028\u2029\"]", true},
	{"y-string-escaped-noncharacter", `["\uFDD0\uFFFE"]`, true},
	{"y-string-bom-inside", "[\"\uFEFF\"]", true},
	{"y-string-eight-bytes-then-escape", `["12345678\n12345678\n"]`, true},

	{"n-only-space", " \t\r\n", false},
	{"n-array-comma-behind", `[1],`, false},
	{"n-array-no-comma", `[3 4]`, false},
	{"n-array-colon", `["a":1]`, false},
	{"n-array-closed-as-object", `[1}`, false},
	{"n-array-vertical-tab", "[\va]", false},
	{"n-array-no-break-space", "[\u00a0]", false},
	{"n-object-bare-name", `{a:1}`, false},
	{"n-object-single-quotes", `{'a':1}`, false},
	{"n-object-null-name", `{null:1}`, false},
	{"n-object-array-name", `{[1]:1}`, false},
	{"n-object-no-colon", `{"a" 1}`, false},
	{"n-object-two-colons", `{"a"::1}`, false},
	{"n-object-equals", `{"a"=1}`, false},
	{"n-object-no-value", `{"a":}`, false},
	{"n-object-comma-last", `{"a":1,}`, false},
	{"n-object-comma-only", `{,}`, false},
	{"n-object-two-commas", `{"a":1,,"b":2}`, false},
	{"n-object-no-comma", `{"a":1 "b":2}`, false},
	{"n-object-unclosed", `{"a":1`, false},
	{"n-object-closed-as-array", `{"a":1]`, false},
	{"n-object-comment-behind", `{}/**/`, false},
	{"n-object-line-comment", "{}//", false},
	{"n-root-two-values", `1 2`, false},
	{"n-root-object-and-nul", "{}\x00", false},
	{"n-root-nul", "\x00", false},
	{"n-root-garbage-behind", `{"a":1}x`, false},
	{"n-root-bare-word", `asd`, false},
	{"n-word-cut-null", `nul`, false},
	{"n-word-cut-false", `[fals`, false},
	{"n-word-longer", `[nulls]`, false},
	{"n-number-two-minus", `[--1]`, false},
	{"n-number-leading-zero", `[01]`, false},
	{"n-number-two-zeros", `[00]`, false},
	{"n-number-dot-first", `[.5]`, false},
	{"n-number-dot-last", `[5.]`, false},
	{"n-number-dot-exponent", `[5.e1]`, false},
	{"n-number-two-dots", `[1.2.3]`, false},
	{"n-number-exponent-empty", `[1e]`, false},
	{"n-number-exponent-sign-only", `[1e+]`, false},
	{"n-number-two-exponents", `[1e1e1]`, false},
	{"n-number-exponent-only", `[e1]`, false},
	{"n-number-hexadecimal", `[0x1F]`, false},
	{"n-number-underscore", `[1_000]`, false},
	{"n-number-letter-behind", `[1a]`, false},
	{"n-string-ends-in-escape", `["a\`, false},
	{"n-string-escaped-close", `["a\"]`, false},
	{"n-string-hex-escape", `["\x41"]`, false},
	{"n-string-capital-unicode-escape", `["\U0041"]`, false},
	{"n-string-unicode-escape-at-end", `["\u00`, false},
	{"n-string-unicode-escape-not-hex", `["\u00G1"]`, false},
	{"n-string-unicode-escape-sign", `["\u+041"]`, false},
	{"n-string-escaped-newline", "[\"a\\\nb\"]", false},
	{"n-string-raw-newline", "[\"a\nb\"]", false},
	{"n-string-raw-escape-byte", "[\"\x1b\"]", false},
	{"n-string-control-in-second-word", "[\"12345678\x01\"]", false},
	{"n-string-single-quoted", `['a']`, false},

	{"i-duplicate-name", `{"a":1,"a":1}`, false},
	{"i-duplicate-escaped-name", `{"a":1,"\u0061":2}`, false},
	{"i-duplicate-escaped-twice", `{"\u0061\n":1,"a\u000a":2}`, false},
	{"i-duplicate-empty-name", `{"":1,"b":2,"":3}`, false},
	{"i-duplicate-around-nested", `{"a":{"a":1},"a":2}`, false},
	{"i-duplicate-surrogate-name", `{"\ud83d\ude00":1,"😀":2}`, false},
	{"i-lone-high-surrogate", `["\uD800"]`, false},
	{"i-lone-low-surrogate", `["\uDC00"]`, false},
	{"i-high-surrogate-then-text", `["\uD800abc"]`, false},
	{"i-high-surrogate-then-bmp", `["\uD800\u0041"]`, false},
	{"i-two-high-surrogates", `["\uD800\uD800\uDC00"]`, false},
	{"i-high-surrogate-at-end", `["\uD800`, false},
	{"i-lone-surrogate-in-name", `{"\uD800":1}`, false},
	{"i-truncated-utf-8", "[\"\xe2\x82\"]", false},
	{"i-beyond-unicode", "[\"\xf4\x90\x80\x80\"]", false},
	{"i-utf-16", "\xff\xfe[\x00]\x00", false},
	{"i-number-huge-exponent", `[0.4e00669999999999999999]`, true},
	{"i-number-many-digits", `[100000000000000000000000000000000000001]`, true},
	{"i-deep-unclosed", strings.Repeat("[", 500), false},
}

func TestSuite(t *testing.T) {
	t.Parallel()
	for _, tc := range slices.Concat(conformance, suite) {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := a2a.Sound([]byte(tc.text), suiteLimits); got != tc.sound {
				t.Errorf("sound = %v, want %v", got, tc.sound)
			}
			if got := jsontext.Value(tc.text).IsValid(); got != tc.sound {
				t.Errorf("jsontext says %v, the table %v", got, tc.sound)
			}
		})
	}
}
