package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/config"
)

const (
	// probeBound ends a probe that gets no answer.
	probeBound = 5 * time.Second
	probeEvery = 100 * time.Millisecond
)

// readyFlags say where to ask and for how long.
type readyFlags struct {
	api, file string
	wait      time.Duration
}

func readyCommand() *cobra.Command {
	var f readyFlags
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Tell by the exit code whether a mesh is ready, for health checks",
		Long: `Ask the registry's API whether the mesh can do its work: exit code 0 says yes, 1 says no, with the reason. It needs
no token, and no shell around it.`,
		Example: `  ringfence ready
  ringfence ready --ready-file ready.json --wait 30s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			base, err := f.await(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "the mesh at "+base+" is ready")
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.api, "api", "", "address of the registry's API (default: $RINGFENCE_API, else "+config.Default().Listen.API+")")
	flags.StringVar(&f.file, "ready-file", "", "take the address from the file that up or serve wrote; without the file the mesh is not ready")
	flags.DurationVar(&f.wait, "wait", 0, "how long to keep asking (default: once)")
	return cmd
}

// await asks until the mesh is ready or the wait is over, once at least, and returns the API's URL.
func (f *readyFlags) await(ctx context.Context) (string, error) {
	deadline := time.NewTimer(f.wait)
	defer deadline.Stop()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		base, err := f.probe(ctx)
		if err == nil || f.wait <= 0 {
			return base, err
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return "", fmt.Errorf("waited %s: %w", f.wait, err)
		case <-ctx.Done():
			return "", err
		}
	}
}

func (f *readyFlags) probe(ctx context.Context) (string, error) {
	base, err := f.where()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, probeBound)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return "", fmt.Errorf("reading the API's address: %w", cause(err))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("not ready: the API at %s does not answer: %w", base, cause(err))
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return "", fmt.Errorf("not ready: the answer of the API at %s broke off: %w", base, cause(err))
	}
	if response.StatusCode != http.StatusOK {
		return "", refusal(response.StatusCode, data)
	}
	return base, nil
}

// where returns the URL of the API that is asked.
func (f *readyFlags) where() (string, error) {
	ready, err := readReadiness(f.file)
	if err != nil {
		return "", fmt.Errorf("not ready: %w", err)
	}
	return apiURL(f.api, ready), nil
}
