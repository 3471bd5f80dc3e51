package policy

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"

	"ringfence.dev/ringfence/internal/agent"
)

// What documents say they are.
const (
	apiVersion   = "ringfence.dev/v1"
	documentKind = "Policy"
)

// The bounds of a document.
const (
	maxRules       = 100
	maxTests       = 200
	maxEntries     = 1000 // of a list
	maxAllEntries  = 4000 // of all lists of a document: rules are compared with each other by them
	maxText        = 128  // characters of owners, skills, actions and names of tests
	maxMessage     = 300  // characters
	maxDescription = 2000 // characters
	maxCedar       = 16 << 10
	maxGroups      = 16
)

// document reads one document, and nil from a text that holds none.
func (r *reader) document(text []byte) *Document {
	if len(text) > MaxDocument {
		r.report(r.offset+1, "the document is larger than %d bytes", MaxDocument)
		return nil
	}
	root, err := parseNode(text)
	if err != nil {
		r.syntax(err, text)
		return nil
	}
	if root == nil {
		return nil
	}
	if !r.plain(root) {
		return nil
	}
	d := &Document{File: r.file, Line: r.line(root), Source: bytes.Clone(text)}
	r.mapping(root, fields{
		"apiVersion": func(n *yaml.Node) { r.constant(n, "apiVersion", apiVersion) },
		"kind":       func(n *yaml.Node) { r.constant(n, "kind", documentKind) },
		"metadata":   func(n *yaml.Node) { r.metadata(n, d) },
		"spec":       func(n *yaml.Node) { r.spec(n, d) },
		"tests":      func(n *yaml.Node) { r.tests(n, d) },
	}, "apiVersion", "kind", "metadata", "spec")
	return d
}

func (r *reader) constant(n *yaml.Node, name, want string) {
	if s, ok := r.text(n); ok && s != want {
		r.problem(n, "%s must be %s, not %q", name, want, excerpt(s))
	}
}

func (r *reader) metadata(n *yaml.Node, d *Document) {
	r.mapping(n, fields{
		"name": func(n *yaml.Node) { d.Name = choice(r, n, documentName) },
		"description": func(n *yaml.Node) {
			d.Description, _ = r.text(n)
			if count := utf8.RuneCountInString(d.Description); count > maxDescription {
				r.problem(n, "at most %d characters are allowed here, there are %d", maxDescription, count)
			}
		},
	}, "name")
}

// documentName returns the name of a document, which is made as those of agents are.
func documentName(s string) (string, error) {
	id, err := agent.ParseID(s)
	if err != nil {
		return "", fmt.Errorf("a document's name %w", err)
	}
	return string(id), nil
}

func (r *reader) spec(n *yaml.Node, d *Document) {
	values := r.mapping(n, fields{
		"party":    func(n *yaml.Node) { d.Party = choice(r, n, ParseParty) },
		"mode":     func(n *yaml.Node) { d.Mode = choice(r, n, ParseMode) },
		"subjects": func(n *yaml.Node) { d.Subjects = r.subjects(n) },
		"targets":  func(n *yaml.Node) { r.mapping(n, r.targets(&d.Targets)) },
		"rules":    func(n *yaml.Node) { r.rules(n, d) },
	}, "party", "rules")
	if targets := values["targets"]; targets != nil {
		r.declarations(targets, &d.Targets)
		r.claims(targets, d)
	}
}

func (r *reader) rules(n *yaml.Node, d *Document) {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		r.problem(n, "a document without rules says nothing")
	}
	r.list(n, maxRules, func(n *yaml.Node) { d.Rules = append(d.Rules, r.rule(n)) })
}

// words reads a text of at most so many characters, none of them a control character.
func (r *reader) words(n *yaml.Node, most int) string {
	s, ok := r.text(n)
	if !ok {
		return ""
	}
	if err := checkWords(s, most); err != nil {
		r.problem(n, "%v", err)
		return ""
	}
	return s
}

func checkWords(s string, most int) error {
	for _, c := range s {
		if unicode.IsControl(c) {
			return fmt.Errorf("%q has a line break or another control character", excerpt(s))
		}
	}
	if count := utf8.RuneCountInString(s); count > most {
		return fmt.Errorf("at most %d characters are allowed here, there are %d", most, count)
	}
	return nil
}
