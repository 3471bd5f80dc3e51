package main

import (
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"ringfence.dev/ringfence/internal/config"
)

// TestWiring wants every part of both kinds of mesh to find what it needs.
func TestWiring(t *testing.T) {
	t.Parallel()
	for _, m := range []mode{servicesOnly, withEnvoy} {
		if err := fx.ValidateApp(modules(config.Default(), m, "", "envoy"), fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger })); err != nil {
			t.Error(err)
		}
	}
}

func TestDecisionIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 10_000 {
		id := newDecisionID()
		if seen[id] || len(id) != 18 || !strings.HasPrefix(id, "d-") {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

func TestUnderstandableErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		args []string
		want string
		code int
	}{
		"unknown-command": {[]string{"fly"}, `unknown command "fly"`, 1},
		"unknown-flag":    {[]string{"up", "--port", "1"}, "unknown flag: --port", 2},
		"no-card":         {[]string{"register", "weather"}, "card", 1},
		"no-key":          {[]string{"call", "http://127.0.0.1:1/agents/x", "hi"}, "ringfence identity new", 1},
		"no-text":         {[]string{"call", "http://127.0.0.1:1/agents/x"}, "--get", 1},
		"no-key-file":     {[]string{"sign", "--key", "/nowhere.pem", "http://127.0.0.1:1/"}, "/nowhere.pem", 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := root()
			cmd.SetArgs(c.args)
			err := cmd.Execute()
			if err == nil || !strings.Contains(err.Error(), c.want) || exitCode(err) != c.code {
				t.Errorf("error %v with code %d, want %q with %d", err, exitCode(err), c.want, c.code)
			}
		})
	}
}
