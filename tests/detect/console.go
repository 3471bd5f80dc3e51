package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
	"unicode"
)

// print writes the tables of the report to a terminal, with what differs from run to run.
func (m *measurement) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head := func(name string) {
		fmt.Fprintf(table, "%s\tATTACKS\tFOUND\tFLAGGED\tBENIGN\tBLOCKED\tFLAGGED\n", name)
	}
	line := func(r row) {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%d\t%s\t%s\n", r.Name, r.Found.Of, r.Found, share(r.Noticed), r.Blocked.Of, r.Blocked, r.Flagged)
	}
	head("SET")
	for _, r := range m.Sets {
		line(r)
	}
	line(m.Total)
	fmt.Fprintln(table)
	head("CLASS")
	for _, r := range m.Classes {
		line(r)
	}
	if len(m.Evasion) > 0 {
		fmt.Fprintln(table, "\nTRANSFORM\tATTACKS\tLOST\tBENIGN\tSTOPPED")
	}
	for _, l := range m.Evasion {
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\n", l.Name, l.Lost.Of, share(l.Lost), l.Raised.Of, share(l.Raised))
	}
	fmt.Fprintln(table, "\nRULE WITH FALSE ALARMS\tATTACKS\tALONE\tBENIGN\tPRECISION")
	rules := slices.Clone(m.Rules)
	slices.SortStableFunc(rules, func(a, b ruleRow) int { return cmp.Compare(b.Benign, a.Benign) })
	for _, r := range rules {
		if r.Benign > 0 {
			fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\n", r.Rule, r.Attacks, r.Alone, r.Benign, share(rate{r.Attacks + r.Benign, r.Attacks}))
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	took := slices.Sorted(slices.Values(m.took))
	_, err := fmt.Fprintf(out, "\nper text: p50 %s, p99 %s, longest %s\n",
		quantile(took, 0.5).Round(100*time.Nanosecond), quantile(took, 0.99).Round(100*time.Nanosecond), quantile(took, 1).Round(100*time.Nanosecond))
	return err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// isPrintable reports whether every character of a text draws something that tells it from others.
func isPrintable(text string) bool {
	for _, r := range text {
		if !unicode.IsPrint(r) || unicode.Is(unicode.Mn, r) {
			return false
		}
	}
	return true
}
