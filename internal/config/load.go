package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
)

// Default returns the configuration used where a file sets nothing. Everything listens on loopback.
func Default() Config {
	limits := a2a.DefaultLimits()
	return Config{
		DataDir: defaultDataDir(),
		Listen: Listen{
			Gateway:    "127.0.0.1:10000",
			API:        "127.0.0.1:15080",
			GRPC:       "127.0.0.1:15010",
			Cards:      "127.0.0.1:0",
			EnvoyAdmin: "127.0.0.1:0",
		},
		Mesh:     Mesh{Domain: "mesh.local"},
		Registry: Registry{Capabilities: []agent.Capability{"call:*"}},
		Cards: Cards{
			Verify: "warn", Algorithms: []string{"EdDSA", "ES256", "RS256"}, Refresh: 5 * time.Minute, Serve: "resign",
			Changes: CardChanges{Interfaces: "hold", Skills: "accept", Security: "hold", Keys: "hold", Other: "accept"},
		},
		Store:   Store{Replicas: 1},
		Rings:   Rings{Read: 3, Write: 2, Admin: 1},
		Content: Content{Mode: "enforce", Answers: "flag"},
		Tasks:   Tasks{Unknown: "agent", Contexts: "shared", Memory: 100_000, Retention: 30 * 24 * time.Hour, Finished: 24 * time.Hour, Durability: "memory"},
		Push:    Push{Schemes: []string{"https"}},
		Limits: Limits{
			Body:     limits.Bytes,
			Answer:   4 << 20,
			Answers:  256 << 20,
			Depth:    limits.Depth,
			Members:  limits.Members,
			Decision: time.Second,
			Idle:     30 * time.Minute,
			Nonces:   1 << 20,
		},
		Envoy: Envoy{LogLevel: "warning", Drain: 10 * time.Second},
		Log:   Log{Level: "info", Format: "text"},
		Audit: Audit{Recent: 10000},
	}
}

func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "ringfence")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "ringfence")
	}
	return "ringfence-data"
}

// Load reads a file over the defaults. The error lists every unknown key, wrong type and invalid value, with
// lines where YAML knows them.
func Load(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading configuration: %w", err)
	}
	c, err := Parse(data)
	if err != nil {
		return Config{}, fmt.Errorf("%s:\n%w", path, err)
	}
	return c, nil
}

// Parse reads one YAML document over the defaults.
func Parse(data []byte) (Config, error) {
	c := Default()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	err := decoder.Decode(&c)
	if errors.Is(err, io.EOF) {
		return c, nil // an empty file sets nothing
	}
	problems := syntaxProblems(err)
	if err == nil && !errors.Is(decoder.Decode(new(yaml.Node)), io.EOF) {
		problems = append(problems, errors.New("only one document is allowed: remove everything after ---"))
	}
	var typed *yaml.TypeError
	if err != nil && !errors.As(err, &typed) {
		return Config{}, errors.Join(problems...)
	}
	// Values that did decode are checked too, so that one run shows everything there is to fix.
	if err := c.Validate(); err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return Config{}, errors.Join(problems...)
	}
	return c, nil
}

func syntaxProblems(err error) []error {
	var typed *yaml.TypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &typed):
		problems := make([]error, 0, len(typed.Errors))
		for _, text := range typed.Errors {
			problems = append(problems, errors.New(plain(text)))
		}
		return problems
	default:
		return []error{errors.New(strings.TrimPrefix(err.Error(), "yaml: "))}
	}
}

// plain rewords what YAML says of unknown keys, which names Go types that operators do not know.
func plain(text string) string {
	line, rest, ok := strings.Cut(text, ": field ")
	if !ok {
		return text
	}
	key, _, ok := strings.Cut(rest, " not found in type ")
	if !ok {
		return text
	}
	return line + ": unknown key " + key
}
