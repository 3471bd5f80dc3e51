package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/rulebook"
)

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Write, try and explain what callers, gateways and agents permit",
		Long: `Policies are documents in YAML that say what a party of a call permits, limits or wants people to approve. The mesh reads
them from its policy directory and takes them through its API. What is held comes into force only together and without a
problem: an unknown field, an agent that there is not, a rule that cannot apply or a test that fails is refused with file,
line and reason, and what was in force stays.`,
	}
	cmd.AddCommand(policyTestCommand(), policyListCommand(), policyGetCommand(), policyApplyCommand(), policyDeleteCommand(),
		policyExplainCommand(), policyDiffCommand(), policySchemaCommand(), policyShowCommand())
	return cmd
}

// outputFlag says how to print.
type outputFlag string

func (o *outputFlag) register(flags *pflag.FlagSet) {
	flags.StringVarP((*string)(o), "output", "o", "table", "table or json")
}

// print writes the value as JSON, or as the function does.
func (o outputFlag) print(out io.Writer, value any, table func(io.Writer) error) error {
	switch o {
	case "table":
		return table(out)
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(value)
	}
	return fmt.Errorf("--output is table or json: %w", errUsage)
}

// policyListing is every policy of a mesh.
type policyListing struct {
	Policies []policyBody `json:"policies"`
	Status   policyStatus `json:"status"`
}

func policyListCommand() *cobra.Command {
	var api apiFlags
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the policies, and say whether they are in force",
		Long: `List the policies that the mesh holds, and say whether they are in force. A policy that is held is waiting as long as it or
another one is refused; the problems are listed then. A policy that is leaving is held no more, and in force until that is
solved.`,
		Example: `  ringfence policy list`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			listing, err := fetchPolicies(cmd.Context(), c, false)
			if err != nil {
				return err
			}
			return output.print(cmd.OutOrStdout(), listing, listing.print)
		},
	}
	api.register(cmd.Flags())
	output.register(cmd.Flags())
	return cmd
}

func (l policyListing) print(out io.Writer) error {
	if len(l.Policies) > 0 {
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "POLICY\tPARTY\tMODE\tRULES\tSTATE\tFROM\tBY\tAT")
		for _, p := range l.Policies {
			from, at := first(p.File, "api"), "-"
			if p.Source == "api" {
				from = fmt.Sprintf("api, version %d", p.Version)
			}
			if p.At != nil {
				at = p.At.UTC().Format(time.RFC3339)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", p.Name, first(p.Party, "-"), first(p.Mode, "-"), p.Rules, p.State, from, first(p.By, "-"), at)
		}
		if err := table.Flush(); err != nil {
			return fmt.Errorf("printing policies: %w", err)
		}
		fmt.Fprintln(out)
	}
	return l.Status.print(out)
}

func (s policyStatus) print(out io.Writer) error {
	for _, p := range s.Problems {
		fmt.Fprintf(out, "refused: %s\n", p)
	}
	for _, p := range s.Warnings {
		fmt.Fprintf(out, "warning: %s\n", p)
	}
	var err error
	switch {
	case !s.Live:
		_, err = fmt.Fprintln(out, "no policies are in force, and every call is denied")
	case !s.Current:
		_, err = fmt.Fprintf(out, "%s in force since %s, epoch %s; what is held now is refused\n",
			counted(s.Documents, "older policy is", "older policies are"), s.Since.UTC().Format(time.RFC3339), s.Epoch)
	default:
		_, err = fmt.Fprintf(out, "%s in force since %s, epoch %s\n",
			counted(s.Documents, "policy is", "policies are"), s.Since.UTC().Format(time.RFC3339), s.Epoch)
	}
	return err
}

func policyGetCommand() *cobra.Command {
	var api apiFlags
	var output string
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Print a policy as it was written",
		Example: `  ringfence policy get guard > guard.yaml
  ringfence policy get guard -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			accept := map[string]string{"yaml": yamlType, "json": jsonType}[output]
			if accept == "" {
				return fmt.Errorf("--output is yaml or json: %w", errUsage)
			}
			answer, err := c.exchange(cmd.Context(), apiRequest{method: http.MethodGet, path: policyPath(args[0]), header: http.Header{"Accept": {accept}}})
			if err != nil {
				return err
			}
			if output == "json" {
				var body json.RawMessage = answer.body
				return outputFlag("json").print(cmd.OutOrStdout(), body, nil)
			}
			_, err = cmd.OutOrStdout().Write(answer.body)
			return err
		},
	}
	api.register(cmd.Flags())
	cmd.Flags().StringVarP(&output, "output", "o", "yaml", "yaml or json, which tells its state and its ETag, too")
	return cmd
}

func policyDeleteCommand() *cobra.Command {
	var api apiFlags
	var tag string
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a policy that was written through the API",
		Long: `Delete a policy that was written through the API. What it refused may be let through from then on: ringfence policy
diff --remove NAME says what that would have been.`,
		Example: `  ringfence policy delete guard`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			request := apiRequest{method: http.MethodDelete, path: policyPath(args[0]), header: http.Header{}}
			if tag != "" {
				request.header.Set("If-Match", quoted(tag))
			}
			_, err = c.exchange(cmd.Context(), request)
			return err
		},
	}
	api.register(cmd.Flags())
	cmd.Flags().StringVar(&tag, "etag", "", "delete it only if its ETag, of ringfence policy get -o json, is still this one")
	return cmd
}

func policySchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of policy documents, for editors",
		Example: `  ringfence policy schema > policy.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(policy.Schema())
			return err
		},
	}
}

func policyShowCommand() *cobra.Command {
	var trial policyTrial
	cmd := &cobra.Command{
		Use:   "show [PATH...]",
		Short: "Print the Cedar that policies are compiled to",
		Long: `Print the Cedar that policies are compiled to: those of files and of directories, or, without any, those that are in
force in the mesh. What is no part of Cedar, such as limits and approvals, is not in it.`,
		Example: `  ringfence policy show policies/
  ringfence policy show --api 127.0.0.1:15080`,
		RunE: func(cmd *cobra.Command, args []string) error {
			documents, agents, err := trial.read(cmd, args, true)
			if err != nil {
				return err
			}
			set, problems := rulebook.Judge(documents, agents)
			if set == nil {
				return refusedBy(cmd.ErrOrStderr(), problems)
			}
			_, err = cmd.OutOrStdout().Write(set.Cedar())
			return err
		},
	}
	trial.register(cmd.Flags())
	return cmd
}

// refusedBy prints problems, and returns the error to end with.
func refusedBy(out io.Writer, problems []policy.Problem) error {
	for _, p := range problemsOf(problems) {
		fmt.Fprintln(out, p)
	}
	if len(problems) == 0 {
		return errors.New("the policies are refused")
	}
	return fmt.Errorf("the policies are refused: %s", counted(len(problems), "problem", "problems"))
}
