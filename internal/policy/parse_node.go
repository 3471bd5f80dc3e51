package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"
)

// reader walks the nodes of one document and collects problems. It reads on after a problem, so that one run shows all.
type reader struct {
	file string
	// offset is how many lines of the file stand before the text that is read.
	offset int
	// entries is how many entries of lists were read.
	entries  int
	problems []Problem
}

func (r *reader) line(n *yaml.Node) int { return r.offset + n.Line }

func (r *reader) problem(n *yaml.Node, reason string, args ...any) {
	r.report(r.line(n), reason, args...)
}

// maxProblems bounds what is told of one document.
const maxProblems = 100

func (r *reader) report(line int, reason string, args ...any) {
	if len(r.problems) == maxProblems {
		r.problems[maxProblems-1].Reason = "there are more problems than can be told at once"
	}
	if len(r.problems) >= maxProblems {
		return
	}
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Reason: fmt.Sprintf(reason, args...)})
}

// fields are the keys that a mapping may have, with what reads their values.
type fields map[string]func(*yaml.Node)

// mapping reads a mapping and returns the nodes of its values by key; each of the required keys has to be there.
func (r *reader) mapping(n *yaml.Node, known fields, required ...string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		r.problem(n, "a mapping of keys and values is needed here")
		return nil
	}
	values := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !ok:
			r.problem(key, "unknown field %q: there is %s", excerpt(key.Value), alternatives(slices.Sorted(maps.Keys(known))))
		case values[key.Value] != nil:
			r.problem(key, "the field %q is repeated", key.Value)
		default:
			values[key.Value] = value
			read(value)
		}
	}
	for _, name := range required {
		if values[name] == nil {
			r.problem(n, "the field %q is needed here", name)
		}
	}
	return values
}

// list reads the items of a list that has at most the number of them.
func (r *reader) list(n *yaml.Node, most int, read func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.problem(n, "a list is needed here")
		return
	}
	if len(n.Content) > most {
		r.problem(n, "at most %d entries are allowed here, there are %d", most, len(n.Content))
		return
	}
	for _, item := range n.Content {
		read(item)
	}
}

// text reads a text. What looks like a number or a truth has to be quoted, as for every reader of YAML.
func (r *reader) text(n *yaml.Node) (string, bool) {
	if n.Kind == yaml.ScalarNode && n.Value != "" && (n.Tag == "!!str" || n.Tag == "!!timestamp") {
		return n.Value, true
	}
	if n.Kind == yaml.ScalarNode && n.Value != "" {
		r.problem(n, "a text is needed here; put %s in quotes", excerpt(n.Value))
	} else {
		r.problem(n, "a text is needed here")
	}
	return "", false
}

var wholeNumber = regexp.MustCompile(`^(0|[1-9][0-9]{0,9})$`)

// number reads a whole number in decimal digits, from least to most.
func (r *reader) number(n *yaml.Node, least, most int) int {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || !wholeNumber.MatchString(n.Value) {
		r.problem(n, "a whole number from %d to %d is needed here", least, most)
		return least
	}
	v, err := strconv.Atoi(n.Value)
	if err != nil || v < least || v > most {
		r.problem(n, "must be from %d to %d, not %s", least, most, excerpt(n.Value))
		return least
	}
	return v
}

func (r *reader) truth(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
		r.problem(n, "true or false is needed here")
	}
	return n.Value == "true"
}

var wholeSeconds = regexp.MustCompile(`^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$`)

// duration reads hours, minutes and seconds, such as 1h30m, from least to most.
func (r *reader) duration(n *yaml.Node, least, most time.Duration) time.Duration {
	d, err := time.ParseDuration(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!str" || err != nil || !wholeSeconds.MatchString(n.Value):
		r.problem(n, "a duration in hours, minutes and seconds is needed here, such as 30s or 1h30m, not %q", excerpt(n.Value))
	case d < least || d > most:
		r.problem(n, "must be from %s to %s, not %s", spellDuration(least), spellDuration(most), n.Value)
	default:
		return d
	}
	return least
}

// spellDuration writes whole seconds as documents do: 1h, and not 1h0m0s.
func spellDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

var sizeText = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(B|KiB|MiB)$`)

// size reads a number of bytes from least to most: a whole number, or one with B, KiB or MiB.
func (r *reader) size(n *yaml.Node, least, most int) int {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!int" {
		return r.number(n, least, most)
	}
	m := sizeText.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || m == nil {
		r.problem(n, "a size in bytes is needed here, such as 64KiB or 1MiB")
		return least
	}
	v, err := strconv.Atoi(m[1])
	v <<= map[string]int{"B": 0, "KiB": 10, "MiB": 20}[m[2]]
	if err != nil || v < least || v > most {
		r.problem(n, "must be from %d to %d bytes, not %s", least, most, n.Value)
		return least
	}
	return v
}

// choice reads one of the values that parse knows.
func choice[T any](r *reader, n *yaml.Node, parse func(string) (T, error)) T {
	var zero T
	s, ok := r.text(n)
	if !ok {
		return zero
	}
	v, err := parse(s)
	if err != nil {
		r.problem(n, "%v", err)
		return zero
	}
	return v
}

// set reads a list of different values.
func set[T comparable](r *reader, n *yaml.Node, read func(*yaml.Node) T) []T {
	var all []T
	seen := map[T]bool{}
	if r.entries += len(n.Content); r.entries > maxAllEntries {
		r.problem(n, "the lists of a document have at most %d entries together", maxAllEntries)
		return nil
	}
	r.list(n, maxEntries, func(n *yaml.Node) {
		before := len(r.problems)
		v := read(n)
		switch {
		case len(r.problems) > before:
		case seen[v]:
			r.problem(n, "the entry %q is repeated", excerpt(n.Value))
		default:
			seen[v] = true
			all = append(all, v)
		}
	})
	return all
}

// excerpt is the beginning of what a document says, short enough for a line.
func excerpt(s string) string {
	const most = 80
	runes := []rune(s)
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
