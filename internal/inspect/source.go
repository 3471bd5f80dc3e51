package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	yaml "go.yaml.in/yaml/v3"

	"ringfence.dev/ringfence/internal/a2a"
)

// position is where something stands in a rule file.
type position struct {
	file string
	line int
}

func (p position) problem(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", p.file, p.line, fmt.Sprintf(format, args...))
}

// term is one literal or, with a leading $, the name of a list.
type term struct {
	position
	text string
}

// example is one test of a rule: one text, or several that arrive together.
type example struct {
	position
	texts []a2a.Text
}

// draft is a rule as its file spells it, with what could be read at all.
type draft struct {
	position
	// layer is which of the layers the file is in.
	layer                                                         int
	id, class, severity, action, expression, verify, signal, keys string
	directions, kinds, except                                     []term
	any, unless                                                   []term
	all                                                           [][]term
	distance, lead, most                                          int
	ordered, prose, alone, pairs, disabled                        bool
	hits, misses                                                  []example
}

// document is one rule file.
type document struct {
	lists map[string][]term
	// synonyms are rows of words that mean the same.
	synonyms [][]term
	rules    []draft
}

// maxFile is the largest rule file, in bytes.
const maxFile = 1 << 20

// reader walks YAML nodes and collects problems. It is strict where a decoder into structs is not: unknown and
// repeated keys, wrong types and aliases are problems, each with its line.
type reader struct {
	file     string
	problems []error
}

func (r *reader) at(n *yaml.Node) position { return position{r.file, n.Line} }

func (r *reader) problem(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, r.at(n).problem(format, args...))
}

// readDocument reads one rule file.
func readDocument(file string, data []byte) (document, []error) {
	r := &reader{file: file}
	doc := document{lists: map[string][]term{}}
	if len(data) > maxFile {
		return doc, []error{position{file, 1}.problem("the file is larger than %d bytes", maxFile)}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	if err := decoder.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return doc, []error{position{file, 1}.problem("the file is empty")}
		}
		return doc, []error{position{file, 1}.problem("reading YAML: %v", err)}
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return doc, []error{position{file, 1}.problem("the file holds more than one document")}
	}
	r.mapping(root.Content[0], map[string]func(*yaml.Node){
		"lists": func(n *yaml.Node) {
			r.pairs(n, func(key, value *yaml.Node) { doc.lists[key.Value] = r.terms(value) })
		},
		"synonyms": func(n *yaml.Node) {
			r.items(n, func(n *yaml.Node) { doc.synonyms = append(doc.synonyms, r.terms(n)) })
		},
		"rules": func(n *yaml.Node) {
			r.items(n, func(n *yaml.Node) { doc.rules = append(doc.rules, r.rule(n)) })
		},
	})
	return doc, r.problems
}

func (r *reader) rule(n *yaml.Node) draft {
	d := draft{position: r.at(n)}
	r.mapping(n, map[string]func(*yaml.Node){
		"id":         func(n *yaml.Node) { d.id = r.text(n) },
		"class":      func(n *yaml.Node) { d.class = r.text(n) },
		"severity":   func(n *yaml.Node) { d.severity = r.text(n) },
		"action":     func(n *yaml.Node) { d.action = r.text(n) },
		"directions": func(n *yaml.Node) { d.directions = r.terms(n) },
		"kinds":      func(n *yaml.Node) { d.kinds = r.terms(n) },
		"keys":       func(n *yaml.Node) { d.keys = r.text(n) },
		"any":        func(n *yaml.Node) { d.any = r.terms(n) },
		"all":        func(n *yaml.Node) { r.items(n, func(n *yaml.Node) { d.all = append(d.all, r.terms(n)) }) },
		"distance":   func(n *yaml.Node) { d.distance = r.number(n) },
		"lead":       func(n *yaml.Node) { d.lead = r.number(n) },
		"most":       func(n *yaml.Node) { d.most = r.number(n) },
		"ordered":    func(n *yaml.Node) { d.ordered = r.truth(n) },
		"prose":      func(n *yaml.Node) { d.prose = r.truth(n) },
		"joined":     func(n *yaml.Node) { d.alone = !r.truth(n) },
		"pairs":      func(n *yaml.Node) { d.pairs = r.truth(n) },
		"disabled":   func(n *yaml.Node) { d.disabled = r.truth(n) },
		"regex":      func(n *yaml.Node) { d.expression = r.text(n) },
		"verify":     func(n *yaml.Node) { d.verify = r.text(n) },
		"signal":     func(n *yaml.Node) { d.signal = r.text(n) },
		"unless":     func(n *yaml.Node) { d.unless = r.terms(n) },
		"except":     func(n *yaml.Node) { d.except = r.terms(n) },
		"tests": func(n *yaml.Node) {
			r.mapping(n, map[string]func(*yaml.Node){
				"hits":   func(n *yaml.Node) { d.hits = r.examples(n) },
				"misses": func(n *yaml.Node) { d.misses = r.examples(n) },
			})
		},
	})
	return d
}

