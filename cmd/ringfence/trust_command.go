package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/trust"
)

func trustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Show what agents have earned, and end quarantines",
		Long: `The mesh keeps a score from 0 to 1000 for each agent. It follows from what the mesh itself sees: calls that
complete, and requests and answers that it has to refuse. Nobody can set a score or report a signal. The score gives the
ring; severe events quarantine an agent until a person clears it.`,
	}
	cmd.AddCommand(trustShowCommand(), trustEventsCommand(), trustClearCommand(), trustReplayCommand())
	return cmd
}

func trustPath(name, below string) string {
	return "/v1/agents/" + url.PathEscape(name) + "/trust" + below
}

func trustShowCommand() *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use: "show AGENT", Short: "Show an agent's score, and what it is made of", Example: `  ringfence trust show weather`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			var earned agentTrust
			if err := c.do(cmd.Context(), http.MethodGet, trustPath(args[0], ""), nil, &earned); err != nil {
				return err
			}
			return earned.print(cmd.OutOrStdout())
		},
	}
	api.register(cmd.Flags())
	return cmd
}

func (a agentTrust) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "score\t%d, without evidence %d\n", a.Score, a.Base)
	fmt.Fprintf(table, "ring\t%d, at most %d\n", a.Ring, a.Ceiling)
	fmt.Fprintf(table, "evidence\t%s good, %s bad\n", points(a.Good), points(a.Bad))
	if a.Next != nil {
		fmt.Fprintf(table, "next\tring %d at %s, if the score stays\n", a.Next.Ring, a.Next.At.Format(time.RFC3339))
	}
	switch {
	case a.Unreadable:
		fmt.Fprintln(table, "quarantine\tuntil a person clears it: what is stored of it cannot be read")
	case a.Latch != nil:
		fmt.Fprintf(table, "quarantine\tuntil a person clears it: %s at %s\n",
			words(string(a.Latch.Kind), a.Latch.Class, string(a.Latch.Counterparty), a.Latch.Exchange), instant(a.Latch.At))
	}
	if err := table.Flush(); err != nil || len(a.Events) == 0 {
		return err
	}
	fmt.Fprintln(out)
	return printEvents(out, a.Events)
}

// points writes thousandths of points.
func points(thousandths int64) string {
	return fmt.Sprintf("%d.%03d", thousandths/1000, thousandths%1000)
}

func instant(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }

// words joins what is not empty.
func words(parts ...string) (text string) {
	for _, part := range parts {
		if part != "" && text != "" {
			text += " "
		}
		text += part
	}
	return text
}

func printEvents(out io.Writer, events []trust.Event) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SEQ\tAT\tEVENT\tTIMES\tWITH\tABOUT")
	for _, e := range events {
		times, about := "", words(e.Class, e.Exchange)
		switch e.Kind {
		case trust.Registered:
			about = fmt.Sprintf("base %d", e.Base)
			if e.Owner != "" {
				about += " owner " + strconv.Quote(string(e.Owner))
			}
			if e.Inherited > 0 {
				about += fmt.Sprintf(" takes over %s bad from %s", points(int64(e.Inherited*1000/trust.Point)), e.From)
			}
		case trust.Cleared:
			about = fmt.Sprintf("by %q: %q", e.Person, e.Reason)
		default:
			times = strconv.FormatInt(e.Count, 10)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", e.Seq, instant(e.At), e.Kind, times, e.Counterparty, about)
	}
	return table.Flush()
}

func fetchEvents(cmd *cobra.Command, api *apiFlags, name string) (events trustEvents, err error) {
	c, err := api.client()
	if err != nil {
		return trustEvents{}, err
	}
	err = c.do(cmd.Context(), http.MethodGet, trustPath(name, "/events"), nil, &events)
	return events, err
}

func trustEventsCommand() *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use: "events AGENT", Short: "Show the events from which an agent's score follows", Example: `  ringfence trust events weather`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			events, err := fetchEvents(cmd, &api, args[0])
			if err != nil {
				return err
			}
			if n := events.Checkpoint.Seq; n > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "%d earlier events are folded; the log of trust has them.\n", n)
			}
			return printEvents(cmd.OutOrStdout(), events.Events)
		},
	}
	api.register(cmd.Flags())
	return cmd
}

