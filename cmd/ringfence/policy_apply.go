package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/policy"
)

func policyApplyCommand() *cobra.Command {
	var api apiFlags
	var output outputFlag
	var files []string
	var by, tag string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE...",
		Short: "Write policies to the mesh",
		Long: `Write the policies of files and of directories to the mesh, each under its name. All are tried first: if one would be
refused, none is written. They come into force one after the other.

With --dry-run, nothing is written; the mesh says what each of them alone would turn of the decisions that it remembers.`,
		Example: `  ringfence policy apply -f guard.yaml
  ringfence policy apply -f policies/ --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			documents, problems := readPolicies(cmd.InOrStdin(), files)
			if len(problems) > 0 {
				return refusedBy(cmd.ErrOrStderr(), problems)
			}
			if tag != "" && len(documents) != 1 {
				return fmt.Errorf("--etag goes with one policy, and there are %d: %w", len(documents), errUsage)
			}
			a := application{client: c, by: first(by, operator()), tag: tag}
			results, err := a.all(cmd.Context(), documents, true)
			if err == nil && !dryRun {
				results, err = a.all(cmd.Context(), documents, false)
			}
			if len(results) > 0 {
				if err := output.print(cmd.OutOrStdout(), results, func(out io.Writer) error { return printApplied(out, results) }); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			return heldBack(cmd.ErrOrStderr(), results)
		},
	}
	flags := cmd.Flags()
	api.register(flags)
	output.register(flags)
	flags.StringArrayVarP(&files, "filename", "f", nil, "file or directory with policies, or - for standard input; repeat for several (required)")
	flags.BoolVar(&dryRun, "dry-run", false, "write nothing, and say what would come of it")
	flags.StringVar(&by, "by", "", "who writes them (default: the name of this machine's user)")
	flags.StringVar(&tag, "etag", "", "write the policy only if its ETag, of ringfence policy get -o json, is still this one")
	cmd.MarkFlagRequired("filename") //nolint:errcheck // the flag exists
	return cmd
}

// applied is what came of one document.
type applied struct {
	Policy    policyBody        `json:"policy"`
	Created   bool              `json:"created"`
	Unchanged bool              `json:"unchanged"`
	DryRun    bool              `json:"dryRun,omitempty"`
	InForce   bool              `json:"inForce"`
	Epoch     string            `json:"epoch,omitempty"`
	Elsewhere []policyProblem   `json:"elsewhere,omitempty"`
	Flips     *policyComparison `json:"flips,omitempty"`
}

// application writes documents to a mesh.
type application struct {
	client  client
	by, tag string
}

// all writes the documents. Of a dry run every problem is told; of writes, what was written before the first error.
func (a application) all(ctx context.Context, documents []*policy.Document, dryRun bool) ([]applied, error) {
	var results []applied
	var problems []error
	for _, d := range documents {
		result, err := a.one(ctx, d, dryRun)
		switch {
		case err == nil:
			results = append(results, result)
		case dryRun:
			problems = append(problems, err)
		default:
			return results, err
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(append(problems, errors.New("nothing was written"))...)
	}
	return results, nil
}

// quoted returns an ETag in the quotes that belong to it, which shells take away.
func quoted(tag string) string {
	if tag == "*" || strings.Contains(tag, `"`) {
		return tag
	}
	return `"` + tag + `"`
}

func (a application) one(ctx context.Context, d *policy.Document, dryRun bool) (applied, error) {
	query := url.Values{"dryRun": {strconv.FormatBool(dryRun)}, "by": {a.by}}
	request := apiRequest{
		method: http.MethodPut, path: policyPath(d.Name) + "?" + query.Encode(), header: http.Header{"Content-Type": {yamlType}}, body: d.Source,
	}
	if a.tag != "" {
		request.header.Set("If-Match", quoted(a.tag))
	}
	var result applied
	err := a.client.decoded(ctx, request, &result)
	var refused *apiRefusal
	if errors.As(err, &refused) {
		return applied{}, refused.in(d)
	}
	return result, err
}

// in returns the refusal of a document with the lines of the file that it stands in.
func (r *apiRefusal) in(d *policy.Document) error {
	offset := 0
	if alone, _ := policy.Parse(d.File, d.Source); len(alone) == 1 {
		offset = d.Line - alone[0].Line
	}
	var lines []error
	for _, e := range r.problem.Errors {
		number, ok := strings.CutPrefix(e.Location, "line ")
		line, err := strconv.Atoi(number)
		p := policyProblem{File: d.File, Reason: e.Message}
		if ok && err == nil {
			p.Line = line + offset
		} else if e.Location != "body" {
			p.Reason = e.Location + ": " + p.Reason
		}
		lines = append(lines, errors.New(p.String()))
	}
	if len(lines) == 0 {
		return fmt.Errorf("%s: %w", d.Name, r)
	}
	return errors.Join(lines...)
}

func printApplied(out io.Writer, results []applied) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "POLICY\tPARTY\tMODE\tRESULT\tVERSION\tFLIPS")
	for _, r := range results {
		result := "replaced"
		switch {
		case r.Unchanged:
			result = "unchanged"
		case r.Created:
			result = "created"
		}
		if r.DryRun {
			result += " (dry run)"
		}
		flips := "-"
		if r.Flips != nil {
			flips = fmt.Sprintf("%d of %d", r.Flips.Flipped, r.Flips.Compared)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", r.Policy.Name, r.Policy.Party, r.Policy.Mode, result, r.Policy.Version, flips)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing policies: %w", err)
	}
	return nil
}

// heldBack returns an error where policies are stored and not in force, and prints why that is.
func heldBack(out io.Writer, results []applied) error {
	if len(results) == 0 || results[len(results)-1].InForce {
		return nil
	}
	last := results[len(results)-1]
	for _, p := range last.Elsewhere {
		fmt.Fprintf(out, "refused: %s\n", p)
	}
	if last.DryRun {
		return errors.New("the policies would be kept, and not be in force, as others that the mesh holds are refused")
	}
	return errors.New("the policies are kept, and not in force, as others that the mesh holds are refused")
}
