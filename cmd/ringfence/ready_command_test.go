package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// run executes a command line and returns what it printed.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := root()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// readyAPI serves /readyz alone, with the given statuses in turn; the last one stays.
func readyAPI(t *testing.T, statuses ...int) string {
	t.Helper()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/readyz" || r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(statuses[min(int(asked.Add(1)), len(statuses))-1])
		fmt.Fprint(w, `{"title":"Service Unavailable","detail":"not ready: the store is closed"}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestReady(t *testing.T) {
	t.Parallel()
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "ready.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ready := readyAPI(t, http.StatusOK)
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, test := range []struct {
		name string
		args []string
		want string // a part of the error; empty for ready
	}{
		{"ready", []string{"--api", ready}, ""},
		{"host-and-port", []string{"--api", strings.TrimPrefix(ready, "http://")}, ""},
		{"slash-at-the-end", []string{"--api", ready + "/"}, ""},
		{"ready-file", []string{"--ready-file", file(`{"api":"` + strings.TrimPrefix(ready, "http://") + `"}`)}, ""},
		{"ready-later", []string{"--wait", "1m", "--api", readyAPI(t, 503, 503, 200)}, ""},
		{"not-ready", []string{"--api", readyAPI(t, 503)}, "503: not ready: the store is closed"},
		{"not-ready-in-time", []string{"--wait", "1ms", "--api", readyAPI(t, 503)}, "waited 1ms: the API answered 503"},
		{"another-service", []string{"--api", readyAPI(t, 404)}, "the API answered 404"},
		{"nobody-listens", []string{"--api", gone.URL}, "not ready: the API at " + gone.URL + " does not answer"},
		{"no-ready-file", []string{"--ready-file", file("") + ".not"}, "not ready: reading ready file"},
		{"broken-ready-file", []string{"--ready-file", file("{")}, "reading ready file"},
		{"no-address", []string{"--api", "no address"}, "reading the API's address"},
		{"argument", []string{"now"}, "unknown command"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out, err := run(t, append([]string{"ready"}, test.args...)...)
			switch {
			case test.want == "" && (err != nil || !strings.Contains(out, "is ready")):
				t.Errorf("printed %q, error %v", out, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n")):
				t.Errorf("error %v, want one sentence with %q", err, test.want)
			}
		})
	}
}

// TestRegisterReplace wants a registration to replace the one of the same name when told to, and only then.
func TestRegisterReplace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		registered bool
		args       []string
		want       string
	}{
		{"new", false, nil, "POST /v1/agents"},
		{"taken", true, nil, "POST /v1/agents"},
		{"replace-new", false, []string{"--replace"}, "GET /v1/agents/weather POST /v1/agents"},
		{"replace-taken", true, []string{"--replace"}, "GET /v1/agents/weather PUT /v1/agents/weather"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Method+" "+r.URL.Path)
				if r.Method == http.MethodGet && !test.registered {
					w.WriteHeader(http.StatusNotFound)
				}
				fmt.Fprint(w, `{"name":"weather"}`)
			}))
			t.Cleanup(server.Close)
			args := []string{"register", "weather", "--card-url", "http://weather.example", "--api", server.URL, "--token", "t"}
			if out, err := run(t, append(args, test.args...)...); err != nil || !strings.Contains(out, `"weather"`) {
				t.Fatalf("printed %q, error %v", out, err)
			}
			if got := strings.Join(asked, " "); got != test.want {
				t.Errorf("asked %q, want %q", got, test.want)
			}
		})
	}
}
