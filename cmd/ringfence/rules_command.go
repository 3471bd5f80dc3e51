package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/inspect"
)

func rulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Look at the content rules, and try them on their own tests",
		Long: `Content rules say what in a message is an attack or a leak. Those that ship are always there; rules in *.yaml files of a
directory are added to them, or replace those of the same id. Every rule has tests: texts that it hits, and texts that it
misses.`,
	}
	cmd.AddCommand(rulesListCommand(), rulesShowCommand(), rulesTestCommand())
	return cmd
}

// ruleListing is the rules in force.
type ruleListing struct {
	Rules []ruleEntry `json:"rules"`
	Hash  string      `json:"hash"`
}

// ruleEntry is one rule.
type ruleEntry struct {
	ID         string   `json:"id"`
	Class      string   `json:"class"`
	Severity   string   `json:"severity"`
	Action     string   `json:"action"`
	Directions []string `json:"directions"`
	// From is the file and the line where the rule begins.
	From   string `json:"from"`
	Hits   int    `json:"hits"`
	Misses int    `json:"misses"`
}

// loadRules returns the rules that ship and those of the directories. Each problem is a line of the error.
func loadRules(dirs []string) (ruleListing, error) {
	layers, err := ruleLayers(dirs)
	if err != nil {
		return ruleListing{}, err
	}
	set, err := inspect.Load(layers...)
	if err != nil {
		return ruleListing{}, err
	}
	l := ruleListing{Rules: []ruleEntry{}, Hash: set.Hash()}
	for _, r := range set.Rules() {
		e := ruleEntry{
			ID: r.ID, Class: r.Class, Severity: r.Severity.String(), Action: r.Action.String(), Directions: []string{},
			From: fmt.Sprintf("%s:%d", r.File, r.Line), Hits: r.Hits, Misses: r.Misses,
		}
		for _, d := range r.Directions {
			e.Directions = append(e.Directions, d.String())
		}
		if r.Layer > 0 {
			e.From = filepath.Join(dirs[r.Layer-1], e.From)
		} else {
			e.From = "ships: " + e.From
		}
		l.Rules = append(l.Rules, e)
	}
	return l, nil
}

func rulesListCommand() *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "list [DIR...]",
		Short: "List the content rules that ship and those of directories",
		Example: `  ringfence rules list
  ringfence rules list ./rules -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := loadRules(args)
			if err != nil {
				return err
			}
			return output.print(cmd.OutOrStdout(), l, l.print)
		},
	}
	output.register(cmd.Flags())
	return cmd
}

func (l ruleListing) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RULE\tCLASS\tSEVERITY\tACTION\tDIRECTIONS\tFROM")
	for _, r := range l.Rules {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Class, r.Severity, r.Action, first(strings.Join(r.Directions, ","), "all"), r.From)
	}
	return table.Flush()
}

func rulesTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test [DIR...]",
		Short: "Try content rules on their own tests, as the mesh does before it takes them",
		Long: `Read the rules that ship and those of the directories, and try each on its own tests. All problems are listed, each with
its file and line; the exit code is 1 then.`,
		Example: `  ringfence rules test ./rules`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := loadRules(args)
			var many interface{ Unwrap() []error }
			if errors.As(err, &many) {
				problems := many.Unwrap()
				for _, p := range problems {
					fmt.Fprintln(cmd.OutOrStdout(), p)
				}
				return fmt.Errorf("the rules are refused: %s", counted(len(problems), "problem", "problems"))
			}
			if err != nil {
				return err
			}
			return l.printTests(cmd.OutOrStdout())
		},
	}
}

func (l ruleListing) printTests(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RULE\tHITS\tMISSES\tFROM")
	hits, misses := 0, 0
	for _, r := range l.Rules {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\n", r.ID, r.Hits, r.Misses, r.From)
		hits, misses = hits+r.Hits, misses+r.Misses
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing rules: %w", err)
	}
	_, err := fmt.Fprintf(out, "\n%s: %s and %s as they should be\n", counted(len(l.Rules), "rule", "rules"), counted(hits, "hit", "hits"), counted(misses, "miss", "misses"))
	return err
}
