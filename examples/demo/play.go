package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// step is one row of the scenario.
type step struct {
	name     string
	expected string
	// run returns what came, and the decision id if the mesh gave one.
	run func(ctx context.Context) (got, decision string)
}

// play runs the steps in order, prints a row for each, and returns an error when any differs.
func play(ctx context.Context, out io.Writer, steps []step) error {
	table := tabwriter.NewWriter(out, 2, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STEP\tEXPECTED\tGOT\tDECISION\tLATENCY\t")
	differ := 0
	for _, s := range steps {
		began := time.Now()
		got, decision := s.run(ctx)
		took := time.Since(began)
		mark := "ok"
		if got != s.expected {
			mark = "DIFFERS"
			differ++
		}
		if decision == "" {
			decision = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%.1f ms\t%s\n", s.name, s.expected, got, decision, float64(took.Microseconds())/1000, mark)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d of %d steps as expected\n", len(steps)-differ, len(steps))
	if differ > 0 {
		return fmt.Errorf("%d steps differ", differ)
	}
	return nil
}
