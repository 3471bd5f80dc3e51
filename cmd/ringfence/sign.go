package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// now is the clock of the command-line tools.
var now = time.Now

func signCommand() *cobra.Command {
	var key, keyID, method, data string
	var headers []string
	cmd := &cobra.Command{
		Use:   "sign URL",
		Short: "Print the headers that sign one request, for curl",
		Long: `Sign one request as an agent (RFC 9421, Ed25519) and print the header lines that prove it. The signature covers
the method, the authority, the path, the query and the body, and is good once, for a minute.

Give --data and --header exactly what curl will send. Bodies of curl's --data lose line breaks when read from
a file: use --data-binary there.`,
		Example: `  ringfence sign --key concierge.pem --data @call.json http://127.0.0.1:10000/agents/weather > signature
  curl --header @signature --json @call.json http://127.0.0.1:10000/agents/weather`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := signer(key, keyID)
			if err != nil {
				return err
			}
			body, err := readBody(cmd.InOrStdin(), data)
			if err != nil {
				return err
			}
			if method == "" {
				method = http.MethodGet
				if cmd.Flags().Changed("data") {
					method = http.MethodPost
				}
			}
			given, err := parseHeaders(headers)
			if err != nil {
				return err
			}
			signed, err := s.Headers(method, args[0], given, body)
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(signed)) {
				for _, value := range signed[name] {
					fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", name, value)
				}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&key, "key", "", "private key file of the agent that signs")
	flags.StringVar(&keyID, "key-id", "", "DID URL of the key (default: its did:key)")
	flags.StringVarP(&method, "request", "X", "", "HTTP method (default: POST with --data, else GET)")
	flags.StringVarP(&data, "data", "d", "", "body; @FILE reads a file, @- reads standard input")
	flags.StringArrayVarP(&headers, "header", "H", nil, "header the request will carry and the signature must cover, such as 'A2A-Version: 1.0'")
	return cmd
}

func readBody(stdin io.Reader, data string) ([]byte, error) {
	body, err := readGiven(stdin, data)
	if err != nil {
		return nil, fmt.Errorf("reading body: %w", err)
	}
	return body, nil
}

// readGiven returns what a flag gives: itself, the content of @FILE, or standard input for @-.
func readGiven(stdin io.Reader, given string) ([]byte, error) {
	name, ok := strings.CutPrefix(given, "@")
	switch {
	case !ok:
		return []byte(given), nil
	case name == "-":
		return io.ReadAll(stdin)
	default:
		return os.ReadFile(name)
	}
}

func parseHeaders(lines []string) (http.Header, error) {
	header := http.Header{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, errors.New("--header must be 'Name: value'")
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return header, nil
}
