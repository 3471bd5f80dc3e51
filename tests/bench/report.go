package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// places are the files of the repository that the program uses and writes.
type places struct {
	root             string
	ringfence, tools string
	opa              string
	results          string
	summary, page    string
	chart            string
}

func newPlaces(root string) places {
	return places{
		root:      root,
		ringfence: filepath.Join(root, "bin", "ringfence"),
		tools:     filepath.Join(root, "bin"),
		opa:       filepath.Join(root, "bin", "opa-peer"),
		results:   filepath.Join(root, "tests", "bench", "results"),
		summary:   filepath.Join(root, "docs", "performance.json"),
		page:      filepath.Join(root, "docs", "performance.md"),
		chart:     filepath.Join(root, "docs", "performance.svg"),
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

// publish writes the figures, the chart and the tables of the page.
func (at places) publish(r *results) error {
	if err := writeJSON(at.summary, summarize(r)); err != nil {
		return err
	}
	if err := os.WriteFile(at.chart, charts(r).SVG(), 0o644); err != nil {
		return fmt.Errorf("writing the chart: %w", err)
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
func tables(r *results) []byte {
	var b bytes.Buffer
	table(&b, "part", "date", "cores", "Go", "Envoy", "load before")
	for _, one := range parts {
		if e, ok := r.Environments[one.name]; ok {
			row(&b, one.name, e.Date, fmt.Sprintf("%d × %s, %s", e.Cores, e.CPU, e.OS), e.Go, e.Envoy, e.Load)
		}
	}
	fmt.Fprintln(&b)
	table(&b, "figure", "value", "unit", "mark", "met")
	for _, f := range summarize(r) {
		mark, met := f.shown()
		row(&b, f.Name, number(f.Value), f.Unit, mark, met)
	}
	rounds(&b, "At saturation", r.Shapes)
	for _, shape := range slices.Sorted(maps.Keys(r.Latency)) {
		rounds(&b, "At half load, "+string(shape), r.Latency[shape])
	}
	rounds(&b, "Headers alone", r.Headers)
	if f := r.Floors; f != nil {
		rounds(&b, "Floors at saturation", f.Runs)
		for _, s := range slices.Sorted(maps.Keys(f.Held)) {
			rounds(&b, "At half load, "+string(s), f.Held[s])
		}
	}
	return b.Bytes()
}

// rounds writes what each side did in each round.
func rounds(b *bytes.Buffer, title string, rs runs) {
	if len(rs) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s, by round, requests/s and p50 / p99 in ms:\n\n", title)
	sides := rs.sides()
	slices.Sort(sides)
	columns := []string{"round"}
	for _, s := range sides {
		columns = append(columns, string(s))
	}
	table(b, columns...)
	for i := range rs.of(sides[0]) {
		cells := []string{fmt.Sprint(i + 1)}
		for _, s := range sides {
			cell := ""
			if of := rs.of(s); i < len(of) {
				cell = fmt.Sprintf("%.0f, %s", of[i].rate(), of[i].Latency.short())
			}
			cells = append(cells, cell)
		}
		row(b, cells...)
	}
}

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
