package inspect

import (
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
)

// beginning is what a term means that stands for the beginning of a free text and is written in no byte of it.
type beginning uint8

const (
	// beginningValue is where any value begins.
	beginningValue beginning = iota
	// beginningMember is where the value of a member begins, and not an element of a list of several.
	beginningMember
	beginnings
)

// beginningTerms are the terms that stand for beginnings.
var beginningTerms = map[string]beginning{"^value": beginningValue, "^member": beginningMember}

const (
	// introducing is how many texts say what a value is: the name of its member, and before that the member in front of it
	// or the object that it is in.
	introducing = 3
	// introduced is how far before a value its rule's unless words are looked for in them, in bytes: as far as where both
	// stand in one text, with the signs between a name and its value.
	introduced = near + len(`": `)
)

// begins notes the uses of the terms in the first group of a rule that stand for beginnings. Elsewhere they mean nothing:
// what has no length can only lead to what follows it. It reports whether there are any.
func (b *book) begins(d draft, all [][]term, u use, uses *[beginnings][]use) bool {
	noted := [beginnings]bool{}
	note := func(t term, leads bool) {
		what, ok := beginningTerms[t.text]
		if ok && !leads {
			b.report(t.position, "rule %q: %s leads an ordered rule, in the first group of all", d.id, t.text)
		}
		if ok {
			noted[what] = true
		}
	}
	for group, terms := range append([][]term{d.unless}, all...) {
		for _, t := range terms {
			note(t, group == 1 && d.ordered)
			for _, listed := range b.named(t) {
				note(listed, group == 1 && d.ordered)
			}
		}
	}
	// The value of a member is a value.
	noted[beginningMember] = noted[beginningMember] || noted[beginningValue]
	for what, is := range noted {
		if is {
			uses[what] = append(uses[what], u)
		}
	}
	return noted[beginningMember]
}

// named returns the terms of the list that a term names, if it names one.
func (b *book) named(t term) []term {
	name, ok := strings.CutPrefix(t.text, "$")
	if !ok {
		return nil
	}
	return b.lists[name]
}

// introduce has the beginning of the text at i found in its views, if it counts for anything. In front of all names there is no
// value of a member: what stands there alone is a text.
func (c *scan) introduce(texts []a2a.Text, i int) {
	t := &texts[i]
	c.beginning = -1
	if t.Key {
		c.names = i + 1
	}
	if t.Kind != a2a.KindFree || t.Key || c.names == 0 {
		return
	}
	what := beginningValue
	if texts[i-1].Key && (i+1 == len(texts) || texts[i+1].Key || texts[i+1].Kind != a2a.KindFree) {
		what = beginningMember
	}
	if role := c.set.beginnings[what]; len(c.set.uses[c.direction&3].list(role)) > 0 {
		c.beginning, c.introducers = int(role), texts[max(0, c.names-introducing):c.names]
	}
}

// beginningOf reports whether the beginning of a view is that of the text.
func (c *scan) beginningOf(v *view) bool { return c.beginning >= 0 && v.index >= 0 && !v.inner }

// presented reports whether one of the rule's unless words stands in the texts before the value under judgement, read as a
// document has them in front of it.
func (c *scan) presented(r *rule) bool {
	b := c.introduction[:0]
	for i := range c.introducers {
		t := &c.introducers[i]
		b = append(append(append(b, '"'), t.Value[max(0, len(t.Value)-introduced):]...), '"')
		if t.Key {
			b = append(b, ": "...)
		} else {
			b = append(b, ", "...)
		}
	}
	c.introduction = b
	return c.cued(b, len(b)-introduced, len(b), uint16(r.unless))
}
