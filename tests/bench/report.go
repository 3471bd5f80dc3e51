package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// places are the files of the repository that the program uses and writes.
type places struct {
	root             string
	ringfence, tools string
	results          string
	summary, page    string
}

func newPlaces(root string) places {
	return places{
		root:      root,
		ringfence: filepath.Join(root, "bin", "ringfence"),
		tools:     filepath.Join(root, "bin"),
		results:   filepath.Join(root, "tests", "bench", "results"),
		summary:   filepath.Join(root, "docs", "performance.json"),
		page:      filepath.Join(root, "docs", "performance.md"),
	}
}

// vegeta returns the path of vegeta: where scripts/bench puts it, else on PATH.
func (at places) vegeta() (string, error) {
	path := filepath.Join(at.tools, "vegeta")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	path, err := exec.LookPath("vegeta")
	if err != nil {
		return "", fmt.Errorf("vegeta is missing: run scripts/bench, or go install %s", vegetaModule)
	}
	return path, nil
}

// publish writes the figures and the tables of the page.
func (at places) publish(r results) error {
	if err := writeJSON(at.summary, summarize(r)); err != nil {
		return err
	}
	page, err := os.ReadFile(at.page)
	if err != nil {
		return fmt.Errorf("writing the tables: %w", err)
	}
	filled, err := fill(page, tables(r))
	if err != nil {
		return err
	}
	if err := os.WriteFile(at.page, filled, 0o644); err != nil {
		return fmt.Errorf("writing the tables: %w", err)
	}
	return nil
}

// What the program writes into the page stands between these lines.
const (
	beginMark = "<!-- begin: written by make bench -->\n"
	endMark   = "<!-- end: written by make bench -->\n"
)

// fill replaces what stands between the marks of a page.
func fill(page, content []byte) ([]byte, error) {
	head, rest, begins := bytes.Cut(page, []byte(beginMark))
	_, tail, ends := bytes.Cut(rest, []byte(endMark))
	if !begins || !ends {
		return nil, errors.New("writing the tables: the page has no place for them")
	}
	return bytes.Join([][]byte{head, []byte(beginMark), content, []byte(endMark), tail}, nil), nil
}

// tables returns what was measured as Markdown.
func tables(r results) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", r.Environment)
	table(&b, "figure", "value", "unit", "mark", "met")
	for _, f := range summarize(r) {
		mark, met := f.shown()
		row(&b, f.Name, number(f.Value), f.Unit, mark, met)
	}
	fmt.Fprint(&b, "\nAt saturation, by round:\n\n")
	table(&b, "round", "bare requests/s", "governed requests/s", "ratio", "bare p50 / p99 ms", "governed p50 / p99 ms")
	without, with := r.of(saturation, bare), r.of(saturation, governed)
	for i := range min(len(without), len(with)) {
		row(&b, fmt.Sprint(with[i].Round), fmt.Sprintf("%.0f", without[i].rate()), fmt.Sprintf("%.0f", with[i].rate()),
			fmt.Sprintf("%.3f", r.ratios()[i]), without[i].Latency.short(), with[i].Latency.short())
	}
	fmt.Fprint(&b, "\nAt half load, by round:\n\n")
	table(&b, "round", "requests/s", "bare p50 / p99 ms", "governed p50 / p99 ms", "added p50 / p99 ms")
	without, with = r.of(steady, bare), r.of(steady, governed)
	for i := range min(len(without), len(with)) {
		row(&b, fmt.Sprint(with[i].Round), fmt.Sprint(with[i].Offered), without[i].Latency.short(), with[i].Latency.short(),
			latency{P50: r.added(p50)[i], P99: r.added(p99)[i]}.short())
	}
	return b.Bytes()
}

func (l latency) short() string { return fmt.Sprintf("%.2f / %.2f", l.P50, l.P99) }

func table(b *bytes.Buffer, columns ...string) {
	row(b, columns...)
	b.WriteString("|" + strings.Repeat("---|", len(columns)) + "\n")
}

func row(b *bytes.Buffer, cells ...string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// shown returns mark and met as they are printed.
func (f figure) shown() (mark, met string) {
	if f.Mark == nil {
		return "", ""
	}
	if *f.Met {
		return *f.Mark, "yes"
	}
	return *f.Mark, "no"
}

// figuresText returns the figures for the terminal.
func figuresText(list []figure) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 2, 0, 2, ' ', 0)
	for _, f := range list {
		mark, met := f.shown()
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.Name, number(f.Value), f.Unit, mark, met)
	}
	_ = w.Flush() // into memory
	return b.String()
}
