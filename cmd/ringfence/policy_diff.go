package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/rulebook"
)

type policyDiffFlags struct {
	trial              policyTrial
	decisions, base    string
	remove             []string
	verbose, fail, all bool
}

func policyDiffCommand() *cobra.Command {
	var f policyDiffFlags
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "diff [PATH...]",
		Short: "Show which recorded decisions a change of the policies would turn",
		Long: `Show which recorded decisions a change of the policies would turn. The policies of the paths take the places of those of
their names that are in force; --remove takes one away, --all has the paths hold everything. What policies say of a call is
compared, leaving aside limits, findings in content, and approvals that were given.

The mesh compares the decisions that it remembers. With --decisions, those of a decision log are compared on this machine,
with the policies in force, or, with --base, with those of other files.`,
		Example: `  ringfence policy diff guard.yaml
  ringfence policy diff --remove guard --fail
  ringfence policy diff --decisions decisions.jsonl --base policies/ --all next/`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args)+len(f.remove) == 0 {
				return fmt.Errorf("give the policies that change, or --remove: %w", errUsage)
			}
			compare := f.there
			if f.decisions != "" {
				compare = f.here
			}
			found, err := compare(cmd, args)
			if err != nil {
				return err
			}
			if err := output.print(cmd.OutOrStdout(), found, func(out io.Writer) error { return found.print(out, f.verbose) }); err != nil {
				return err
			}
			if f.fail && found.Flipped > 0 {
				return fmt.Errorf("the change turns %s", counted(found.Flipped, "decision", "decisions"))
			}
			return nil
		},
	}
	flags := cmd.Flags()
	f.trial.register(flags)
	output.register(flags)
	flags.StringVar(&f.decisions, "decisions", "", "decision log to compare, lines of JSON; - is standard input")
	flags.StringVar(&f.base, "base", "", "with --decisions: file or directory with the policies to compare with (default: those in force in the mesh)")
	flags.StringArrayVar(&f.remove, "remove", nil, "policy that the change takes away; repeat for several")
	flags.BoolVar(&f.all, "all", false, "take away every policy that is not in the paths")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "tell decisions, too, that stay and are another rule's")
	flags.BoolVar(&f.fail, "fail", false, "end with exit code 1 if a decision turns")
	return cmd
}

// there has the mesh compare the decisions that it remembers.
func (f *policyDiffFlags) there(cmd *cobra.Command, paths []string) (found policyComparison, err error) {
	if f.base != "" || f.trial.agents != "" {
		return found, fmt.Errorf("--base and --agents go with --decisions: %w", errUsage)
	}
	c, err := f.trial.api.client()
	if err != nil {
		return found, err
	}
	documents, problems := readPolicies(cmd.InOrStdin(), paths)
	if len(problems) > 0 {
		return found, refusedBy(cmd.ErrOrStderr(), problems)
	}
	query := url.Values{"remove": f.remove}
	if f.all {
		query.Set("all", "true")
	}
	if f.verbose {
		query.Set("verbose", "true")
	}
	request := apiRequest{
		method: http.MethodPost, path: "/v1/policies/diff?" + query.Encode(), header: http.Header{"Content-Type": {yamlType}}, body: joined(documents),
	}
	return found, c.decoded(cmd.Context(), request, &found)
}

// joined returns one text with all the documents.
func joined(documents []*policy.Document) (text []byte) {
	for _, d := range documents {
		if len(text) > 0 {
			text = append(text, "\n---\n"...)
		}
		text = append(text, d.Source...)
	}
	return text
}

// here compares the decisions of a log on this machine.
func (f *policyDiffFlags) here(cmd *cobra.Command, paths []string) (policyComparison, error) {
	var base []string
	if f.base != "" {
		base = []string{f.base}
	}
	old, agents, err := f.trial.read(cmd, base, true)
	if err != nil {
		return policyComparison{}, err
	}
	changed, known, err := f.trial.read(cmd, paths, false)
	if err != nil {
		return policyComparison{}, err
	}
	before, problems := rulebook.Judge(old, agents)
	if before == nil {
		return policyComparison{}, refusedBy(cmd.ErrOrStderr(), problems)
	}
	if _, problems := rulebook.Judge(changed, known); len(problems) > 0 {
		return policyComparison{}, refusedBy(cmd.ErrOrStderr(), problems)
	}
	after, problems := rulebook.Judge(f.changedBy(old, changed), rulebook.AnyAgents{Known: known})
	if after == nil {
		return policyComparison{}, refusedBy(cmd.ErrOrStderr(), problems)
	}
	in := cmd.InOrStdin()
	if f.decisions != "-" {
		file, err := os.Open(f.decisions)
		if err != nil {
			return policyComparison{}, fmt.Errorf("reading decisions: %w", err)
		}
		defer file.Close()
		in = file
	}
	var failed error
	found := rulebook.Compare(readRecords(in, &failed), before, after, policy.AllParties, shownFlips)
	return comparisonOf(found, f.verbose), failed
}

// changedBy returns the old documents with the change.
func (f *policyDiffFlags) changedBy(old, changed []*policy.Document) []*policy.Document {
	together := slices.Clone(changed)
	for _, d := range old {
		named := func(other *policy.Document) bool { return other.Name == d.Name }
		if !f.all && !slices.Contains(f.remove, d.Name) && !slices.ContainsFunc(changed, named) {
			together = append(together, d)
		}
	}
	return together
}

// readRecords yields the records of a decision log, up to a line that is none: then failed says so. A last line that is
// still being written is left out.
func readRecords(in io.Reader, failed *error) iter.Seq[audit.Record] {
	return func(yield func(audit.Record) bool) {
		reader := bufio.NewReader(in)
		for number := 1; ; number++ {
			line, err := reader.ReadBytes('\n')
			if err != nil {
				if !errors.Is(err, io.EOF) {
					*failed = fmt.Errorf("reading decisions: %w", err)
				}
				return
			}
			var r audit.Record
			if err := json.Unmarshal(line, &r); err != nil {
				*failed = fmt.Errorf("reading decisions: line %d is no decision record", number)
				return
			}
			if !yield(r) {
				return
			}
		}
	}
}

func (c policyComparison) print(out io.Writer, verbose bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(f policyFlip, turn string) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", f.ID, f.Time.UTC().Format(time.RFC3339), words(first(f.Caller, "anonymous"), "to", f.Callee, f.Method),
			turn, f.Old, f.New)
	}
	if len(c.Flips)+len(c.Shifts) > 0 {
		fmt.Fprintln(table, "DECISION\tAT\tCALL\tTURN\tOLD RULE\tNEW RULE")
	}
	for _, f := range c.Flips {
		row(f, f.Old.Decision+" -> "+f.New.Decision)
	}
	if verbose {
		for _, f := range c.Shifts {
			row(f, "still "+f.New.Decision)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing decisions: %w", err)
	}
	if hidden := c.Flipped - len(c.Flips); hidden > 0 {
		fmt.Fprintf(out, "and %s\n", counted(hidden, "other decision that turns", "other decisions that turn"))
	}
	for _, t := range c.Turns {
		fmt.Fprintf(out, "%s -> %s: %d\n", t.Old, t.New, t.Count)
	}
	_, err := fmt.Fprintf(out, "%s compared: %d turn, %d stay by another rule; %s not tell what policies were asked\n",
		counted(c.Compared, "decision", "decisions"), c.Flipped, c.Moved, counted(c.Untold, "other does", "others do"))
	return err
}