func trustClearCommand() *cobra.Command {
	var api apiFlags
	var clearance trustClearance
	cmd := &cobra.Command{
		Use: "clear AGENT", Short: "End an agent's quarantine by evidence",
		Long: `End an agent's quarantine by evidence. What speaks against the agent still counts, so that it begins in the ring that
its score gives. The log of trust keeps who cleared it and why.`,
		Example: `  ringfence trust clear weather --reason "the forged delegation was our own test"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			clearance.By = first(clearance.By, operator())
			var earned agentTrust
			if err := c.do(cmd.Context(), http.MethodPost, trustPath(args[0], "/clear"), clearance, &earned); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s takes part again, with score %d in ring %d\n", earned.Agent, earned.Score, earned.Ring)
			return nil
		},
	}
	cmd.Flags().StringVar(&clearance.Reason, "reason", "", "why the agent may take part again (required)")
	cmd.MarkFlagRequired("reason") //nolint:errcheck // the flag exists
	cmd.Flags().StringVar(&clearance.By, "by", "", "who decided that (default: the name of this machine's user)")
	api.register(cmd.Flags())
	return cmd
}

func trustReplayCommand() *cobra.Command {
	var api apiFlags
	var logs []string
	cmd := &cobra.Command{
		Use: "replay AGENT", Short: "Compute an agent's score anew from its events, and compare",
		Long: `Compute an agent's score anew from its events on this machine, and compare it with the one that the mesh has, bit
for bit. The events are those since the last checkpoint; with --log, all of them, from the logs of trust that the processes of
the mesh keep in their data directories.`,
		Example: `  ringfence trust replay weather
  ringfence trust replay weather --log /var/lib/ringfence/trust.jsonl`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			events, err := fetchEvents(cmd, &api, args[0])
			if err != nil {
				return err
			}
			if len(logs) > 0 {
				events.Checkpoint = trust.State{}
				if events.Events, err = readLogs(logs, events); err != nil {
					return err
				}
			}
			score, err := events.replay()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s has score %d at %s: %d events replay to it\n",
				events.Agent, score, events.At.Format(time.RFC3339), len(events.Events))
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&logs, "log", nil, "a log of trust with the agent's events; once for each process of the mesh")
	api.register(cmd.Flags())
	return cmd
}

// replay computes the score from the events, and returns an error unless state and score are those that the mesh has.
func (e trustEvents) replay() (agent.Trust, error) {
	state := trust.Replay(e.Checkpoint, e.Events, e.Rules)
	// Of no counterparties there are two forms.
	if len(state.Peers) == 0 && len(e.State.Peers) == 0 {
		state.Peers = e.State.Peers
	}
	if !reflect.DeepEqual(state, e.State) {
		return 0, fmt.Errorf("the events of %s do not replay to what the mesh has: event %d instead of %d, evidence %d good and %d bad instead of %d and %d",
			e.Agent, state.Seq, e.State.Seq, state.Good, state.Bad, e.State.Good, e.State.Bad)
	}
	score := state.Standing(e.At, e.Base, e.Ceiling, e.Scoring).Score
	if int(score) != e.Score {
		return 0, fmt.Errorf("the events of %s replay to score %d, and the mesh says %d", e.Agent, score, e.Score)
	}
	return score, nil
}

// readLogs returns all events of the agent, in their order. Each log has those that its process stored.
func readLogs(paths []string, of trustEvents) ([]trust.Event, error) {
	events := make([]trust.Event, of.State.Seq)
	for _, path := range paths {
		if err := readLog(path, of.Agent, events); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	for i, e := range events {
		switch {
		case e.Seq == 0:
			return nil, fmt.Errorf("event %d of %s is in no log: give those of all processes of the mesh", i+1, of.Agent)
		case e.Rules != of.Rules.Version():
			return nil, fmt.Errorf("event %d of %s was counted under other rules than those in force", i+1, of.Agent)
		}
	}
	return events, nil
}

func readLog(path string, name agent.ID, events []trust.Event) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var entry trust.Entry
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			return errors.New("a line is no event of trust")
		}
		if entry.Agent == name && entry.Seq > 0 && entry.Seq <= uint64(len(events)) {
			events[entry.Seq-1] = entry.Event
		}
	}
	return lines.Err()
}
