package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/agent"
)

type explainFlags struct {
	from, data, method, path, peer, delegation, gate string
	headers                                          []string
	asJSON, stream                                   bool
}

func explainCommand() *cobra.Command {
	var api apiFlags
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain AGENT [TEXT]",
		Short: "Show how a request would be decided, factor by factor",
		Long: `Describe a request to AGENT; the mesh runs it through the pipeline that decides real ones, and prints what each
factor sees and says. Nothing is sent to the agent, no nonce is used, nothing is counted or recorded.

With --from, the named agent is taken to be the caller, as if it had signed the request. Without, the evidence in
--header is judged: the output of ` + "`ringfence sign`" + `, for example, which @FILE reads. With TEXT, the request is a JSON-RPC
SendMessage; --data gives any other body.`,
		Example: `  ringfence explain --from concierge weather "Will it rain in Paris?"
  ringfence explain --from concierge --delegation "$CHAIN" ledger "Pay the rent"
  ringfence explain --from concierge --data @call.json ledger
  ringfence sign --key concierge.pem --data @call.json http://127.0.0.1:10000/agents/ledger |
    ringfence explain --header @- --data @call.json ledger`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			body, err := f.describe(cmd.InOrStdin(), args)
			if err != nil {
				return err
			}
			var answer explained
			if err := c.do(cmd.Context(), http.MethodPost, "/v1/explain", body, &answer); err != nil {
				return err
			}
			if f.asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(answer)
			}
			return printExplanation(cmd.OutOrStdout(), answer)
		},
	}
	api.register(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "agent that is taken to be the caller")
	flags.StringVarP(&f.data, "data", "d", "", "body; @FILE reads a file, @- reads standard input")
	flags.StringVarP(&f.method, "request", "X", "", "HTTP method (default: POST with a body, else GET)")
	flags.StringVar(&f.path, "path", "", "path on the gateway (default: that of the agent)")
	flags.StringVar(&f.peer, "peer", "", "SPIFFE ID of the connection")
	flags.StringVar(&f.delegation, "delegation", "", "chain of delegation under which the agent calls; @FILE reads a file, @- reads standard input")
	flags.StringVar(&f.gate, "gate", "", "gate through which the caller acts")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "further header, such as 'A2A-Version: 1.0'; @FILE reads lines of a file, @- of standard input")
	flags.BoolVar(&f.stream, "stream", false, "with TEXT, ask for a stream of events")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON instead of a table")
	return cmd
}

func (f *explainFlags) describe(stdin io.Reader, args []string) (explainBody, error) {
	b := explainBody{Caller: agent.ID(f.from), Callee: agent.ID(args[0]), Method: f.method, Path: f.path, Peer: f.peer, Headers: map[string]string{}}
	given, err := readHeaders(stdin, f.headers)
	if err != nil {
		return explainBody{}, err
	}
	for name, values := range given {
		b.Headers[name] = values[0]
	}
	chain, err := readDelegation(stdin, f.delegation)
	if err != nil {
		return explainBody{}, err
	}
	if chain != "" {
		b.Headers["agent-delegation"] = chain
	}
	if f.gate != "" {
		b.Headers["agent-gate"] = f.gate
	}
	switch {
	case len(args) == 2 && f.data != "":
		return explainBody{}, errors.New("give a text or --data, not both")
	case len(args) == 2:
		b.Body, err = messageBody(args[1], f.stream)
	default:
		var data []byte
		data, err = readBody(stdin, f.data)
		b.Body = string(data)
	}
	if b.Body != "" && given.Get("content-type") == "" {
		b.Headers["content-type"] = "application/json"
	}
	return b, err
}

// readHeaders returns header fields: each given as itself, or as the lines of a file or of standard input.
func readHeaders(stdin io.Reader, given []string) (http.Header, error) {
	var lines []string
	for _, one := range given {
		data, err := readGiven(stdin, one)
		if err != nil {
			return nil, fmt.Errorf("reading headers: %w", err)
		}
		lines = append(lines, strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' || r == '\r' })...)
	}
	return parseHeaders(lines)
}

// messageBody returns the body of a JSON-RPC call that sends one text.
func messageBody(text string, stream bool) (string, error) {
	method := "SendMessage"
	if stream {
		method = "SendStreamingMessage"
	}
	data, err := json.Marshal(map[string]any{
		"jsonrpc": "2.0", "id": 1, "method": method,
		"params": map[string]any{"message": map[string]any{
			"messageId": "explain", "role": "ROLE_USER", "parts": []any{map[string]string{"text": text}},
		}},
	})
	if err != nil {
		return "", fmt.Errorf("writing the message: %w", err)
	}
	return string(data), nil
}

// printExplanation prints a table in which each thing that a factor sees has a row of its own, so that rows stay short.
func printExplanation(out io.Writer, answer explained) error {
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FACTOR\tVALUE\tVERDICT\tWITNESS")
	for _, f := range answer.Factors {
		verdict, witness := f.Verdict, ""
		if verdict == "" {
			verdict = "-"
		}
		if f.Reason != "" {
			verdict += " (" + f.Reason + ")"
		}
		if f.Witness {
			witness = "this one: " + f.Message
		}
		values := strings.Split(f.Value, "; ")
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.Factor, values[0], verdict, witness)
		for _, value := range values[1:] {
			fmt.Fprintf(table, "\t%s\t\t\n", value)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing the explanation: %w", err)
	}
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(out, strings.TrimRight(line, " \n"))
	}
	fmt.Fprintf(out, "\n%s", answer.Decision)
	if answer.Factor != "" {
		fmt.Fprintf(out, " by %s (%s)", answer.Factor, answer.Reason)
	}
	fmt.Fprintf(out, ", in ring %s with trust %d, at revision %d\n", answer.Ring, answer.Trust, answer.Revision)
	return nil
}
