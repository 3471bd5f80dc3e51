package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/killswitch"
	"ringfence.dev/ringfence/internal/store"
)

// switchboard serves the API of kill switches and returns the board behind it.
func switchboard(t *testing.T) (url string, board *killswitch.Board, memory *store.Memory, log *bytes.Buffer) {
	t.Helper()
	memory = store.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	bucket, err := memory.Bucket(t.Context(), killswitch.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	board, err = killswitch.Open(t.Context(), killswitch.Config{
		Bucket: bucket, Now: func() time.Time { return noon }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(board.Close)
	log = &bytes.Buffer{}
	mux := http.NewServeMux()
	killSwitches{board: board, logger: slog.New(slog.NewTextHandler(log, nil))}.register(bareAPI(mux))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, board, memory, log
}

// runKill runs ringfence kill.
func runKill(t *testing.T, url string, args ...string) (string, error) {
	t.Helper()
	cmd := killCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(append(args, "--api", url, "--token", "t"))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestKillCommands(t *testing.T) {
	t.Parallel()
	url, board, _, log := switchboard(t)
	const owner = "Team A/B <a@b.example> 100%"
	for _, args := range [][]string{
		{"agent", "weather", "--reason", "answers nonsense", "--by", "ann"}, {"owner", owner, "--by", "bob"}, {"mesh", "--reason", "incident 42", "--by", "ann"},
	} {
		if out, err := runKill(t, url, args...); err != nil || out != "" {
			t.Errorf("%q: %q, %v", args, out, err)
		}
	}
	out, err := runKill(t, url, "list")
	want := `SCOPE  NAME                         SINCE                 BY   REASON
mesh   -                            2026-07-01T12:00:00Z  ann  incident 42
owner  ` + owner + `  2026-07-01T12:00:00Z  bob  -
agent  weather                      2026-07-01T12:00:00Z  ann  answers nonsense
`
	if err != nil || out != want {
		t.Errorf("list: %v\n%s", err, out)
	}
	if s, killed := board.Image().Killed("weather", ""); !killed || s.Reason != "incident 42" {
		t.Errorf("the agent is stopped by %+v", s)
	}
	for _, args := range [][]string{{"lift", "mesh"}, {"lift", "owner", owner}, {"lift", "agent", "weather"}} {
		if out, err := runKill(t, url, args...); err != nil || out != "" {
			t.Errorf("%q: %q, %v", args, out, err)
		}
		if _, err := runKill(t, url, args...); err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("%q again: %v", args, err)
		}
	}
	if out, err := runKill(t, url, "list"); err != nil || out != "no kill switch is pulled\n" {
		t.Errorf("list: %q, %v", out, err)
	}
	for _, args := range [][]string{{"agent", "Not a name"}, {"owner", strings.Repeat("x", 300)}, {"mesh", "--reason", "a\x1bb"}, {"lift", "agent", "Not a name"}} {
		if _, err := runKill(t, url, args...); err == nil || !strings.Contains(err.Error(), "422") {
			t.Errorf("%q: %v", args, err)
		}
	}
	if !strings.Contains(log.String(), `msg="a kill switch was pulled" scope=agent name=weather by=ann reason="answers nonsense"`) {
		t.Errorf("the log says\n%s", log)
	}
}

// TestKillSaysWho names the machine's user where nobody is named.
func TestKillSaysWho(t *testing.T) {
	t.Parallel()
	url, board, _, _ := switchboard(t)
	if _, err := runKill(t, url, "mesh"); err != nil {
		t.Fatal(err)
	}
	if s, _ := board.Image().Killed("weather", ""); s.By != operator() {
		t.Errorf("the switch was pulled by %q", s.By)
	}
}

func TestKillAPI(t *testing.T) {
	t.Parallel()
	url, board, memory, _ := switchboard(t)
	call := func(method, path, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var text bytes.Buffer
		if _, err := text.ReadFrom(response.Body); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, text.String()
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		answer             string
	}{
		{"GET", "/v1/kill", "", 200, `{"switches":[]}`},
		{"PUT", "/v1/kill/agents/weather", "", 200, `{"scope":"agent","name":"weather","at":"2026-07-01T12:00:00Z"}`},
		{"PUT", "/v1/kill/agents/weather", `{"reason":"r","by":"b"}`, 200, `{"scope":"agent","name":"weather","reason":"r","by":"b","at":"2026-07-01T12:00:00Z"}`},
		{"PUT", "/v1/kill/owners/a%2F..%2Fb%3F", `{}`, 200, `"scope":"owner","name":"a/../b?"`},
		{"PUT", "/v1/kill/mesh", `{"reason":"r","odd":1}`, 422, `body.odd`},
		{"PUT", "/v1/kill/mesh", `{"reason":7}`, 422, `body.reason`},
		{"PUT", "/v1/kill/agents/-", "", 422, "invalid switch"},
		{"DELETE", "/v1/kill/mesh", "", 404, "not pulled"},
		{"DELETE", "/v1/kill/agents/weather", "", 204, ""},
	} {
		status, answer := call(c.method, c.path, c.body)
		if status != c.status || !strings.Contains(answer, c.answer) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, answer)
		}
	}
	if len(board.List()) != 1 {
		t.Errorf("pulled are %+v", board.List())
	}
	memory.Close()
	for _, method := range []string{"PUT", "DELETE"} {
		if status, answer := call(method, "/v1/kill/mesh", ""); status != 503 || strings.Contains(answer, "closed") {
			t.Errorf("without a store %s says %d %s", method, status, answer)
		}
	}
	if status, answer := call("GET", "/v1/kill", ""); status != 200 || !strings.Contains(answer, "a/../b?") {
		t.Errorf("without a store the list is %d %s", status, answer)
	}
}

// TestKillOfNobody holds that a misspelled name is not taken for one that is stopped.
func TestKillOfNobody(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/kill/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v1/agents", func(w http.ResponseWriter, r *http.Request) {
		page := `{"agents": [{"name": "ledger", "owner": "finance"}], "nextPageToken": "2"}`
		if r.URL.Query().Get("pageToken") == "2" {
			page = `{"agents": [{"name": "weather", "owner": "team weather"}]}`
		}
		io.WriteString(w, page) //nolint:errcheck // the test fails by itself
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, c := range []struct {
		args   []string
		nobody bool
	}{
		{[]string{"agent", "weather"}, false},
		{[]string{"agent", "wether"}, true},
		{[]string{"owner", "team weather"}, false},
		{[]string{"owner", "weather"}, true},
		{[]string{"mesh"}, false},
	} {
		if out, err := runKill(t, server.URL, c.args...); err != nil || strings.Contains(out, "stops nobody") != c.nobody {
			t.Errorf("%q: %q, %v", c.args, out, err)
		}
	}
}