func (r *reader) examples(n *yaml.Node) []example {
	var all []example
	r.items(n, func(n *yaml.Node) {
		e := example{position: r.at(n)}
		if n.Kind == yaml.SequenceNode {
			r.items(n, func(n *yaml.Node) { e.texts = append(e.texts, r.sample(n)...) })
		} else {
			e.texts = r.sample(n)
		}
		all = append(all, e)
	})
	return all
}

// sample reads one text of an example: a scalar is the text of a part, a mapping says in what place the text stands. One
// with a name is the value of a member, and that is two texts.
func (r *reader) sample(n *yaml.Node) []a2a.Text {
	t := a2a.Text{Kind: a2a.KindText}
	if n.Kind != yaml.MappingNode {
		t.Value = r.text(n)
		return []a2a.Text{t}
	}
	name, placed := "", false
	r.mapping(n, map[string]func(*yaml.Node){
		"text": func(n *yaml.Node) { t.Value = r.text(n) },
		"key":  func(n *yaml.Node) { t.Key = r.truth(n) },
		"name": func(n *yaml.Node) { name = r.text(n) },
		"kind": func(n *yaml.Node) {
			kind, ok := textKinds[r.text(n)]
			if !ok {
				r.problem(n, "kind %q is none of %s", n.Value, names(textKinds))
			}
			t.Kind, placed = kind, true
		},
	})
	if t.Value == "" {
		r.problem(n, "an example needs a text")
	}
	if name == "" {
		return []a2a.Text{t}
	}
	if t.Key {
		r.problem(n, "a key has no name")
	}
	if !placed {
		t.Kind = a2a.KindFree
	}
	return []a2a.Text{{Value: name, Key: true}, t}
}

func (r *reader) mapping(n *yaml.Node, fields map[string]func(*yaml.Node)) {
	r.pairs(n, func(key, value *yaml.Node) {
		if read, ok := fields[key.Value]; ok {
			read(value)
			return
		}
		r.problem(key, "unknown field %q", key.Value)
	})
}

func (r *reader) pairs(n *yaml.Node, visit func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.problem(n, "a mapping is needed here")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || seen[key.Value] {
			r.problem(key, "the key %q is repeated or no scalar", key.Value)
			continue
		}
		seen[key.Value] = true
		visit(key, n.Content[i+1])
	}
}

func (r *reader) items(n *yaml.Node, visit func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.problem(n, "a list is needed here")
		return
	}
	for _, item := range n.Content {
		visit(item)
	}
}

func (r *reader) terms(n *yaml.Node) []term {
	var all []term
	r.items(n, func(n *yaml.Node) { all = append(all, term{r.at(n), r.text(n)}) })
	return all
}

// text takes any scalar as it is written, so that 1=1 and yes need no quotes.
func (r *reader) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		r.problem(n, "a text is needed here")
		return ""
	}
	return n.Value
}

func (r *reader) number(n *yaml.Node) int {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		r.problem(n, "a whole number is needed here")
	}
	return v
}

func (r *reader) truth(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		r.problem(n, "true or false is needed here")
	}
	return n.Value == "true"
}
