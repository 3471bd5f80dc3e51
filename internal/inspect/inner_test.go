package inspect

import (
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

// TestValuesInTexts holds that what is a value within a text is found there, at its place, and that a text which shows code
// or speaks about it is none.
func TestValuesInTexts(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	const payload = "8685; cat /var/log/auth.log"
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"alone", payload, true},
		{"member", `{"count": 3, "host": "` + payload + `"}`, true},
		{"element-of-a-list", `["a", "` + payload + `"]`, true},
		{"object-in-a-string", `{"result":"{\"host\":\"` + payload + `\"}"}`, true},
		{"element", "<p>Opens at ten.</p><div hidden>" + payload + "</div>", true},
		{"section", "<result><![CDATA[" + payload + "]]></result>", true},
		{"comment", "<p>Opens at ten.</p><!-- " + payload + " -->", true},
		{"aside", "Opens at ten.\n\n[//]: # (" + payload + ")\n", true},
		{"block-quote", "> " + payload + "\n", true},
		{"lines-of-a-block-quote", "> a\n> " + payload, true},
		{"fence", "{\"result\": \"```sh\\ncd /srv && ls; cat log.txt\\n```\"}", false},
		{"comparison", "if a < b then 3; cat > out", false},
		{"yaml", "run: |\n  docker build . && docker push shop", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found := s.Scan([]a2a.Text{{Value: c.text, Kind: a2a.KindText}}, Options{Direction: Request})
			got := false
			for _, f := range found {
				if f.Class != "command-injection" {
					continue
				}
				got = true
				if f.Start < 0 || f.End > len(c.text) || f.Start >= f.End {
					t.Errorf("%s is at %d:%d of %d bytes", f.Rule, f.Start, f.End, len(c.text))
				}
			}
			if got != c.want {
				t.Errorf("found is %v, want %v: %v", got, c.want, found)
			}
		})
	}
}

// TestPlacesOfValues holds that a value which is no ASCII, and one whose escapes are resolved, is found where it stands.
func TestPlacesOfValues(t *testing.T) {
	t.Parallel()
	s, err := Load(layer("r.yaml", `rules:
  - {id: value, class: test, severity: high, action: block, most: 20, any: ["zz;top"], tests: {hits: ["zz;top"], misses: ["zz"]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"é": "ünd so", "b": "é zz;top"}`:                       "zz;top",
		`{"é": "ünd so wéiter und so fort", "b": "z\u007a;top"}`: `z\u007a;top`,
		"<p>é</p><i>\u200bz\u200bz;top</i>":                      "z\u200bz;top",
	} {
		found := s.Scan([]a2a.Text{{Value: text, Kind: a2a.KindText}}, Options{Direction: Request})
		if len(found) != 1 || text[found[0].Start:found[0].End] != want {
			t.Errorf("%q: %+v, want %q", text, found, want)
		}
	}
}
