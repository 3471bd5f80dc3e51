package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"ringfence.dev/ringfence/tests/conformance"
	"ringfence.dev/ringfence/tests/envoytest"
)

// operation is one row of the matrix: what prepares it, and the step whose answers are compared.
type operation struct {
	name    string
	prepare []step
	compare step
	// during happens while the compared step streams, as soon as so many events have come.
	during *step
	after  int
	// refused says that the agent answers with an error.
	refused bool
	// card says that the answer is a card, whose addresses the mesh changes.
	card bool
	// own says that the mesh answers itself, and need only refuse as well.
	own bool
	// unordered says that protobuf writes the members of the answer in any order.
	unordered bool
}

// operations returns the rows for one wire. Message ids, and so task ids, are its own.
func operations(w wire) []operation {
	id := func(prefix, row string) string {
		return prefix + "-" + strings.NewReplacer("/", "-", "+", "-").Replace(w.String()) + "-" + row
	}
	done := func(row string) (step, string) {
		m := id("tck-complete-task", row)
		return step{op: "send", message: m}, conformance.TaskID(m)
	}
	waiting := func(row string) (step, string) {
		m := id("tck-input-required", row)
		return step{op: "send", message: m}, conformance.TaskID(m)
	}
	version := map[string]string{"A2A-Version": "99.0"}
	extensions := map[string]string{"A2A-Extensions": conformance.Extension + ", https://example.com/unknown/v1"}
	makeGet, got := done("get")
	makeList, _ := done("list")
	makeContinue, continued := waiting("continue")
	makeCancel, cancelled := waiting("cancel")
	makeSubscribe, subscribed := waiting("subscribe")
	makeEnded, ended := done("ended")
	unlisted := w == wire{"0.3", "JSONRPC"} // 0.3 lists tasks over its other bindings alone
	held := id(conformance.HoldPrefix, "stream-cancel")
	// push is a row about the one push configuration of a task of its own.
	push := func(op string, before ...string) operation {
		makeTask, task := done(op)
		o := operation{name: op, prepare: []step{makeTask}, compare: step{op: op, task: task, config: "c1"}}
		for _, b := range before {
			o.prepare = append(o.prepare, step{op: b, task: task, config: "c1"})
		}
		return o
	}
	return []operation{
		{name: "send", compare: step{op: "send", message: id("tck-complete-task", "send")}},
		{name: "send-answered-by-message", compare: step{op: "send", message: id("tck-message-response", "send")}},
		{name: "send-data", compare: step{op: "send", message: id("tck-artifact-data", "send")}, unordered: true},
		{name: "send-file", compare: step{op: "send", message: id("tck-artifact-file", "send")}},
		{name: "send-on", prepare: []step{makeContinue}, compare: step{op: "send", message: id("tck-complete-task", "on"), task: continued}},
		{name: "send-to-unknown-task", refused: true, compare: step{op: "send", message: id("tck-complete-task", "nobody"), task: "task-nobody"}},
		{name: "stream", compare: step{op: "stream", message: id("tck-stream-artifact-chunked", "stream")}},
		{name: "stream-answered-by-message", compare: step{op: "stream", message: id("tck-message-response", "stream")}},
		{name: "stream-cancelled", compare: step{op: "stream", message: held}, during: &step{op: "cancel", task: conformance.TaskID(held)}, after: 2},
		{name: "get", prepare: []step{makeGet}, compare: step{op: "get", task: got}},
		{name: "get-unknown-task", refused: true, compare: step{op: "get", task: "task-nobody"}},
		{name: "list", refused: unlisted, prepare: []step{makeList}, compare: step{op: "list", query: conformance.ContextID(makeList.message)}},
		{name: "list-nothing", refused: unlisted, compare: step{op: "list", query: "context-nobody"}},
		{name: "cancel", prepare: []step{makeCancel}, compare: step{op: "cancel", task: cancelled}},
		{name: "cancel-unknown-task", refused: true, compare: step{op: "cancel", task: "task-nobody"}},
		{name: "subscribe", prepare: []step{makeSubscribe}, compare: step{op: "subscribe", task: subscribed}, during: &step{op: "cancel", task: subscribed}, after: 1},
		{name: "subscribe-to-ended-task", refused: true, prepare: []step{makeEnded}, compare: step{op: "subscribe", task: ended}},
		push("push-create"),
		push("push-get", "push-create"),
		push("push-list", "push-create"),
		push("push-delete", "push-create"),
		{name: "extended-card", compare: step{op: "extended-card"}, card: true},
		{name: "unknown-method", refused: true, compare: step{op: "unknown"}},
		{name: "malformed-params", refused: true, compare: step{op: "send", malformed: true}},
		{name: "unreadable", refused: true, compare: step{op: "send", unreadable: true}, own: true},
		{name: "version-99.0", refused: true, compare: step{op: "send", message: id("tck-complete-task", "version"), header: version}},
		{name: "parameters", compare: step{op: "send", message: id(conformance.EchoPrefix, "send"), header: extensions}},
	}
}

