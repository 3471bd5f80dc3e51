package inspect

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
)

// Redacted returns what the texts say once everything found is taken out of them: new values by the index of their text. In
// the place of each stretch stands what it was. It reports false for a finding that is about no place in the texts, or about
// the name of a member: names that are taken out may be the same then, and a document with the same name twice says
// something else to every reader. The values are shorter than those they replace, or longer by a bounded word a finding.
func Redacted(texts []a2a.Text, findings []Finding) (map[int]string, bool) {
	cuts := map[int][]cut{}
	for _, f := range findings {
		if f.Text < 0 || f.Last < f.Text || f.Last >= len(texts) {
			return nil, false
		}
		for i := f.Text; i <= f.Last; i++ {
			c := cut{0, len(texts[i].Value), f.Class}
			switch between := i > f.Text && i < f.Last; {
			case between && !said(&texts[i]):
				continue // such texts take no part in what others say together
			case i == f.Text:
				c.start, c.end = f.Start, f.End
			case i == f.Last:
				c.end = f.LastEnd
			}
			if texts[i].Key || c.start < 0 || c.end < c.start || c.end > len(texts[i].Value) {
				return nil, false
			}
			cuts[i] = append(cuts[i], c)
		}
	}
	values := make(map[int]string, len(cuts))
	for i, list := range cuts {
		values[i] = without(texts[i].Value, list)
	}
	return values, true
}

// passes bounds how often texts are looked at again after something was taken out of them: a scan tells a rule's first
// findings of a text, and what is left of a match may still be one.
const passes = 4

// Cleaned is Redacted until nothing more has to be taken out: again returns what still has to be of the texts that are
// left, and whether these may pass apart from that. It reports false where they may not, or where there is no end.
func Cleaned(texts []a2a.Text, cuts []Finding, again func(left []a2a.Text) ([]Finding, bool)) (map[int]string, bool) {
	values := map[int]string{}
	for range passes {
		without, ok := Redacted(texts, cuts)
		if !ok {
			return nil, false
		}
		maps.Copy(values, without)
		texts = slices.Clone(texts)
		for i, value := range without {
			texts[i].Value = value
		}
		if cuts, ok = again(texts); !ok {
			return nil, false
		}
		if len(cuts) == 0 {
			return values, true
		}
	}
	return nil, false
}

// cut is a stretch of a text that is taken out, and what was found there.
type cut struct {
	start, end int
	class      string
}

// without returns value with a word in the place of each cut. Cuts that touch become one, under the name of the first.
func without(value string, cuts []cut) string {
	slices.SortFunc(cuts, func(a, b cut) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), strings.Compare(a.class, b.class))
	})
	var out strings.Builder
	at := 0
	for i := 0; i < len(cuts); {
		c := cuts[i]
		for i++; i < len(cuts) && cuts[i].start <= c.end; i++ {
			c.end = max(c.end, cuts[i].end)
		}
		out.WriteString(value[at:runeStart(value, c.start)])
		out.WriteString("[redacted:" + c.class + "]")
		at = runeEnd(value, c.end)
	}
	out.WriteString(value[at:])
	return out.String()
}

// runeStart returns the start of the character that the offset is in, runeEnd its end.
func runeStart(s string, at int) int {
	for at > 0 && at < len(s) && continues(s[at]) {
		at--
	}
	return at
}

func runeEnd(s string, at int) int {
	for at > 0 && at < len(s) && continues(s[at]) {
		at++
	}
	return at
}

func continues(c byte) bool { return c&0xC0 == 0x80 }
