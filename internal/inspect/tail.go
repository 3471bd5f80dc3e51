package inspect

import "ringfence.dev/ringfence/internal/a2a"

// tailBytes is how much of what was said before takes part in judging what is said now.
const tailBytes = 1024

// Tail returns the end of what was said, for Options.Prior: prior and the texts behind it.
func Tail(prior string, texts []a2a.Text) string {
	for i := range texts {
		if !texts[i].Key {
			prior += texts[i].Value
		}
	}
	return prior[runeStart(prior, max(0, len(prior)-tailBytes)):]
}