// TestMatrix says every operation in every generation and binding to an agent directly and through the mesh, and
// wants the same answers: byte for byte, but for cards.
func TestMatrix(t *testing.T) {
	t.Parallel()
	direct, through := directPeer(t), meshPeer(t)
	var mu sync.Mutex
	var failed []string
	// The table is printed when all cells have been played.
	t.Cleanup(func() {
		if len(failed) > 0 {
			slices.Sort(failed)
			t.Logf("cells that differ through the mesh (%d):\n  %s", len(failed), strings.Join(failed, "\n  "))
		}
	})
	cell := func(w wire, name string, play func(ctx context.Context, p *peer) (any, error)) {
		t.Run(w.String()+"/"+name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			defer cancel()
			t.Cleanup(func() {
				if t.Failed() {
					mu.Lock()
					defer mu.Unlock()
					failed = append(failed, w.String()+" "+name)
				}
			})
			want, err := play(ctx, direct)
			if err != nil {
				t.Fatalf("direct: %v", err)
			}
			got, err := play(ctx, through)
			if err != nil {
				t.Fatalf("through the mesh: %v", err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("differs (-direct +through the mesh)\n%s", diff)
			}
		})
	}
	cell(wire{"1.0", "card"}, "card", func(_ context.Context, p *peer) (any, error) { return p.cardMeaning(p.card) })
	for _, w := range wires {
		for _, o := range operations(w) {
			cell(w, o.name, func(ctx context.Context, p *peer) (any, error) { return o.play(ctx, p, w) })
		}
	}
}

// play prepares an operation and returns the answer to compare.
func (o operation) play(ctx context.Context, p *peer, w wire) (any, error) {
	for _, s := range o.prepare {
		r := w.render(s)
		if a, err := p.call(ctx, w, r, func() {}); err != nil {
			return nil, fmt.Errorf("preparing by %s: %w", s.op, err)
		} else if !strings.HasPrefix(a.Status, "200") && !strings.HasPrefix(a.Status, "OK") {
			return nil, fmt.Errorf("preparing by %s: %+v", s.op, a.readable(w, r.method))
		}
	}
	came := 0
	r := w.render(o.compare)
	a, err := p.call(ctx, w, r, func() {
		if came++; o.during != nil && came == o.after {
			_, _ = p.call(ctx, w, w.render(*o.during), func() {}) // what it did shows in the stream
		}
	})
	shown := a.readable(w, r.method)
	switch {
	case err != nil:
		return nil, err
	case p.direct && a.refuses() != o.refused:
		return nil, fmt.Errorf("the agent does not do what the row is about: %+v", shown)
	case o.own:
		return a.refuses(), nil
	case o.unordered:
		return shown, nil
	case o.card && len(shown.Messages) == 1:
		meaning, err := p.cardMeaning(shown.Messages[0])
		shown.Messages = nil
		return []any{shown, meaning}, err
	}
	if w.binding != "GRPC" {
		return a, nil
	}
	return []answer{a, shown}, nil
}

func directPeer(t *testing.T) *peer {
	t.Helper()
	agent := conformanceAgent(t)
	return newPeer(t, agent.URL, true)
}

