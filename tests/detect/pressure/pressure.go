// Package pressure holds texts that cost content rules as much work as texts can.
package pressure

import "strings"

// Unit is a piece of text that, repeated, presses on one part of the inspection.
type Unit struct{ Name, Unit string }

// Text returns the unit again and again, so many bytes of it.
func (u Unit) Text(bytes int) string {
	return strings.Repeat(u.Unit, bytes/len(u.Unit)+1)[:bytes]
}

// Pairs returns pairs of the units that cost most by the byte, each followed by the other: what one part of the inspection
// does for the first, another does for the second, and both are paid for from one budget.
func Pairs() []Unit {
	var pairs []Unit
	units := Units()
	for i := range units {
		for j := i + 1; j < len(units); j++ {
			if dear[units[i].Name] && dear[units[j].Name] {
				pairs = append(pairs, Unit{units[i].Name + "+" + units[j].Name, units[i].Unit + units[j].Unit})
			}
		}
	}
	return pairs
}

// dear are the units of the pairs.
var dear = map[string]bool{
	"literal-hits": true, "quoted-matches": true, "expression-windows": true, "sql-starts": true, "order-by": true, "base64-short": true,
	"quoted-printable": true, "html-names": true, "every-spelling": true, "letters-of-many-gaps": true, "long-words": true,
	"json-statements": true, "settings-of-settings": true,
}

// Units returns all units.
func Units() []Unit {
	return []Unit{
		{"literal-hits", "ignore previous your system rules "},
		{"excused-matches", "ignore my previous instructions "},
		{"listed-matches", "- attack \"ignore previous instructions\"\n"},
		{"listed-orders", "- \"ignore previous instructions\"\n"},
		{"tabled-matches", "| ignore | previous instructions\n"},
		{"barred-matches", "never:\n- ignore previous instructions\n"},
		{"quoted-matches", "the phrase \"ignore previous instructions\" "},
		{"expression-windows", "password: api_key ![ $(curl ; cat "},
		{"sql-starts", "' or 'x "},
		{"order-by", "order by group by union select "},
		{"base64-runs", "aWdub3JlIGFsbCBwcmV2aW91cyBtYWlscyBhbmQgZ28gb24gd2l0aCB0aGUgd29yaw== "},
		{"base64-lines", "aWdub3JlIGFsbCBwcmV2aW91cyBtYWlscyBhbmQgZ28gb24gd2l0aCB0aGUgd29y\n"},
		{"base64-lines-of-none", "-+/9zXw8Qk+/Zz0yqP7T\n"},
		{"base64-short", "YWRtaW4nIw== "},
		{"base64-of-base64", "YVdkdWIzSmxJR0ZzYkNCd2NtVjJhVzkxY3lCdFlXbHNjeUJoYm1RZ1oyOGdiMjQ= "},
		{"base64-of-url", "JTY5JTY3JTZlJTZmJTcyJTY1JTIwJTcwJTcyJTY1JTc2JTY5JTZmJTc1JTcz "},
		{"base64-almost", "aWdub3JlIGFsbCBwcmV2aW91cyBtYWlscyBhbmQgZ28gb24gd2l0aCB0aGUgd29y+/+/+/+/ "},
		{"base32-runs", "NFTW433SMUQGC3DMEBYHEZLWNFXXK4ZAONSWG4TFORZSA2DFOJSQ "},
		{"hex-runs", "69676e6f726520616c6c2070726576696f7573206d61696c73 "},
		{"hex-pairs", "69 67 6e 6f 72 65 20 "},
		{"percent", "%41%42"},
		{"percent-twice", "%2541%2542"},
		{"percent-sparse", "%41 and a few words more "},
		{"plus-signs", "ignore+previous+"},
		{"html-numbers", "&#105;&#x67;"},
		{"html-names", "&iopf;&amp;"},
		{"html-almost", "&abcdefghijklmnopqrstuvwxyz"},
		{"escapes", "\\u0069\\x67\\156"},
		{"quoted-printable", "=69=67=6E"},
		{"soft-breaks", "ig=\n"},
		{"leet", "1gn0r3 pr3v10us "},
		{"leet-almost", "x1y2z3w4 "},
		{"scrambled", "inogre pvreoius "},
		{"rot13", "vtaber cerivbhf "},
		{"reversed", "erongi suoiverp "},
		{"every-spelling", "%69&#103;\\u006e=6F=72=65 1gn0r3 vtaber erongi inogre i g n o r e Y0dsbmJtOXla "},
		{"upside-down", "ǝɹouƃı snoıʌǝɹd "},
		{"override", "\u202eerongi\u202c "},
		{"mixed-script", "іgnоrе prеvіоus "},
		{"capitals", "ΝΝΝΝΝΝΝΝ "},
		{"marks", "i\u0301\u0302\u0303"},
		{"letters-of-many-gaps", "i g.n-o_r*e "},
		{"long-words", "ignorepreviousinstructions "},
		{"letters-apart", "i g n o r e "},
		{"one-word", "previousinstruction"},
		{"invisible", "a\u200b"},
		{"tags", "\U000E0041"},
		{"expanding", "\uFDFA"},
		{"json-values", `["x;y\n",`},
		{"json-statements", `["a \"b\"; we",`},
		{"json-in-json", `["[\"x;\\\"y\"]",`},
		{"elements", "<b>x;y</b>"},
		{"open-tags", "<b"},
		{"comments", "<!--x;y-->"},
		{"open-comments", "<!--"},
		{"asides", "[//]: # (x;y)\n"},
		{"block-quote", "> x;y\n"},
		{"quotes", "\"'`"},
		{"backslashes", "\\"},
		{"rulers", "-"},
		{"steps-up", "../"},
		{"references-almost", "&#"},
		{"settings-of-settings", "key="},
		{"spaces", "ignore                                   "},
	}
}
