package inspect

import (
	"slices"
	"strings"
)

// maxVariants is how many literals one term of a rule may stand for.
const maxVariants = 128

// alike are the words that mean the same in orders, by each of them. In a term of several words, a word stands for all of its
// row; one that stands alone says what the rule is about, and its own list says what else it may be.
type alike map[string][]string

// row adds words that mean the same. A word is of the first row that has it.
func (a alike) row(words []string) {
	for _, w := range words {
		if _, ok := a[w]; !ok {
			a[w] = words
		}
	}
}

// alike collects the rows of all layers, those of later layers first.
func (b *book) alike() alike {
	a := alike{}
	for _, terms := range slices.Backward(b.synonyms) {
		var words []string
		for _, t := range terms {
			if l, ok := b.literal(t); ok {
				words = append(words, l.text)
			}
		}
		a.row(words)
	}
	return a
}

// widen returns the terms, and what they are with other words that mean the same. A star stays at the end of the last word,
// and is lost with a word that is several.
func (a alike) widen(terms []term) []term {
	all := slices.Clone(terms)
	for _, t := range terms {
		for _, text := range a.of(t.text) {
			all = append(all, term{t.position, text})
		}
	}
	return all
}

// of returns what a term of several words can be.
func (a alike) of(text string) []string {
	made := []string{""}
	words := strings.Fields(strings.ToLower(text))
	if len(words) < 2 {
		return nil
	}
	for i, w := range words {
		stem, star := w, ""
		if i == len(words)-1 {
			if cut, ok := strings.CutSuffix(w, "*"); ok {
				stem, star = cut, "*"
			}
		}
		others, ok := a[stem]
		if !ok {
			others = []string{stem}
		}
		if len(made)*len(others) > maxVariants {
			others = []string{stem}
		}
		next := make([]string, 0, len(made)*len(others))
		for _, before := range made {
			for _, other := range others {
				if strings.Contains(other, " ") {
					next = append(next, join(before, other))
				} else {
					next = append(next, join(before, other+star))
				}
			}
		}
		made = next
	}
	return slices.DeleteFunc(made, func(s string) bool { return len(s) > maxLiteral })
}

func join(before, word string) string {
	if before == "" {
		return word
	}
	return before + " " + word
}
