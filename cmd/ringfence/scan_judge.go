package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/inspect"
)

// scanJudge judges texts as the mesh does those of messages.
type scanJudge struct {
	rules      *inspect.Set
	treatments inspect.Treatments
}

// newScanJudge takes rules and treatments from the configuration, and the rules of further directories.
func newScanJudge(content config.Content, dirs []string) (scanJudge, error) {
	all := dirs
	if content.RulesDir != "" {
		all = append([]string{content.RulesDir}, dirs...)
	}
	layers, err := ruleLayers(all)
	var rules *inspect.Set
	if err == nil {
		rules, err = inspect.Load(layers...)
	}
	switch {
	case err != nil && len(dirs) == 0:
		return scanJudge{}, inRulesDir(content, err)
	case err != nil:
		return scanJudge{}, err
	}
	treatments, err := contentTreatments(content, rules)
	if err != nil {
		return scanJudge{}, err
	}
	return scanJudge{rules, treatments}, nil
}

// ruleLayers returns the shipped rules and those of the directories, in the order in which they replace each other.
func ruleLayers(dirs []string) ([]fs.FS, error) {
	layers := []fs.FS{inspect.Builtin()}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is no directory", dir)
		}
		if err != nil {
			return nil, fmt.Errorf("reading rules: %w", err)
		}
		layers = append(layers, os.DirFS(dir))
	}
	return layers, nil
}

// scanSide says on which side of a call a text stands, and in which ring its sender acts.
type scanSide struct {
	direction inspect.Direction
	ring      agent.Ring
}

// scanFinding is one finding as it is written.
type scanFinding struct {
	Rule     string `json:"rule"`
	Class    string `json:"class"`
	Severity string `json:"severity"`
	// Action is what becomes of the message for the finding.
	Action string `json:"action"`
	// Place is where in a document the text stands, as a JSON Pointer; Key says that it is the name of a member.
	Place *string `json:"place,omitzero"`
	Key   bool    `json:"key,omitzero"`
	// Span are offsets in the text, in bytes of UTF-8.
	Span [2]int `json:"span"`
	// To is where a match ends that goes on in a later text.
	To   *scanEnd `json:"to,omitzero"`
	View string   `json:"view"`

	text, last, lastEnd int
}

type scanEnd struct {
	Place string `json:"place"`
	End   int    `json:"end"`
}

// scanVerdict is what becomes of a message, and why.
type scanVerdict struct {
	ID       jsontext.Value `json:"id,omitzero"`
	Verdict  string         `json:"verdict"`
	Findings []scanFinding  `json:"findings"`
	// Redacted is what is left of a text that is redacted, where that was asked for.
	Redacted *string `json:"redacted,omitzero"`

	action inspect.Action
	cuts   []inspect.Finding
}

// judge returns the verdict on texts that arrive together.
func (j scanJudge) judge(texts []a2a.Text, side scanSide) scanVerdict {
	v := scanVerdict{action: inspect.Pass, Findings: []scanFinding{}}
	for _, f := range j.rules.Scan(texts, inspect.Options{Direction: side.direction}) {
		action := j.treatments.Of(f, side.direction, side.ring)
		v.action = min(v.action, action)
		if action == inspect.Redact {
			v.cuts = append(v.cuts, f)
		}
		v.Findings = append(v.Findings, scanFinding{
			Rule: f.Rule, Class: f.Class, Severity: f.Severity.String(), Action: action.String(), Span: span(f, texts), View: f.View,
			text: f.Text, last: f.Last, lastEnd: f.LastEnd,
		})
	}
	v.Verdict = v.action.String()
	return v
}

// merge makes one verdict of two on parts of a message.
func (v *scanVerdict) merge(w scanVerdict) {
	v.action = min(v.action, w.action)
	v.Verdict = v.action.String()
	v.Findings = append(v.Findings, w.Findings...)
	v.cuts = append(v.cuts, w.cuts...)
}

// span returns where in its text a finding stands. One about the whole scan stands in all of a text that is judged alone.
func span(f inspect.Finding, texts []a2a.Text) [2]int {
	switch {
	case f.Text >= 0:
		return [2]int{f.Start, f.End}
	case len(texts) == 1:
		return [2]int{0, len(texts[0].Value)}
	}
	return [2]int{}
}

// blocking returns the first rule that blocks.
func (v *scanVerdict) blocking() string {
	for _, f := range v.Findings {
		if f.Action == inspect.Block.String() {
			return f.Rule
		}
	}
	return ""
}

// left returns what is to be taken out of texts beside what was, and whether they may pass apart from that.
func (v *scanVerdict) left() ([]inspect.Finding, bool) { return v.cuts, v.action != inspect.Block }

// redacted returns what is left of a text of which v is the verdict. It reports false if what was found can only be blocked.
func (j scanJudge) redacted(v *scanVerdict, texts []a2a.Text, side scanSide) (string, bool) {
	if v.action != inspect.Redact {
		return texts[0].Value, v.action != inspect.Block
	}
	values, ok := inspect.Cleaned(texts, v.cuts, func(left []a2a.Text) ([]inspect.Finding, bool) {
		w := j.judge(left, side)
		return w.left()
	})
	return values[0], ok
}

// print writes the findings as a table.
func (v *scanVerdict) print(out io.Writer) error {
	if len(v.Findings) > 0 {
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "RULE\tCLASS\tSEVERITY\tACTION\tVIEW\tAT")
		for _, f := range v.Findings {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Rule, f.Class, f.Severity, f.Action, f.View, f.at())
		}
		if err := table.Flush(); err != nil {
			return fmt.Errorf("printing findings: %w", err)
		}
		fmt.Fprintln(out)
	}
	_, err := fmt.Fprintln(out, "verdict: "+v.Verdict)
	return err
}

// at is where a finding stands, for people.
func (f *scanFinding) at() string {
	place := ""
	if f.Place != nil {
		place = shown(first(*f.Place, "/")) + " "
	}
	if f.Key {
		place = "name of " + place
	}
	if f.To != nil {
		return fmt.Sprintf("%s%d to %s %d", place, f.Span[0], shown(f.To.Place), f.To.End)
	}
	return fmt.Sprintf("%s%d-%d", place, f.Span[0], f.Span[1])
}

// shown quotes a place that would do something to a terminal, since senders choose the names in it.
func shown(place string) string {
	if strings.ContainsFunc(place, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.QuoteToASCII(place)
	}
	return place
}
