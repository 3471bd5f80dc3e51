package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/registry/api"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/trust"
)

// trustLog is the log of trust of a test.
type trustLog struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (l *trustLog) add(e trust.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	json.NewEncoder(&l.lines).Encode(e) //nolint:errcheck // writes to memory
}

func (l *trustLog) file(t *testing.T) string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	path := filepath.Join(t.TempDir(), "trust.jsonl")
	if err := os.WriteFile(path, l.lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// trusted serves the API about the trust of two agents, on which the signals were observed.
type trusted struct {
	flags  []string
	url    string
	api    huma.API
	review trustReview
	ledger *trust.Ledger
	bucket store.Bucket
	log    *trustLog
}

func newTrusted(t *testing.T, signals ...trust.Signal) *trusted {
	t.Helper()
	memory := store.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	bucket, err := memory.Bucket(t.Context(), "trust")
	if err != nil {
		t.Fatal(err)
	}
	mesh := registry.NewSnapshot(1, []*agent.Record{
		{Name: "weather", Owner: "team", Base: agent.TrustUser, Ceiling: agent.User, Status: agent.Active},
		{Name: "concierge", Base: agent.TrustUnknown, Ceiling: agent.Supervisor, Status: agent.Active},
	})
	f := &trusted{bucket: bucket, log: &trustLog{}}
	config := trust.Config{
		Bucket: bucket, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Rules: trust.DefaultRules(), Agent: mesh.Agent, Recorded: f.log.add,
	}
	first, err := trust.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	first.Observe(signals...)
	if err := first.Close(t.Context()); err != nil { // all is stored then
		t.Fatal(err)
	}
	if f.ledger, err = trust.Open(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.ledger.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	mux := http.NewServeMux()
	f.api = bareAPI(mux)
	f.review = trustReview{
		ledger: f.ledger, agents: func() *registry.Snapshot { return mesh }, now: time.Now, logger: slog.New(slog.DiscardHandler),
	}
	f.review.register(f.api)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	f.url, f.flags = server.URL, []string{"--api", server.URL, "--token", "t"}
	return f
}

func (f *trusted) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := trustCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(append(args, f.flags...))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestAgentsLearnNoDealings has an agent ask for the trust of another: it is told the score, and not with whom the other
// deals, for what it was refused, or who cleared it.
func TestAgentsLearnNoDealings(t *testing.T) {
	t.Parallel()
	f := newTrusted(t, observed(trust.Completed, "weather", "concierge"), observed(trust.LinkForged, "weather", "concierge"))
	admitted := func(*http.Request, []byte) (agent.ID, error) { return "concierge", nil }
	server, err := api.New(api.Config{Agents: admitted, Logger: slog.New(slog.DiscardHandler), Extend: f.review.register})
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodGet, "/v1/agents/weather/trust", nil)
	request.Header.Set("Signature-Input", "agent=()")
	recorder := httptest.NewRecorder()
	server.Handler().ServeHTTP(recorder, request)
	said := recorder.Body.String()
	if recorder.Code != http.StatusOK || !strings.Contains(said, `"score":40`) || !strings.Contains(said, `"quarantined":true`) {
		t.Errorf("status %d: %s", recorder.Code, said)
	}
	for _, secret := range []string{"concierge", "link-forged", "d-1", "team"} {
		if strings.Contains(said, secret) {
			t.Errorf("the agent learns %q: %s", secret, said)
		}
	}
}

func observed(kind trust.Kind, name, counterparty agent.ID) trust.Signal {
	return trust.Signal{Agent: name, Counterparty: counterparty, Kind: kind, Exchange: "d-1", At: time.Now().Unix()}
}

func TestTrustCommands(t *testing.T) {
	t.Parallel()
	f := newTrusted(t,
		observed(trust.Completed, "weather", "concierge"), observed(trust.LinkForged, "weather", "concierge"),
		observed(trust.Served, "concierge", "weather"))
	out, err := f.run(t, "show", "weather")
	for _, want := range []string{
		"score       40, without evidence 400", "ring        3, at most 2",
		"quarantine  until a person clears it: link-forged concierge d-1", `base 400 owner "team"`, "completed",
	} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("show does not say %q: %v\n%s", want, err, out)
		}
	}
	// Evidence decays from the second on after it was seen.
	if !regexp.MustCompile(`evidence    (1\.000|0\.99\d) good, (200\.000|199\.99\d) bad`).MatchString(out) {
		t.Errorf("show says of the evidence:\n%s", out)
	}
	if out, err = f.run(t, "events", "concierge"); err != nil || !strings.Contains(out, "served") || strings.Contains(out, "link-forged") {
		t.Errorf("events: %v\n%s", err, out)
	}
	for range 2 {
		if out, err = f.run(t, "replay", "weather"); err != nil || !strings.Contains(out, "weather has score 40 ") {
			t.Errorf("replay: %v\n%s", err, out)
		}
		if out, err = f.run(t, "replay", "weather", "--log", f.log.file(t)); err != nil || !strings.Contains(out, "weather has score 40 ") {
			t.Errorf("replay of the log: %v\n%s", err, out)
		}
	}
	if _, err := f.run(t, "clear", "weather", "--by", "ada", "--reason", ""); err == nil || !strings.Contains(err.Error(), "422") {
		t.Errorf("clear without a reason: %v", err)
	}
	out, err = f.run(t, "clear", "weather", "--by", "ada", "--reason", "a test of ours")
	if err != nil || out != "weather takes part again, with score 40 in ring 3\n" {
		t.Errorf("clear: %v\n%s", err, out)
	}
	if out, err = f.run(t, "events", "weather"); err != nil || !strings.Contains(out, `by "ada": "a test of ours"`) {
		t.Errorf("events after clear: %v\n%s", err, out)
	}
	if _, err := f.run(t, "clear", "weather", "--by", "ada", "--reason", "again"); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("clear of an agent that takes part: %v", err)
	}
	for _, command := range []string{"show", "events", "replay", "clear"} {
		args := []string{command, "nobody"}
		if command == "clear" {
			args = append(args, "--by", "ada", "--reason", "x")
		}
		if _, err := f.run(t, args...); err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("%s of an unknown agent: %v", command, err)
		}
	}
}

