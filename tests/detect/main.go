// Command detect measures what the content rules find in labelled texts and what they take wrongly for an attack: by set,
// class, rule and disguise. Sets are files of JSON objects, one a line: text and label (attack or benign), and optionally
// kind (request, response, card), class, place (a kind of text, such as name or url) and key (true for a member's name).
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/tests/detect/evasion"
)

var errMarks = errors.New("marks are missed")

// run is what the command line asks for.
type run struct {
	root, rules, out string
	check, evade     bool
	verbose          bool
	paths            []string
}

func main() {
	var r run
	flag.StringVar(&r.root, "root", ".", "directory of the repository")
	flag.StringVar(&r.rules, "rules", "", "directory with further rules")
	flag.StringVar(&r.out, "out", "", "directory for report.md and report.json (default: none, but for the repository's own sets)")
	flag.BoolVar(&r.check, "check", false, "exit with code 1 if a mark is missed by more than is known")
	flag.BoolVar(&r.evade, "evasion", false, "measure disguises, too; this is done for the repository's own sets anyway")
	flag.BoolVar(&r.verbose, "v", false, "name texts that disguises hide")
	flag.Parse()
	r.paths = flag.Args()
	if err := r.do(os.Stdout, time.Now); err != nil {
		fmt.Fprintln(os.Stderr, "detect:", err)
		os.Exit(1)
	}
}

func (r run) do(out io.Writer, now func() time.Time) error {
	if len(r.paths) == 0 {
		r.paths, r.evade = []string{filepath.Join(r.root, "tests", "detect", "sets")}, true
		if r.out == "" {
			r.out = filepath.Join(r.root, "tests", "detect", "results")
		}
	}
	f, err := newFilter(r.rules)
	if err != nil {
		return err
	}
	samples, err := readSets(r.paths)
	if err != nil {
		return err
	}
	m := measure(f, samples, now)
	if r.evade {
		before := f.stopped(samples)
		for _, t := range evasion.Transforms() {
			m.Evasion = append(m.Evasion, lose(f, samples, before, t))
		}
	}
	if err := m.print(out); err != nil {
		return err
	}
	if r.verbose {
		for _, l := range m.Evasion {
			for _, line := range l.lines {
				fmt.Fprintln(out, l.Name, line)
			}
		}
	}
	if r.out != "" {
		if err := m.write(r.out); err != nil {
			return err
		}
	}
	unknown := 0
	for _, one := range m.misses() {
		fmt.Fprintln(out, "mark:", one.sentence)
		if !one.known() {
			unknown++
		}
	}
	if r.check && unknown > 0 {
		return fmt.Errorf("%d %w that are not known to be", unknown, errMarks)
	}
	return nil
}

// newFilter takes the rules that ship and those of the directory, if there is one.
func newFilter(dir string) (filter, error) {
	rules, treatments := inspect.Builtin(), inspect.DefaultTreatments()
	if dir == "" {
		set, err := inspect.Load(rules)
		return filter{set, treatments}, err
	}
	set, err := inspect.Load(rules, os.DirFS(dir))
	return filter{set, treatments}, err
}
