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
		Store: Store{Replicas: 1, Stale: 15 * time.Minute},
		Identity: Identity{
			KeysStale: 24 * time.Hour, Replay: "auto",
			Web: WebDIDs{Refresh: 5 * time.Minute, Stale: time.Hour, Swap: "hold"},
		},
		Trust: Trust{
			Weight: 20, GoodHalfLife: 7 * 24 * time.Hour, BadHalfLife: 30 * 24 * time.Hour, BadFactor: 5, GoodCap: 400,
			Dwell: 24 * time.Hour,
		},
		Rings:      defaultRings(),
		Delegation: Delegation{Missing: "lenient", Linger: 30 * time.Minute, Links: 100_000, Share: "auto"},
		Policies:   defaultPolicies(),
		Approvals:  defaultApprovals(),
		Content:    defaultContent(),
		Tasks:      Tasks{Mode: "enforce", Unknown: "agent", Contexts: "shared", Memory: 100_000, Retention: 30 * 24 * time.Hour, Finished: 24 * time.Hour, Durability: "memory"},
		Push:       Push{Schemes: []string{"https"}},
		Limits: Limits{
			Body:     limits.Bytes,
			Answer:   4 << 20,
			Answers:  256 << 20,
			Depth:    limits.Depth,
			Members:  limits.Members,
			Decision: time.Second,
			Idle:     30 * time.Minute,
			Nonces:   1 << 20,
			Share:    "auto",
		},
		Envoy: Envoy{LogLevel: "warning", Drain: 10 * time.Second, Shape: "auto", Codec: "raw", RPC: "lean"},
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

// plain rewords what YAML says of unknown keys and wrong types: it names Go types that operators do not know.
func plain(text string) string {
	if line, rest, ok := strings.Cut(text, ": field "); ok {
		if key, _, ok := strings.Cut(rest, " not found in type "); ok {
			return line + ": unknown key " + key
		}
	}
	if line, rest, ok := strings.Cut(text, ": cannot unmarshal "); ok {
		if i := strings.LastIndex(rest, " into "); i >= 0 {
			return line + ": " + given(rest[:i]) + " where " + wanted(rest[i+len(" into "):]) + " has to stand"
		}
	}
	return text
}

// given names the value that YAML found, which it tells as a tag and, of scalars, their text in backquotes.
func given(value string) string {
	switch tag, text, _ := strings.Cut(value, " "); {
	case tag == "!!seq":
		return "a list"
	case tag == "!!map":
		return "a section"
	default:
		return strings.ReplaceAll(text, "`", `"`)
	}
}

// wanted names what the configuration has at a place of this Go type.
func wanted(goType string) string {
	switch {
	case goType == "bool":
		return "true or false"
	case goType == "int", goType == "int64":
		return "a whole number"
	case goType == "time.Duration":
		return "a duration, such as 30s,"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "config."):
		return "a section of keys"
	default:
		return "a text"
	}
}
