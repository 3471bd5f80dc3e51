package policy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"
)

// The bounds of what is read, in bytes.
const (
	MaxFile     = 64 << 20
	MaxDocument = 256 << 10
)

// Parse reads the documents of a file in the order in which they stand, each between lines that begin with ---. It is
// strict: what it does not know, a value of another type, a key that is repeated, an anchor, an alias and a tag are
// problems. All problems of a file are returned at once, by line; a document with any is left out. A file with comments
// alone holds no document. Whether agents exist, and what rules come to together, Compile decides.
func Parse(file string, data []byte) ([]*Document, []Problem) {
	refuse := func(reason string, args ...any) ([]*Document, []Problem) {
		return nil, []Problem{{File: file, Reason: fmt.Sprintf(reason, args...)}}
	}
	if len(data) > MaxFile {
		return refuse("the file is larger than %d bytes", MaxFile)
	}
	if !utf8.Valid(data) {
		return refuse("the file is not in UTF-8")
	}
	var documents []*Document
	var problems []Problem
	names := map[string]int{}
	for _, c := range split(data) {
		r := &reader{file: file, offset: c.line - 1}
		d := r.document(c.text)
		if d != nil && d.Name != "" {
			if first, ok := names[d.Name]; ok {
				r.report(d.Line, "the document %q stands at line %d already", d.Name, first)
			} else {
				names[d.Name] = d.Line
			}
		}
		if len(r.problems) == 0 && d != nil {
			documents = append(documents, d)
		}
		for i := range r.problems {
			if d != nil {
				r.problems[i].Document = d.Name
			}
		}
		problems = append(problems, r.problems...)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return documents, problems
}

// chunk is a part of a file that holds one document, and the line of the file, from 1, where it begins.
type chunk struct {
	text []byte
	line int
}

// split cuts a file at the lines that begin a document. YAML allows --- at the start of a line nowhere else, not even in
// quoted text, so that a problem in one document hides none in another.
func split(data []byte) []chunk {
	var chunks []chunk
	start, from := 0, 1
	for at, line := 0, 1; at < len(data); line++ {
		if at > start && isMarker(data[at:]) {
			chunks = append(chunks, chunk{data[start:at], from})
			start, from = at, line
		}
		next := bytes.IndexByte(data[at:], '\n')
		if next < 0 {
			break
		}
		at += next + 1
	}
	return append(chunks, chunk{data[start:], from})
}

func isMarker(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// parseNode returns the one value that text holds, nil if it holds none.
func parseNode(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root, more yaml.Node
	err := decoder.Decode(&root)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, fmt.Errorf("yaml: line %d: a second document begins without a line ---", more.Line)
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	if len(root.Content) == 0 {
		return nil, nil
	}
	if n := root.Content[0]; n.Tag != "!!null" || n.Value != "" {
		return n, nil
	}
	return nil, nil
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// outline are the beginnings of what YAML's parser, unlike its scanner, says. It names the line before the one that it
// means, which is where a mapping or a list begins that goes wrong further down.
var outline = regexp.MustCompile(`^did not find expected (key|'-' indicator|node content|<document start>|',' or)`)

// syntax reports what YAML says of a text that is none, with the line where it says one.
func (r *reader) syntax(err error, source []byte) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			text, line = text[len(m[0]):], n
		}
	}
	lines := strings.Split(strings.TrimRight(string(source), "\n"), "\n")
	if n := tabbed(lines, line); n > 0 && (strings.Contains(text, "tab character") || strings.Contains(text, "cannot start any token")) {
		text, line = "a line is indented with spaces alone, this one has a tab", n
	} else if outline.MatchString(text) {
		text, line = text+"; look at brackets and indentation from here on", min(line+1, len(lines))
	}
	r.report(r.offset+line, "reading YAML: %s", text)
}

// tabbed returns the first line, from the given one on, that has a tab in its indentation, and 0 if there is none.
func tabbed(lines []string, from int) int {
	for i := max(from, 1) - 1; i < len(lines); i++ {
		if indentation := lines[i][:len(lines[i])-len(strings.TrimLeft(lines[i], " \t"))]; strings.Contains(indentation, "\t") {
			return i + 1
		}
	}
	return 0
}

// plain reports whether a text has no anchors, aliases and tags, and the first of them otherwise: a text that says in one
// place what another one means is read wrongly too easily, and by some readers at great length.
func (r *reader) plain(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		r.problem(n, "aliases are no part of the language: write the value out")
	case n.Anchor != "":
		r.problem(n, "anchors are no part of the language")
	case n.Style&yaml.TaggedStyle != 0:
		r.problem(n, "tags are no part of the language")
	default:
		return !slices.ContainsFunc(n.Content, func(child *yaml.Node) bool { return !r.plain(child) })
	}
	return false
}
