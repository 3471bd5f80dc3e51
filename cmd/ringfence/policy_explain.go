package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/rulebook"
)

// policyCallFlags describe a call, or name a decision.
type policyCallFlags struct {
	decision                                           string
	call                                               askedCall
	caller, callerOwner, origin, calleeOwner, at, verb string
	ring, trust                                        int
}

func (f *policyCallFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.decision, "decision", "", "id of a recorded decision whose call is explained")
	flags.StringVar(&f.caller, "from", "", "agent that calls; without it, a caller of which nothing is proved")
	flags.StringVar(&f.callerOwner, "owner", "", "its owner (default: the one it is registered with)")
	flags.IntVar(&f.ring, "ring", agent.Untrusted.Number(), "ring in which it acts, 0 to 3")
	flags.IntVar(&f.trust, "trust", int(agent.TrustUnknown), "score with which it acts, 0 to 1000")
	flags.StringVar(&f.call.Assurance, "assurance", "", "how its identity is proved: agent, mesh, workload, bearer or none (default: agent, and none without --from)")
	flags.StringVar(&f.origin, "origin", "", "agent on whose behalf it acts (default: itself)")
	flags.IntVar(&f.call.Hops, "hops", 0, "how many agents stand before it")
	flags.BoolVar(&f.call.Unchained, "unchained", false, "it serves others, and the call tells of none of them")
	flags.StringVar(&f.call.Descent, "descent", "", "how it is known for whom it acts: own, delegated, linked, low-water or gated (default: own)")
	flags.StringVar(&f.calleeOwner, "callee-owner", "", "owner of the called agent (default: the one it is registered with)")
	flags.StringVar(&f.verb, "method", string(a2a.SendMessage), "canonical method")
	flags.StringVar(&f.call.Effect, "effect", "", "read, write or admin (default: that of the method, else write)")
	flags.StringVar(&f.call.Skill, "skill", "", "skill that the caller declares")
	flags.StringVar(&f.call.Action, "action", "", "action that the caller declares")
	flags.IntVar(&f.call.Bytes, "bytes", 0, "how long the body is")
	flags.StringVar(&f.at, "at", "", "moment of the decision, as 2026-01-02T15:04:05Z (default: now)")
}

// described returns the call that the flags describe.
func (f *policyCallFlags) described(callee string) (askedCall, error) {
	c := f.call
	c.Caller, c.CallerOwner, c.Origin = agent.ID(f.caller), agent.Owner(f.callerOwner), agent.ID(f.origin)
	c.Callee, c.CalleeOwner, c.Method, c.Trust = agent.ID(callee), agent.Owner(f.calleeOwner), a2a.Method(f.verb), &f.trust
	ring, err := agent.RingFromNumber(f.ring)
	if err != nil {
		return askedCall{}, fmt.Errorf("--ring: %w", err)
	}
	c.Ring = &ring
	if f.at != "" {
		if c.At, err = time.Parse(time.RFC3339, f.at); err != nil {
			return askedCall{}, errors.New("--at is no time such as 2026-01-02T15:04:05Z")
		}
	}
	return c, nil
}

func policyExplainCommand() *cobra.Command {
	var api apiFlags
	var f policyCallFlags
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "explain [AGENT]",
		Short: "Say why the policies in force decide a call as they do",
		Long: `Describe a call to AGENT, or name a decision that the mesh has made, and see what the policies in force say of it: which
party was open or closed, which rules speak of the call, and which one decides. Limits, findings in content, and approvals that
were given are left aside; ringfence explain runs a request through everything that decides.`,
		Example: `  ringfence policy explain --from concierge --ring 2 --trust 500 --action transfer ledger
  ringfence policy explain --decision 6f1d2c3b`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (f.decision != "") {
				return fmt.Errorf("name the called agent, or --decision: %w", errUsage)
			}
			c, err := api.client()
			if err != nil {
				return err
			}
			var call askedCall
			if f.decision != "" {
				call, err = c.decidedCall(cmd, f.decision)
			} else {
				call, err = f.described(args[0])
			}
			if err != nil {
				return err
			}
			body, err := json.Marshal(call)
			if err != nil {
				return fmt.Errorf("describing the call: %w", err)
			}
			var answer policyExplained
			request := apiRequest{method: http.MethodPost, path: "/v1/policies/explain", header: http.Header{"Content-Type": {jsonType}}, body: body}
			if err := c.decoded(cmd.Context(), request, &answer); err != nil {
				return err
			}
			return output.print(cmd.OutOrStdout(), answer, answer.print)
		},
	}
	api.register(cmd.Flags())
	f.register(cmd.Flags())
	output.register(cmd.Flags())
	return cmd
}

// decidedCall returns the call of a decision that the mesh remembers.
func (c client) decidedCall(cmd *cobra.Command, id string) (askedCall, error) {
	var record audit.Record
	if err := c.decoded(cmd.Context(), apiRequest{method: http.MethodGet, path: "/v1/decisions/" + url.PathEscape(id)}, &record); err != nil {
		return askedCall{}, err
	}
	call, ok := rulebook.CallOf(record)
	if !ok {
		return askedCall{}, fmt.Errorf("policies were not asked when %s was decided: %s by %s (%s)", id, record.Decision, first(record.Factor, "nobody"), record.Reason)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "decided then: %s%s, at epoch %s\n", record.Decision, because(record), first(record.Epoch, "-"))
	return describeCall(call), nil
}

func because(r audit.Record) string {
	if r.Factor == "" {
		return ""
	}
	return fmt.Sprintf(" by %s (%s)", r.Factor, r.Reason)
}

func (e policyExplained) print(out io.Writer) error {
	fmt.Fprintf(out, "%s by %s, at epoch %s\n", e.Decided.Decision, e.Decided, first(e.Epoch, "-"))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(e.Explanation.Parties) > 0 {
		fmt.Fprintln(table, "\nPARTY\tSAYS\tPOLICIES\tCLOSED BY")
	}
	rules := 0
	for _, p := range e.Explanation.Parties {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", p.Party, p.Decision, p.Documents, first(p.ClosedBy, "- (open)"))
		rules += len(p.Rules)
	}
	if err := table.Flush(); err != nil || rules == 0 {
		return err
	}
	fmt.Fprintln(table, "\nRULE\tAT\tKIND\tMODE\tRESULT\tWHY")
	for _, p := range e.Explanation.Parties {
		for _, r := range p.Rules {
			why := r.Asks
			if r.Field != "" {
				why = r.Field + ": " + strings.Join(strings.Fields(r.Condition), " ")
			}
			fmt.Fprintf(table, "%s %s rules[%d]\t%s:%d\t%s\t%s\t%s\t%s\n", p.Party, r.Policy, r.Rule, r.File, r.Line, r.Kind, r.Mode, r.Result, first(why, "-"))
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing the explanation: %w", err)
	}
	for _, r := range e.Explanation.Shadowed {
		fmt.Fprintf(out, "in shadow mode, %s %s would refuse it: %s\n", r.Party, r.Policy, r.Reason)
	}
	return nil
}
