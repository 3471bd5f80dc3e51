package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2aclient"
	"github.com/a2aproject/a2a-go/v2/a2aclient/agentcard"
	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"
	legacygrpc "github.com/a2aproject/a2a-go/v2/a2agrpc/v0"
	a2agrpc "github.com/a2aproject/a2a-go/v2/a2agrpc/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// played is what the operations of an SDK came to over one wire: kinds of results and states of tasks, or the error
// that ended them.
type played struct {
	Wire, Error                     string
	Send, Stream, Cancel, Subscribe []string
}

// wanted is what every SDK must see over every wire, as the agent's scenarios have it.
func wanted() map[string]played {
	want := map[string]played{}
	for _, w := range wires {
		want[w.String()] = played{
			Wire:      w.String(),
			Send:      []string{"task TASK_STATE_COMPLETED"},
			Stream:    []string{"task TASK_STATE_SUBMITTED", "statusUpdate TASK_STATE_WORKING", "artifactUpdate", "statusUpdate TASK_STATE_COMPLETED"},
			Cancel:    []string{"task TASK_STATE_CANCELED"},
			Subscribe: []string{"task TASK_STATE_INPUT_REQUIRED", "statusUpdate TASK_STATE_CANCELED"},
		}
	}
	return want
}

// TestSDKs lets the official clients resolve the card through the mesh and call what it offers: they know nothing of
// signatures, which the proxy before the mesh adds.
func TestSDKs(t *testing.T) {
	t.Parallel()
	base := fronted(t, conformanceAgent(t))
	for name, play := range map[string]func(*testing.T, string) []played{
		"go": playGo, "python": playPython, "javascript": playJavaScript,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := map[string]played{}
			for _, p := range play(t, base) {
				got[p.Wire] = p
			}
			if diff := cmp.Diff(wanted(), got); diff != "" {
				t.Errorf("through the mesh (-want +got)\n%s", diff)
			}
		})
	}
}

func playPython(t *testing.T, base string) []played {
	source := filepath.Join("..", "conformance", "python")
	dir := environment(t, "python3", source, []string{"requirements.txt"}, func(ctx context.Context, dir string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c", `python3 -m venv "$0" && "$0"/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$0"/requirements.txt`, dir)
	})
	return client(t, filepath.Join(dir, "bin", "python"), filepath.Join(source, "client.py"), base)
}

func playJavaScript(t *testing.T, base string) []played {
	source := filepath.Join("..", "conformance", "js")
	dir := environment(t, "npm", source, []string{"package.json", "package-lock.json"}, func(ctx context.Context, dir string) *exec.Cmd {
		install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=peer")
		install.Dir = dir
		return install
	})
	// Node looks for packages beside the script, so it has to run from where they are.
	script, err := os.ReadFile(filepath.Join(source, "client.js"))
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Join(dir, fmt.Sprintf("client-%d.js", os.Getpid()))
	if err := os.WriteFile(here, script, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(here) })
	return client(t, "node", here, base)
}

// client runs an SDK's client, which prints what it saw.
func client(t *testing.T, interpreter, script, base string) []played {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*bound)
	defer cancel()
	run := exec.CommandContext(ctx, interpreter, script, base)
	var problems bytes.Buffer
	run.Stderr = &problems
	out, err := run.Output()
	if err != nil {
		// What was seen before is compared all the same.
		t.Errorf("%s: %v\n%s", filepath.Base(script), err, tail(problems.String()))
	}
	var seen []played
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p played
		if err := decoder.Decode(&p); err == io.EOF {
			return seen
		} else if err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		seen = append(seen, p)
	}
}

// tail keeps the end of a long text: stack traces have their point there.
func tail(text string) string {
	const most = 4000
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}

func playGo(t *testing.T, base string) []played {
	ctx, cancel := context.WithTimeout(t.Context(), 2*bound)
	defer cancel()
	web := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(web.CloseIdleConnections)
	resolver := agentcard.NewResolver(web)
	resolver.CardParser = a2av0.NewAgentCardParser()
	card, err := resolver.Resolve(ctx, base)
	if err != nil {
		t.Fatal(err)
	}
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	var seen []played
	for _, i := range card.SupportedInterfaces {
		client, err := a2aclient.NewFromEndpoints(ctx, []*a2a.AgentInterface{i},
			a2aclient.WithJSONRPCTransport(web), a2aclient.WithRESTTransport(web), a2agrpc.WithGRPCTransport(plain),
			a2av0.WithJSONRPCTransport(a2av0.JSONRPCTransportConfig{Client: web}),
			a2av0.WithRESTTransport(a2av0.RESTTransportConfig{Client: web}), legacygrpc.WithGRPCTransport(plain),
		)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Destroy() }) //nolint:errcheck // the test has ended
		p := goClient{client, wire{string(i.ProtocolVersion), string(i.ProtocolBinding)}}
		one, err := p.play(ctx)
		if err != nil {
			one.Error = err.Error()
		}
		seen = append(seen, one)
	}
	return seen
}

type goClient struct {
	*a2aclient.Client
	wire wire
}

func (c goClient) request(prefix, row string) *a2a.SendMessageRequest {
	message := a2a.NewMessage(a2a.MessageRoleUser, a2a.NewTextPart("Will it rain?"))
	message.ID = prefix + "-go-" + strings.NewReplacer("/", "-", "+", "-").Replace(c.wire.String()) + "-" + row
	return &a2a.SendMessageRequest{Message: message}
}

func (c goClient) play(ctx context.Context) (played, error) {
	p := played{Wire: c.wire.String()}
	sent, err := c.SendMessage(ctx, c.request("tck-complete-task", "send"))
	if err != nil {
		return p, fmt.Errorf("send: %w", err)
	}
	p.Send = []string{kindOf(sent)}
	for event, err := range c.SendStreamingMessage(ctx, c.request("tck-stream-001", "stream")) {
		if err != nil {
			return p, fmt.Errorf("stream: %w", err)
		}
		p.Stream = append(p.Stream, kindOf(event))
	}
	waiting, err := c.SendMessage(ctx, c.request("tck-input-required", "cancel"))
	if err != nil {
		return p, fmt.Errorf("send before cancel: %w", err)
	}
	cancelled, err := c.CancelTask(ctx, &a2a.CancelTaskRequest{ID: waiting.TaskInfo().TaskID})
	if err != nil {
		return p, fmt.Errorf("cancel: %w", err)
	}
	p.Cancel = []string{kindOf(cancelled)}
	if waiting, err = c.SendMessage(ctx, c.request("tck-input-required", "subscribe")); err != nil {
		return p, fmt.Errorf("send before subscribe: %w", err)
	}
	for event, err := range c.SubscribeToTask(ctx, &a2a.SubscribeToTaskRequest{ID: waiting.TaskInfo().TaskID}) {
		if err != nil {
			return p, fmt.Errorf("subscribe: %w", err)
		}
		if p.Subscribe = append(p.Subscribe, kindOf(event)); len(p.Subscribe) == 1 {
			if _, err := c.CancelTask(ctx, &a2a.CancelTaskRequest{ID: waiting.TaskInfo().TaskID}); err != nil {
				return p, fmt.Errorf("cancel while subscribed: %w", err)
			}
		}
	}
	return p, nil
}

func kindOf(event a2a.Event) string {
	switch e := event.(type) {
	case *a2a.Task:
		return "task " + string(e.Status.State)
	case *a2a.TaskStatusUpdateEvent:
		return "statusUpdate " + string(e.Status.State)
	case *a2a.TaskArtifactUpdateEvent:
		return "artifactUpdate"
	}
	return "message"
}
