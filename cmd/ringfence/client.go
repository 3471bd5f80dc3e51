package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"ringfence.dev/ringfence/internal/config"
)

// apiFlags say where the registry's API is and how to be let in.
type apiFlags struct {
	api, token, ready string
}

func (f *apiFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.api, "api", "", "address of the registry's API (default: $RINGFENCE_API, else "+config.Default().Listen.API+")")
	flags.StringVar(&f.token, "token", "", "API token (default: $RINGFENCE_TOKEN, else the token file in the data directory)")
	flags.StringVar(&f.ready, "ready-file", "", "take address and token from the file that up or serve wrote")
}

// client talks to the registry's API.
type client struct {
	base, token string
	http        *http.Client
}

func (f *apiFlags) client() (client, error) {
	c := client{http: &http.Client{Timeout: 30 * time.Second}}
	ready, err := readReadiness(f.ready)
	if err != nil {
		return client{}, err
	}
	c.base = apiURL(f.api, ready)
	c.token = first(f.token, ready.Token, os.Getenv("RINGFENCE_TOKEN"))
	if c.token == "" {
		path := filepath.Join(config.Default().DataDir, tokenFile)
		data, err := os.ReadFile(path)
		if err != nil {
			return client{}, fmt.Errorf("no API token: give --token, --ready-file or $RINGFENCE_TOKEN (the mesh keeps its token in %s)", path)
		}
		c.token = strings.TrimSpace(string(data))
	}
	return c, nil
}

// apiURL returns where the API is: as given, as the ready file or the environment say, or where it is by default.
func apiURL(given string, ready readiness) string {
	base := first(given, ready.API, os.Getenv("RINGFENCE_API"), config.Default().Listen.API)
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	return strings.TrimSuffix(base, "/")
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// problem is an RFC 9457 answer, as far as people need it.
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

// do sends one JSON request and decodes the answer into out; nil expects none.
func (c client) do(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("building request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("reaching the API at %s (is the mesh up? --api names another address): %w", c.base, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil {
		return fmt.Errorf("reading the API's answer: %w", err)
	}
	if response.StatusCode >= 300 {
		return refusal(response.StatusCode, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("decoding the API's answer: %w", err)
	}
	return nil
}

func refusal(status int, data []byte) error {
	var p problem
	if err := json.Unmarshal(data, &p); err != nil || p.Title == "" {
		return fmt.Errorf("the API answered %d", status)
	}
	problems := []error{fmt.Errorf("the API answered %d: %s", status, first(p.Detail, p.Title))}
	for _, e := range p.Errors {
		problems = append(problems, fmt.Errorf("  %s: %s", e.Location, e.Message))
	}
	return errors.Join(problems...)
}
