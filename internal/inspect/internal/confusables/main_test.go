package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func TestGeneratedTable(t *testing.T) {
	t.Parallel()
	sample, err := os.Open("testdata/sample.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer sample.Close()
	got, err := generate(sample)
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/sample.golden"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestEntries(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, line string
		source     rune
		latin      byte
		ok         bool
	}{
		{"cyrillic", "0430 ;\t0061 ;\tMA\t# ( а → a ) CYRILLIC SMALL LETTER A → LATIN SMALL LETTER A\t# ", 'а', 'a', true},
		{"marks-fall-off", "00F8 ;\t006F 0338 ;\tMA\t# ( ø → o̸ ) LATIN SMALL LETTER O WITH STROKE → …", 'ø', 'o', true},
		{"capital-i", "0406 ;\t006C ;\tMA\t# ( І → l ) CYRILLIC CAPITAL LETTER BYELORUSSIAN-UKRAINIAN I → …", 'І', 'i', true},
		{"capital-l", "216C ;\t004C ;\tMA\t# ( Ⅼ → L ) ROMAN NUMERAL FIFTY → LATIN CAPITAL LETTER L\t# ", 0, 0, false},
		{"l-with-stroke", "0141 ;\t004C 0338 ;\tMA\t# ( Ł → L̸ ) LATIN CAPITAL LETTER L WITH STROKE → …", 'Ł', 'l', true},
		{"letter-i-by-name", "A4F2 ;\t006C ;\tMA\t# ( ꓲ → l ) LISU LETTER I → LATIN SMALL LETTER L\t# →I→", 'ꓲ', 'i', true},
		{"small-l", "04CF ;\t006C ;\tMA\t# ( ӏ → l ) CYRILLIC SMALL LETTER PALOCHKA → LATIN SMALL LETTER L\t# →I→", 'ӏ', 'l', true},
		{"letter-to-digit", "0431 ;\t0036 ;\tMA\t# ( б → 6 ) CYRILLIC SMALL LETTER BE → DIGIT SIX\t# ", 0, 0, false},
		{"living-script", "05D5 ;\t006C ;\tMA\t# ( \u200eו\u200e → l ) HEBREW LETTER VAV → LATIN SMALL LETTER L\t# ", 0, 0, false},
		{"ideograph", "4E36 ;\t005C ;\tMA\t#* ( 丶 → \\ ) CJK UNIFIED IDEOGRAPH-4E36 → REVERSE SOLIDUS", 0, 0, false},
		{"several-letters", "00E6 ;\t0061 0065 ;\tMA\t# ( æ → ae ) LATIN SMALL LETTER AE → …", 0, 0, false},
		{"decomposes-anyway", "FF41 ;\t0061 ;\tMA\t# ( ａ → a ) FULLWIDTH LATIN SMALL LETTER A → …", 0, 0, false},
		{"digit", "0665 ;\t006F ;\tMA\t# ( \u200e٥\u200e → o ) ARABIC-INDIC DIGIT FIVE → LATIN SMALL LETTER O\t# ", 0, 0, false},
		{"ascii", "006D ;\t0072 006E ;\tMA\t# ( m → rn ) LATIN SMALL LETTER M → …", 0, 0, false},
		{"comment", "# Version: 17.0.0", 0, 0, false},
		{"empty", "", 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			source, latin, ok, err := entry(tt.line)
			if err != nil || source != tt.source || latin != tt.latin || ok != tt.ok {
				t.Errorf("entry = %q, %q, %v, %v; want %q, %q, %v", source, latin, ok, err, tt.source, tt.latin, tt.ok)
			}
		})
	}
}

func TestBadDataIsRefused(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"xyz ;\t0061 ;\tMA\t# ", "0430 ;\t? ;\tMA\t# "} {
		if _, err := generate(strings.NewReader(line)); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
}
