package inspect

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
)

//go:embed rules/*.yaml
var embedded embed.FS

// Builtin returns the rule files that ship with Ringfence, as the first layer for Load.
func Builtin() fs.FS {
	sub, err := fs.Sub(embedded, "rules")
	if err != nil {
		return embedded
	}
	return sub
}

var errNoRules = errors.New("there is no rule")

// Load compiles the *.yaml files at the top of each layer. A later layer adds rules and lists, or replaces those of
// the same name; `disabled: true` removes a rule. Loading is strict: every rule needs examples that it hits and
// that it misses and is tried on them, and all problems are reported at once, each with file and line. No layer, or
// no rule, is an error.
func Load(layers ...fs.FS) (*Set, error) {
	b := &book{lists: map[string][]term{}, rules: map[string]draft{}}
	for i, layer := range layers {
		b.read(i, layer)
	}
	if len(b.problems) == 0 && len(b.rules) == 0 {
		b.problems = append(b.problems, errNoRules)
	}
	compilePatterns()
	set := b.compile()
	if len(b.problems) == 0 {
		b.try(set)
	}
	if len(b.problems) > 0 {
		return nil, fmt.Errorf("loading inspection rules: %w", errors.Join(b.problems...))
	}
	return set, nil
}

// book is all layers merged.
type book struct {
	lists    map[string][]term
	synonyms [][]term
	rules    map[string]draft
	problems []error
}

func (b *book) read(number int, layer fs.FS) {
	entries, err := fs.ReadDir(layer, ".") // fs.Glob takes a directory that it cannot read for an empty one
	if err != nil {
		b.problems = append(b.problems, fmt.Errorf("listing rule files: %w", err))
		return
	}
	rules, lists := map[string]draft{}, map[string][]term{}
	for _, entry := range entries {
		file := entry.Name()
		if path.Ext(file) != ".yaml" {
			continue
		}
		data, err := fs.ReadFile(layer, file)
		if err != nil {
			b.problems = append(b.problems, fmt.Errorf("reading %s: %w", path.Base(file), err))
			continue
		}
		doc, problems := readDocument(file, data)
		b.problems = append(b.problems, problems...)
		for _, d := range doc.rules {
			if first, ok := rules[d.id]; ok && d.id != "" {
				b.report(d.position, "rule %q is defined already at %s:%d", d.id, first.file, first.line)
				continue
			}
			d.layer = number
			rules[d.id] = d
		}
		b.synonyms = append(b.synonyms, doc.synonyms...)
		for name, terms := range doc.lists {
			if _, ok := lists[name]; ok {
				b.report(position{file, 1}, "list %q is defined already in this layer", name)
			}
			lists[name] = terms
		}
	}
	maps.Copy(b.lists, lists)
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		d := rules[id]
		if !d.disabled {
			b.rules[id] = d
			continue
		}
		if _, ok := b.rules[id]; !ok {
			b.report(d.position, "there is no rule %q to disable", id)
		}
		delete(b.rules, id)
	}
}

func (b *book) report(at position, format string, args ...any) {
	b.problems = append(b.problems, at.problem(format, args...))
}

// try runs each rule on its own examples.
func (b *book) try(set *Set) {
	for _, id := range slices.Sorted(maps.Keys(b.rules)) {
		d := b.rules[id]
		for _, e := range d.hits {
			if !set.holds(d, e) {
				b.report(e.position, "rule %q misses an example that it should hit", id)
			}
		}
		for _, e := range d.misses {
			if set.holds(d, e) {
				b.report(e.position, "rule %q hits an example that it should miss", id)
			}
		}
	}
}

func (s *Set) holds(d draft, e example) bool {
	direction := DirectionUnknown
	if len(d.directions) > 0 {
		direction = directions[d.directions[0].text]
	}
	for _, f := range s.Scan(e.texts, Options{Direction: direction}) {
		if f.Rule == d.id {
			return true
		}
	}
	return false
}
