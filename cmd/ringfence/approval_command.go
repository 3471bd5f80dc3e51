package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/identity"
)

func approvalsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approvals",
		Short: "See which calls wait for people, and approve or deny them",
		Long: `Policies can have a call wait until people approve it. An approval is for that very call: any other, and the same one
after the policies have changed, is asked about anew. It is used once, when the caller repeats the call.

Approvers prove who they are: with a ballot signed with the key that the configuration has of them (--key), or with a
token of an issuer (--token). The administrator's token reads approvals, and never votes.`,
	}
	cmd.AddCommand(approvalsListCommand(), approvalsShowCommand(), approvalsVoteCommand(approval.Approve), approvalsVoteCommand(approval.Deny),
		approvalsWithdrawCommand())
	return cmd
}

func approvalURL(id string) string { return approvalsPath + "/" + url.PathEscape(id) }

func approvalsListCommand() *cobra.Command {
	var api apiFlags
	var state, caller, callee string
	var limit int
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List approvals, the latest first",
		Example: `  ringfence approvals list
  ringfence approvals list --state '' --caller concierge`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			for name, value := range map[string]string{"state": state, "caller": caller, "callee": callee} {
				if value != "" {
					query.Set(name, value)
				}
			}
			var found approvalsBody
			if err := c.do(cmd.Context(), http.MethodGet, approvalsPath+"?"+query.Encode(), nil, &found); err != nil {
				return err
			}
			return output.print(cmd.OutOrStdout(), found, func(out io.Writer) error { return printApprovals(out, found) })
		},
	}
	flags := cmd.Flags()
	api.register(flags)
	flags.StringVar(&state, "state", "pending", "pending, granted, consumed, denied, expired or withdrawn; empty lists all")
	flags.StringVar(&caller, "caller", "", "only those of this calling agent")
	flags.StringVar(&callee, "callee", "", "only those about this called agent")
	flags.IntVar(&limit, "limit", 100, "how many at most, 1 to 1000")
	output.register(flags)
	return cmd
}

func printApprovals(out io.Writer, found approvalsBody) error {
	if len(found.Approvals) == 0 {
		_, err := fmt.Fprintln(out, "no approval is there")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "APPROVAL\tSTATE\tUNTIL\tAPPROVED\tREQUEST")
	for _, a := range found.Approvals {
		state := string(a.State)
		if a.Outdated {
			state += ", outdated"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", a.ID, state, a.Expires.UTC().Format(time.RFC3339), approvedOf(a.Approval), a.Summary)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing approvals: %w", err)
	}
	if found.More {
		_, err := fmt.Fprintln(out, "there are more; --limit lists them")
		return err
	}
	return nil
}

// approvedOf says how many have approved, of how many, for each requirement.
func approvedOf(a approval.Approval) string {
	parts := make([]string, len(a.Requirements))
	for i, r := range a.Requirements {
		parts[i] = fmt.Sprintf("%d/%d", r.Approved, r.Minimum)
	}
	return orDash(parts)
}

func approvalsShowCommand() *cobra.Command {
	var api apiFlags
	var output outputFlag
	cmd := &cobra.Command{
		Use:     "show APPROVAL",
		Short:   "Show what is asked, who has to approve it, and what was said",
		Example: `  ringfence approvals show mzxw6ytboi2gk3th.nrqxg5dfon2c4z3pn5sca3ldnv`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			var a approvalBody
			if err := c.do(cmd.Context(), http.MethodGet, approvalURL(args[0]), nil, &a); err != nil {
				return err
			}
			return output.print(cmd.OutOrStdout(), a, func(out io.Writer) error { return printApproval(out, a) })
		},
	}
	api.register(cmd.Flags())
	output.register(cmd.Flags())
	return cmd
}

func printApproval(out io.Writer, a approvalBody) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, value)
		}
	}
	line("approval", a.ID)
	state := string(a.State)
	if a.Outdated {
		state += ", outdated: policies have changed since, and the call is asked about anew when it is repeated"
	}
	line("state", state)
	line("until", a.Expires.UTC().Format(time.RFC3339))
	line("request", a.Summary)
	holders := make([]string, len(a.Holders))
	for i, holder := range a.Holders {
		holders[i] = string(holder)
	}
	line("chain", strings.Join(holders, " -> "))
	line("digest", a.Digest)
	line("decision", a.Decision)
	for _, r := range a.Requirements {
		line("needs", fmt.Sprintf("%d of %s, for %s policy %s rules[%d]; %d approved", r.Minimum, strings.Join(r.Groups, ", "), r.Party, r.Policy, r.Rule, r.Approved))
	}
	owners := make([]string, len(a.Excluded))
	for i, owner := range a.Excluded {
		owners[i] = string(owner)
	}
	line("excluded", strings.Join(owners, ", "))
	for _, v := range a.Votes {
		said := string(v.Choice)
		if v.Reason != "" {
			said += ": " + v.Reason
		}
		line(v.At.UTC().Format(time.RFC3339), v.Approver+" "+said)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing approval: %w", err)
	}
	return nil
}

