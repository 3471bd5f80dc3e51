package inspect

import (
	"strings"
	"testing"
)

// A match can end behind the stretch that the SQL verifier parses.
func TestVerifySQLTakesLongMatches(t *testing.T) {
	t.Parallel()
	b := []byte(strings.Repeat("'", 400))
	for _, at := range []span{{0, 300}, {0, 400}, {399, 400}} {
		firstSQL(b, at)
		furtherSQL(b, at)
		weighSQL(b, at)
	}
}

func TestRulesOfShortValuesPassLongTexts(t *testing.T) {
	t.Parallel()
	s, err := Load(layer("r.yaml", strings.Replace(goodRule, "any:", "most: 16\n    any:", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"a probe": 1, "a probe in a long text": 0} {
		if got := len(s.Scan(one(text), Options{})); got != want {
			t.Errorf("%q has %d findings, want %d", text, got, want)
		}
	}
	if _, err := Load(layer("r.yaml", strings.Replace(goodRule, "any:", "most: 5000\n    any:", 1))); err == nil {
		t.Error("a rule of values as long as 5,000 bytes was loaded")
	}
}

func TestVerifySQLValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"' OR 'z'='z":                             true,
		"9) AND 4=4 -- ":                          true,
		"-3 UNION ALL SELECT NULL,user()#":        true,
		"kim'--":                                  true,
		" ORDER BY 7-- ":                          true,
		"')) ; WAITFOR DELAY '0:0:9'--":           true,
		"select id from t where a = 'b' or c = 1": false,
		"colour = 'red' and size = 'XL'":          false,
		"14\" rim, 16\" tyre":                     false,
		"70% wool and 30% silk":                   false,
		"the parts' list and the users' guide":    false,
		"awk '{print $1}' | sort | uniq -c":       false,
		"print(\"a\" or \"b\")":                   false,
		"":                                        false,
		"'":                                       false,
	} {
		b := []byte(text)
		if got := gateSQLValue(b, span{}) && verifySQLValue(b, span{0, len(b)}); got != want {
			t.Errorf("%q is an injection: %t, want %t", text, got, want)
		}
	}
}

// No text and no place in it may make a verifier panic: they run on what strangers send.
func FuzzVerifiers(f *testing.F) {
	for _, seed := range []string{"' or 1=1 --", "\"x\\\" union select", "sk-live-0", "4539 1488 0343 6467", "../../etc", "a'\n;drop table t"} {
		f.Add([]byte(seed), 0, len(seed))
		f.Add([]byte(seed), 2, 3)
	}
	f.Fuzz(func(_ *testing.T, b []byte, start, end int) {
		if start < 0 || end <= start || end > len(b) {
			return
		}
		for _, v := range verifiers {
			if v.gate == nil || v.gate(b, span{start, end}) {
				v.holds(b, span{start, end})
			}
		}
	})
}
