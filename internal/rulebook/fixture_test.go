package rulebook

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/store"
)

// text is a document of the callee's party about one agent, with the rule in YAML.
func text(name, target, rule string) string {
	return fmt.Sprintf(`apiVersion: ringfence.dev/v1
kind: Policy
metadata:
  name: %s
spec:
  party: callee
  targets:
    agents: ['%s']
  rules:
    - %s
`, name, target, rule)
}

const (
	forbid = "forbid: {}"
	permit = "permit: {}"
)

// logs passes the messages of a log on. It is of several goroutines.
type logs chan string

func (l logs) Enabled(context.Context, slog.Level) bool { return true }
func (l logs) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l logs) WithGroup(string) slog.Handler            { return l }
func (l logs) Handle(_ context.Context, r slog.Record) error {
	select {
	case l <- r.Message:
	default:
	}
	return nil
}

// await returns when the message was logged.
func (l logs) await(t *testing.T, message string) {
	t.Helper()
	for {
		select {
		case m := <-l:
			if m == message {
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing logged says %q", message)
		}
	}
}

// mesh is what books of a test share, and fellow one process in it.
type mesh struct {
	t      *testing.T
	bucket store.Bucket
}

type fellow struct {
	*Book
	agents atomic.Pointer[NamedAgents]
	logs   logs
	news   chan struct{}
}

func newMesh(t *testing.T) *mesh {
	t.Helper()
	memory := store.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	bucket, err := memory.Bucket(t.Context(), BucketName)
	if err != nil {
		t.Fatal(err)
	}
	return &mesh{t, bucket}
}

// open opens a book that knows the agents weather and ledger, and that looks at its directory when it is told to.
func (m *mesh) open(dir string, configure ...func(*Config)) *fellow {
	m.t.Helper()
	f := &fellow{logs: make(logs, 1000), news: make(chan struct{}, 1000)}
	f.agents.Store(&NamedAgents{"weather": "team a", "ledger": "team b"})
	config := Config{
		Dir: dir, Every: time.Hour, Bucket: m.bucket, Now: time.Now, Logger: slog.New(f.logs),
		Agents:  func() policy.Agents { return *f.agents.Load() },
		Changed: func() { f.news <- struct{}{} },
	}
	for _, c := range configure {
		c(&config)
	}
	var err error
	if f.Book, err = Open(m.t.Context(), config); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(f.Close)
	return f
}

// looks has the book look at its directory now.
func (f *fellow) looks(t *testing.T) {
	t.Helper()
	f.look(t.Context())
	f.refresh()
}

// register says which agents there are from now on, all of an owner of their name. What is in news afterwards is new.
func (f *fellow) register(names ...agent.ID) {
	for len(f.news) > 0 {
		<-f.news
	}
	agents := NamedAgents{}
	for _, name := range names {
		agents[name] = agent.Owner(name)
	}
	f.agents.Store(&agents)
	f.Recheck()
}

// put writes a document and returns the error.
func (f *fellow) put(t *testing.T, name, source string, configure ...func(*Change)) (Receipt, error) {
	t.Helper()
	c := Change{Name: name, Source: []byte(source), By: "Ada"}
	for _, configure := range configure {
		configure(&c)
	}
	return f.Put(t.Context(), c)
}

// must is put for writes that have to succeed.
func (f *fellow) must(t *testing.T, name, source string, configure ...func(*Change)) Receipt {
	t.Helper()
	receipt, err := f.put(t, name, source, configure...)
	if err != nil {
		t.Fatalf("writing %s: %v", name, err)
	}
	return receipt
}

// inForce returns the names of the documents of the live set, and - without one.
func (f *fellow) inForce() string {
	set := f.Image()
	if set == nil {
		return "-"
	}
	var names []string
	for _, d := range set.Documents() {
		names = append(names, d.Name)
	}
	return strings.Join(names, " ")
}

// reasons are the problems in the status, one a line.
func reasons(problems []policy.Problem) string {
	lines := make([]string, len(problems))
	for i, p := range problems {
		p.File = filepath.Base(p.File)
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func entryOf(key, value string) store.Entry {
	return store.Entry{Key: key, Value: []byte(value), Revision: 1}
}
