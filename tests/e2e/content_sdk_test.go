package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/tests/envoytest"
)

// listen is a client on the official Python SDK that sends one message over each wire of a card, for a single answer and for
// a stream, and prints what it read, or the error that ended it.
const listen = `
import asyncio, json, sys
import grpc.aio, httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types import AgentCard, Message, Part, Role, SendMessageRequest


def words(event):
    parts = list(event.message.parts) + list(event.status_update.status.message.parts) + list(event.artifact_update.artifact.parts)
    return "".join(p.text for p in parts)


async def main(base):
    async with httpx.AsyncClient(timeout=30) as http:
        card = await A2ACardResolver(http, base).get_agent_card()
        for interface in card.supported_interfaces:
            one = AgentCard()
            one.CopyFrom(card)
            del one.supported_interfaces[:]
            one.supported_interfaces.append(interface)
            for streaming in (False, True):
                client = ClientFactory(ClientConfig(
                    streaming=streaming, httpx_client=http, grpc_channel_factory=grpc.aio.insecure_channel,
                    supported_protocol_bindings=[interface.protocol_binding])).create(one)
                for name in ("redacted", "blocked"):
                    read, error = [], ""
                    try:
                        async for event in client.send_message(SendMessageRequest(message=Message(
                                message_id=name + ("-stream" if streaming else "-send"), role=Role.ROLE_USER, parts=[Part(text="Go on.")]))):
                            read.append(words(event))
                    except Exception as e:
                        error = type(e).__name__
                    print(json.dumps({"wire": interface.protocol_version + "/" + interface.protocol_binding, "name": name,
                                      "stream": streaming, "read": read, "failed": error != "", "error": error}), flush=True)


asyncio.run(main(sys.argv[1]))
`

// perceived is what the client read.
type perceived struct {
	Wire, Name string
	Stream     bool
	Read       []string
	Failed     bool
	Error      string
}

// TestContentBySDK has the official client read what was taken out of answers, and streams that were cut off.
func TestContentBySDK(t *testing.T) {
	t.Parallel()
	p, card := newPuppet(t)
	proxy := p.fronted(t, card)
	secrets := []utterance{{artifact: "a", parts: text("It is " + secret + ".")}, {artifact: "b", parts: text("and " + secret)}}
	p.on("redacted-send", performance{says: []utterance{{reply: true, parts: text("It is " + secret + ".")}}})
	p.on("redacted-stream", performance{says: append(secrets, utterance{status: true, done: true, parts: text("That is all.")})})
	p.on("blocked-send", performance{says: []utterance{{reply: true, parts: text(attacking)}}})
	p.on("blocked-stream", performance{says: append(piecesOf("a", "Fine so far.", attacking), statuses("That is all.")...)})

	source := filepath.Join("..", "conformance", "python")
	dir := environment(t, "python3", source, []string{"requirements.txt"}, func(ctx context.Context, dir string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c", `python3 -m venv "$0" && "$0"/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$0"/requirements.txt`, dir)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*bound)
	defer cancel()
	run := exec.CommandContext(ctx, filepath.Join(dir, "bin", "python"), "-c", listen, proxy)
	var problems strings.Builder
	run.Stderr = &problems
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(problems.String()))
	}
	got := map[string]perceived{}
	for line := range strings.Lines(string(out)) {
		var one perceived
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s", strings.TrimSpace(line))
		one.Error = ""
		got[fmt.Sprint(one.Wire, " ", one.Name, " ", one.Stream)] = one
	}
	want := map[string]perceived{}
	for _, w := range wires {
		for _, one := range []perceived{
			{Name: "redacted", Read: []string{"It is [redacted:secret]."}},
			{Name: "blocked", Read: []string{}, Failed: true},
			{Name: "redacted", Stream: true, Read: []string{"It is [redacted:secret].", "and [redacted:secret]", "That is all."}},
			{Name: "blocked", Stream: true, Read: []string{"Fine so far."}, Failed: true},
		} {
			one.Wire = w.String()
			if w.binding == "GRPC" && one.Stream && one.Failed {
				// The library lets go of messages that it has not told yet when a stream breaks off.
				one.Read = got[fmt.Sprint(one.Wire, " ", one.Name, " ", one.Stream)].Read
			}
			want[fmt.Sprint(one.Wire, " ", one.Name, " ", one.Stream)] = one
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the client reads (-want +got)\n%s", diff)
	}
}

// fronted puts the agent behind a mesh as its root agent, and a signing proxy before that, and returns the proxy's URL.
func (p *puppet) fronted(t *testing.T, card json.RawMessage) string {
	t.Helper()
	dir := t.TempDir()
	key, file := filepath.Join(dir, "caller.pem"), filepath.Join(dir, "card.json")
	ringfence(t, false, "identity", "new", "--out", key)
	if err := os.WriteFile(file, card, 0o600); err != nil {
		t.Fatal(err)
	}
	gateway := fmt.Sprintf("127.0.0.1:%d", envoytest.FreePort(t))
	proxy := startProxy(t, key, "http://"+gateway)
	upWith(t, "up", dir, fmt.Sprintf("%smesh: {publicURL: %q, rootAgent: puppet}\n", inspecting, proxy), "--listen-gateway", gateway)
	ready := filepath.Join(dir, "ready.json")
	ringfence(t, false, "register", "caller", "--ready-file", ready, "--card", file, "--key", key, "--ring-ceiling", "2", "--capability", "call:*")
	ringfence(t, false, "register", "puppet", "--ready-file", ready, "--card", file)
	eventually(t, "the agent is reached through the mesh", func() error {
		status, body, err := get(proxy + "/.well-known/agent-card.json")
		if err == nil && status != 200 {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
	return proxy
}
