package governance

import (
	"encoding/base64"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

// packed returns the texts if the content of files in them stands in base64.
func packed(texts []a2a.Text, b a2a.Binding) []a2a.Text {
	if b == a2a.GRPC {
		return nil
	}
	return texts
}

// unpacked returns the texts with the content of the files in which something was found as it is, and what has to be taken
// out of them then. In JSON, content stands in base64, of which no stretch can be replaced: it is written anew, from what is
// left of it. Where nothing is found in the content by itself, all of it is taken out. It reports false when something in it
// would not be let through.
func (i inspection) unpacked(r reading, cuts []inspect.Finding) ([]a2a.Text, []inspect.Finding, bool) {
	contents, classes, touched := map[int]string{}, map[int]string{}, map[int]bool{}
	for _, f := range cuts {
		for at := max(f.Text, 0); at <= f.Last && at < len(r.texts); at++ {
			if touched[at] || r.packed[at].Kind != a2a.KindBytes {
				continue
			}
			touched[at] = true
			if content, ok := contentOf(r.packed[at]); ok {
				contents[at], classes[at] = content, f.Class
			}
		}
	}
	if len(contents) == 0 {
		return r.texts, cuts, true
	}
	r.texts = replaced(r.texts, contents)
	cuts, ok := i.cuts(r)
	clear(touched)
	for _, f := range cuts {
		for at := max(f.Text, 0); at <= f.Last && at < len(r.texts); at++ {
			touched[at] = true
		}
	}
	for at, content := range contents {
		if !touched[at] {
			cuts = append(cuts, inspect.Finding{Class: classes[at], Text: at, Last: at, End: len(content), LastEnd: len(content)})
		}
	}
	return r.texts, cuts, ok
}

// contentOf returns what a text of a file stands for, as strict readers have it.
func contentOf(t a2a.Text) (string, bool) {
	if t.Kind != a2a.KindBytes || t.Key {
		return "", false
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		if content, err := e.DecodeString(t.Value); err == nil {
			return string(content), true
		}
	}
	return "", false
}