func conformanceAgent(t *testing.T) *conformance.Agent {
	t.Helper()
	agent, err := conformance.Start(conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(agent.Close)
	return agent
}

// meshPeer starts an agent like the direct one behind a mesh, as its root agent, and a signing proxy before it.
func meshPeer(t *testing.T) *peer {
	t.Helper()
	url := fronted(t, conformanceAgent(t))
	return newPeer(t, url, false)
}

// fronted puts an agent behind a mesh and a signing proxy before that, and returns the proxy's URL.
func fronted(t *testing.T, agent *conformance.Agent) string {
	t.Helper()
	dir := t.TempDir()
	key := filepath.Join(dir, "caller.pem")
	ringfence(t, false, "identity", "new", "--out", key)
	// The proxy and the mesh have to know each other's address before either runs.
	gateway := fmt.Sprintf("127.0.0.1:%d", envoytest.FreePort(t))
	proxy := startProxy(t, key, "http://"+gateway)
	config := filepath.Join(dir, "fronted.yaml")
	settings := fmt.Sprintf(`registry: {allowedNetworks: [127.0.0.0/8]}
mesh: {publicURL: %q, rootAgent: conformance}
push: {schemes: [https, http], allowedNetworks: [127.0.0.0/8]}
envoy: {concurrency: 1, drain: 2s}
`, proxy) + unlimited
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	m := up(t, "up", dir, "--config", config, "--listen-gateway", gateway)
	ready := filepath.Join(dir, "ready.json")
	ringfence(t, false, "register", "caller", "--ready-file", ready, "--card-url", agent.URL, "--key", key, "--ring-ceiling", "1", "--capability", "call:*")
	ringfence(t, false, "register", "conformance", "--ready-file", ready, "--card-url", agent.URL)
	eventually(t, "the agent is reached through the mesh", func() error {
		status, body, err := get(proxy + "/.well-known/agent-card.json")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s\n%s", status, body, m.output.String())
		}
		return err
	})
	return proxy
}

func startProxy(t *testing.T, key, gateway string) string {
	t.Helper()
	lines, written, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer written.Close()
	p := &process{Cmd: exec.Command(filepath.Join(bin, "ringfence"), "proxy", "--key", key, "--to", gateway), exited: make(chan struct{})}
	p.Stdout, p.Stderr = written, &p.output
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		lines.Close()
		p.stop(t, syscall.SIGTERM)
		if t.Failed() {
			t.Logf("ringfence proxy:\n%s", p.output.String())
		}
	})
	line, err := bufio.NewReader(lines).ReadString('\n')
	if err != nil {
		t.Fatalf("the proxy does not start: %v\n%s", err, p.output.String())
	}
	return strings.TrimSpace(line)
}

func get(url string) (int, string, error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	return exchange(r)
}

// newPeer resolves the card at a base and connects to its interfaces. All of them must be below the base, or the card
// of a mesh leads past it.
func newPeer(t *testing.T, base string, direct bool) *peer {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	p := &peer{base: base, direct: direct, http: &http.Client{Transport: transport}, urls: map[wire]string{}}
	response, err := p.http.Get(base + "/.well-known/agent-card.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the card at %s: %s %s %v", base, response.Status, body, err)
	}
	p.card = string(body)
	var card struct {
		SupportedInterfaces []struct{ URL, ProtocolBinding, ProtocolVersion string }
	}
	if err := json.Unmarshal(body, &card); err != nil {
		t.Fatal(err)
	}
	for _, i := range card.SupportedInterfaces {
		p.urls[wire{i.ProtocolVersion, i.ProtocolBinding}] = i.URL
		if i.ProtocolBinding != "GRPC" && !strings.HasPrefix(i.URL, base+"/") && i.URL != base {
			t.Errorf("the card at %s leads to %s", base, i.URL)
		}
		if i.ProtocolBinding == "GRPC" && p.grpc == nil {
			if _, _, err := net.SplitHostPort(i.URL); err != nil {
				t.Errorf("gRPC is to be called at %s", i.URL)
			}
			if p.grpc, err = grpc.NewClient(i.URL, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.grpc.Close() })
		}
	}
	return p
}
