package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// shownFaults is how many missed attacks and false alarms the report lists of each set.
const shownFaults = 40

// page is the report for people. It is the same for the same rules and sets.
func (m *measurement) page() string {
	var b strings.Builder
	b.WriteString(`# What is found

` + "`make detect`" + ` judges labelled texts with the rules that ship, and writes this page. An attack is found when its message is
blocked or redacted; flagged is counted apart, but for classes that are meant to be flagged in answers. Intervals are those
of Wilson, 95 %.

`)
	fmt.Fprintf(&b, "Rules `%.12s`, %d texts.\n\n## Sets\n\n", m.RuleSet, m.Total.Found.Of+m.Total.Blocked.Of)
	b.WriteString("| set | attacks | found | flagged | benign | blocked | flagged |\n|---|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range append(slices.Clone(m.Sets), m.Total) {
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %d | %s | %s |\n", r.Name, r.Found.Of, r.Found, share(r.Noticed), r.Blocked.Of, r.Blocked, r.Flagged)
	}
	b.WriteString("\n## Classes\n\n| class | attacks | found | flagged | wanted | benign | blocked | flagged |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for i := range m.Classes {
		r := &m.Classes[i]
		wanted := "-"
		if r.Found.Of > 0 {
			wanted = fmt.Sprintf("%.0f %%", 100*leastRecallOf(r.Name))
		}
		if r.Flags {
			wanted += ", flagged"
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %d | %s | %s |\n", r.Name, r.Found.Of, r.Found, share(r.Noticed), wanted, r.Blocked.Of, r.Blocked, r.Flagged)
	}
	m.writeRules(&b)
	m.writeEvasion(&b)
	writeFaults(&b, "Missed attacks", m.Missed)
	writeFaults(&b, "False alarms", m.Alarms)
	return b.String()
}

func share(r rate) string {
	if r.Of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*r.value())
}

func (m *measurement) writeRules(b *strings.Builder) {
	b.WriteString("\n## Rules\n\nHow many texts each rule has a finding in; alone counts the attacks in which no other rule has one.\n\n" +
		"| rule | class | action | attacks | alone | benign | precision |\n|---|---|---|--:|--:|--:|--:|\n")
	for _, r := range m.Rules {
		precision := rate{Of: r.Attacks + r.Benign, Count: r.Attacks}
		fmt.Fprintf(b, "| %s | %s | %s | %d | %d | %d | %s |\n", r.Rule, r.Class, r.Action, r.Attacks, r.Alone, r.Benign, share(precision))
	}
	if len(m.Silent) > 0 {
		fmt.Fprintf(b, "\nWithout a finding: %s.\n", strings.Join(m.Silent, ", "))
	}
}

func (m *measurement) writeEvasion(b *strings.Builder) {
	if len(m.Evasion) == 0 {
		return
	}
	b.WriteString("\n## Evasion\n\nWhat becomes of attacks that are found, and of benign texts that are let through, when a transform disguises them. A transform\n" +
		"that hides texts is a finding by itself. After a control, a text attacks no longer: lost is right there.\n\n" +
		"| transform | attacks | lost | benign | stopped | |\n|---|--:|--:|--:|--:|---|\n")
	for _, l := range m.Evasion {
		note := ""
		switch {
		case l.Control:
			note = "control"
		case l.Hides:
			note = "hides"
		}
		fmt.Fprintf(b, "| %s | %d | %s | %d | %s | %s |\n", l.Name, l.Lost.Of, share(l.Lost), l.Raised.Of, share(l.Raised), note)
	}
}

func writeFaults(b *strings.Builder, title string, faults []fault) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if len(faults) == 0 {
		b.WriteString("None.\n")
		return
	}
	b.WriteString("| set | line | class | verdict | rules | begins |\n|---|--:|---|---|---|---|\n")
	shown := map[string]int{}
	for _, f := range faults {
		if shown[f.Set]++; shown[f.Set] <= shownFaults {
			fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s |\n", f.Set, f.Line, f.Class, f.Verdict, strings.Join(f.Rules, " "), cell(f.Begins))
		}
	}
	for _, set := range sortedKeys(shown) {
		if n := shown[set] - shownFaults; n > 0 {
			fmt.Fprintf(b, "\n%s: %d more.\n", set, n)
		}
	}
}

// cell makes a text one that a table can hold, and that shows what draws nothing.
func cell(text string) string {
	quoted := strings.Trim(fmt.Sprintf("%+q", text), `"`)
	if isPrintable(text) {
		quoted = strings.Trim(fmt.Sprintf("%q", text), `"`)
	}
	return "`" + strings.NewReplacer("|", `\|`, "`", "ˋ").Replace(quoted) + "`"
}

// write puts both forms of the report into a directory.
func (m *measurement) write(dir string) error {
	var figures bytes.Buffer
	encoder := json.NewEncoder(&figures)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(m); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	for name, data := range map[string][]byte{"report.md": []byte(m.page()), "report.json": figures.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	return nil
}

// quantile returns how long a text takes, of the times sorted.
func quantile(took []time.Duration, q float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	return took[min(len(took)-1, int(q*float64(len(took))))]
}
