package main

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
	key := filepath.Join(t.TempDir(), "key.pem")
	if _, err := run(t, "identity", "new", "--out", key); err != nil {
		t.Fatal(err)
	}
	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(empty.Close)
	cases := map[string]struct {
		args []string
		want string
		code int
	}{
		"unknown-command": {[]string{"fly"}, `unknown command "fly"`, 1},
		"unknown-flag":    {[]string{"up", "--port", "1"}, "unknown flag: --port", 2},
		"few-arguments":   {[]string{"cards", "approve", "weather"}, "usage: ringfence cards approve NAME DIGEST", 2},
		"many-arguments":  {[]string{"check", "ringfence.yaml"}, "usage: ringfence check [flags]", 2},
		"no-card":         {[]string{"register", "weather"}, "card", 1},
		"no-key":          {[]string{"call", "http://127.0.0.1:1/agents/x", "hi"}, "ringfence identity new", 1},
		"no-url":          {[]string{"call", "127.0.0.1:10000/agents/x", "hi", "--key", key}, "AGENT-URL must be", 1},
		"no-agent":        {[]string{"call", empty.URL, "hi", "--key", key}, "no agent is registered at http", 1},
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

func TestOwnAddresses(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	l := &listeners{grpc: listener, api: listener, cards: listener, gateway: "10.9.8.7:10000"}
	l.admin.Store("127.0.0.1:9901")
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host, port string
		want       bool
	}{
		{"127.0.0.1", port, true},
		{"::1", port, true},
		{"0.0.0.0", port, true},
		{"localhost", port, true},
		{"LOCALHOST", port, true},
		{"::ffff:127.0.0.1", port, true},
		{"127.0.0.1", "9901", true},
		{"10.9.8.7", "10000", true},
		{"127.0.0.1", "1", false},
		{"192.0.2.1", port, false},
		{"10.9.8.7", "1", false},
	} {
		if got := l.owns(c.host, c.port); got != c.want {
			t.Errorf("%s:%s is own: %v", c.host, c.port, got)
		}
	}
}

func TestPanicsAreErrors(t *testing.T) {
	t.Parallel()
	serve := func() (err error) {
		defer recovered(slog.New(slog.DiscardHandler), "method", &err)
		panic("boom")
	}
	if err := serve(); status.Code(err) != codes.Internal {
		t.Errorf("a panic ends in %v", err)
	}
}