// TestReplayFindsOut holds that a replay notices events that do not give what the mesh has.
func TestReplayFindsOut(t *testing.T) {
	t.Parallel()
	f := newTrusted(t, observed(trust.ContentLow, "weather", "concierge"))
	log := f.log.file(t)
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ from, to, want string }{
		"lighter": {`"weight":1000000000`, `"weight":1`, "do not replay"},
		"missing": {`"seq":2`, `"seq":200`, "event 2 of weather is in no log"},
		"rules":   {trust.DefaultRules().Version(), "0123456789ab", "other rules"},
		"broken":  {`{"agent"`, `"agent"`, "no event of trust"},
	} {
		changed := strings.Replace(string(data), test.from, test.to, 1)
		if changed == string(data) {
			t.Fatalf("%s changed nothing", name)
		}
		path := filepath.Join(t.TempDir(), "trust.jsonl")
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.run(t, "replay", "weather", "--log", path); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNobodyReportsTrust holds that the API about trust has one write, and that nothing but a person and a reason gets
// through it: an agent cannot report its own trust, nor anybody another's.
func TestNobodyReportsTrust(t *testing.T) {
	t.Parallel()
	f := newTrusted(t)
	for path, item := range f.api.OpenAPI().Paths {
		for method, operation := range map[string]*huma.Operation{
			"POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete,
		} {
			if operation != nil && (method != "POST" || path != "/v1/agents/{name}/trust/clear") {
				t.Errorf("%s %s writes", method, path)
			}
		}
	}
	const clearance = `{"by":"weather","reason":"I am good"`
	for path, body := range map[string]string{
		"/v1/agents/weather/trust":        `{"score":1000}`,
		"/v1/agents/weather/trust/events": `{"kind":"completed","weight":1000000000000}`,
		"/v1/agents/weather/trust/clear":  clearance + `,"score":1000,"good":400000}`,
	} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch} {
			request, err := http.NewRequestWithContext(t.Context(), method, f.url+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, response.Body) //nolint:errcheck // the status tells
			response.Body.Close()
			if response.StatusCode < 400 {
				t.Errorf("%s %s is answered with %d", method, path, response.StatusCode)
			}
		}
	}
	if out, err := f.run(t, "show", "weather"); err != nil || !strings.Contains(out, "score     400,") {
		t.Errorf("afterwards: %v\n%s", err, out)
	}
}

func TestTrustOfUnreadableHistory(t *testing.T) {
	t.Parallel()
	f := newTrusted(t)
	revision, err := f.bucket.Put(t.Context(), "weather", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for image := f.ledger.Image(); ; image = f.ledger.Image() { // until it has the write
		if _, ok := image.History("weather"); ok {
			break
		}
		if t.Context().Err() != nil {
			t.Fatalf("revision %d was not seen", revision)
		}
	}
	if out, err := f.run(t, "show", "weather"); err != nil || !strings.Contains(out, "cannot be read") || !strings.Contains(out, "score       0") {
		t.Errorf("show: %v\n%s", err, out)
	}
	if _, err := f.run(t, "replay", "weather"); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("replay: %v", err)
	}
	if out, err := f.run(t, "clear", "weather", "--by", "ada", "--reason", "the disk"); err != nil || out != "weather takes part again, with score 400 in ring 2\n" {
		t.Errorf("clear: %v\n%s", err, out)
	}
}

func TestPrintEvents(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := printEvents(&out, []trust.Event{
		{Seq: 1, Kind: trust.Registered, At: 0, Base: 250, Owner: "a\nb", Inherited: 7 * trust.Point, From: "old"},
		{Seq: 2, Kind: trust.ContentHigh, At: 60, Counterparty: "bank", Class: "content-secret", Exchange: "d-2", Count: 12},
	})
	want := fmt.Sprintf("%s\n%s\n%s\n",
		"SEQ  AT                    EVENT         TIMES  WITH  ABOUT",
		`1    1970-01-01T00:00:00Z  registered                 base 250 owner "a\nb" takes over 7.000 bad from old`,
		"2    1970-01-01T00:01:00Z  content-high  12     bank  content-secret d-2")
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out.String(), want)
	}
}