// voteFlags say who votes, and how that is proved.
type voteFlags struct {
	api                     apiFlags
	key, as, reason, digest string
}

func approvalsVoteCommand(choice approval.Choice) *cobra.Command {
	var f voteFlags
	short, after := "Approve a call that waits", "The call goes on when as many people as policies ask for have approved, and its caller repeats it."
	if choice == approval.Deny {
		short, after = "Deny a call that waits, for all", "One denial is enough, also when others have approved, as long as the call has not gone on."
	}
	cmd := &cobra.Command{
		Use:   string(choice) + " APPROVAL",
		Short: short,
		Long: short + ". " + after + `

With --key, a ballot is signed with that key, and only that proves who votes. It is for the digest that --digest gives, or
for the one that the mesh shows; with --digest, no token is needed. Without --key, --token has to be a token of yours.`,
		Example: fmt.Sprintf("  ringfence approvals %s mzxw6ytboi2gk3th.nrqxg5dfon2c4z3pn5sca3ldnv --key ada.pem --reason 'see ticket 4711'", choice),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := f.vote(cmd, args[0], choice)
			if err != nil {
				return err
			}
			return printApproval(cmd.OutOrStdout(), a)
		},
	}
	flags := cmd.Flags()
	f.api.register(flags)
	flags.StringVar(&f.key, "key", os.Getenv("RINGFENCE_APPROVER_KEY"), "private key file of the approver (default: $RINGFENCE_APPROVER_KEY)")
	flags.StringVar(&f.as, "as", "", "name of the approver, to be sure that the key or token is theirs")
	flags.StringVar(&f.reason, "reason", "", "why; it is kept with the vote")
	flags.StringVar(&f.digest, "digest", "", "digest of the request that the vote is about (default: the one the mesh shows)")
	return cmd
}

func (f *voteFlags) vote(cmd *cobra.Command, id string, choice approval.Choice) (approvalBody, error) {
	c, err := f.client()
	if err != nil {
		return approvalBody{}, err
	}
	body := approvalDecision{Decision: choice, Digest: f.digest, Reason: f.reason, Approver: f.as}
	var a approvalBody
	if body.Digest == "" {
		if err := c.do(cmd.Context(), http.MethodGet, approvalURL(id), nil, &a); err != nil {
			return approvalBody{}, err
		}
		if body.Digest = a.Digest; body.Digest == "" {
			return approvalBody{}, errors.New("the mesh does not show the digest of this approval; give it with --digest")
		}
	}
	if f.key != "" {
		key, err := identity.LoadKey(f.key)
		if err != nil {
			return approvalBody{}, err
		}
		body.Evidence, err = approval.Sign(key, approval.Statement{
			Approval: id, Digest: body.Digest, Choice: choice, Reason: f.reason,
		}, now())
		if err != nil {
			return approvalBody{}, err
		}
	}
	var voted approvalBody
	err = c.do(cmd.Context(), http.MethodPost, approvalURL(id)+"/decisions", body, &voted)
	return voted, err
}

// client needs no token where the ballot says everything.
func (f *voteFlags) client() (client, error) {
	c, err := f.api.client()
	if err == nil || f.key == "" || f.digest == "" {
		return c, err
	}
	ready, err := readReadiness(f.api.ready)
	if err != nil {
		return client{}, err
	}
	return client{base: apiURL(f.api.api, ready), http: &http.Client{Timeout: 30 * time.Second}}, nil
}

func approvalsWithdrawCommand() *cobra.Command {
	var api apiFlags
	cmd := &cobra.Command{
		Use:   "withdraw APPROVAL",
		Short: "Take an approval back, so that the call does not go on",
		Long: `Take an approval back, for who looks after the mesh: nobody decides about it any more, and one that was granted counts no
more. It says nothing about the call: when that is repeated, people are asked anew.`,
		Example: `  ringfence approvals withdraw mzxw6ytboi2gk3th.nrqxg5dfon2c4z3pn5sca3ldnv`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			return c.do(cmd.Context(), http.MethodDelete, approvalURL(args[0]), nil, nil)
		},
	}
	api.register(cmd.Flags())
	return cmd
}
