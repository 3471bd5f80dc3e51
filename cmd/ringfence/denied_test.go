package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/governance"
)

// TestCallsTellRefusals holds that a refused call says why and where its record is, however the refusal comes.
func TestCallsTellRefusals(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key.pem")
	if _, err := run(t, "identity", "new", "--out", key); err != nil {
		t.Fatal(err)
	}
	refusal := a2a.Denial{
		Binding: a2a.JSONRPC, HTTPStatus: http.StatusUnauthorized, Reason: "EXPIRED", Message: "the link is over",
		Metadata: []a2a.Pair{{Key: "decisionId", Value: "d-7"}},
	}
	transport, streaming := refusal, refusal
	transport.Transport, streaming.Streaming = true, true
	approval := a2a.Denial{
		Binding: a2a.JSONRPC, HTTPStatus: http.StatusForbidden, Reason: "APPROVAL_REQUIRED", Message: "it waits", RetryAfterSeconds: 5,
		Metadata: []a2a.Pair{{Key: "decisionId", Value: "d-7"}, {Key: "approvalId", Value: "ap.1"}},
	}
	rest, refused := approval, approval
	rest.Binding, refused.RetryAfterSeconds = a2a.HTTPJSON, 0
	cases := map[string]struct {
		card, call http.HandlerFunc
		flags      []string
		want       string
	}{
		"no-card":      {refuse(transport), nil, nil, "the link is over (401, decision d-7)"},
		"other-server": {http.NotFound, nil, nil, "no agent is registered at http"},
		"status":       {nil, refuse(transport), nil, "the link is over (401, decision d-7)"},
		"rpc-error":    {nil, refuse(refusal), nil, "the link is over (decision d-7)"},
		"event":        {nil, refuse(streaming), []string{"--stream"}, "the link is over (decision d-7)"},
		"agent-status": {nil, http.NotFound, nil, "404"},
		"approval": {
			nil, refuse(approval), []string{"--message-id", "m-1"}, "it waits (decision d-7, approval ap.1): repeat it with --message-id m-1",
		},
		"approval-denied":    {nil, refuse(refused), nil, "it waits (decision d-7, approval ap.1)\n"},
		"approval-over-rest": {nil, refuse(rest), []string{"--message-id", "m-1"}, "it waits (403, decision d-7, approval ap.1): repeat it with --message-id m-1"},
		"no-words": {nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(governance.DecisionHeader, "d-7")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, nil, "the mesh refuses the request (503, decision d-7)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mesh := httptest.NewServer(nil)
			t.Cleanup(mesh.Close)
			mesh.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodPost:
					c.call(w, r)
				case c.card != nil:
					c.card(w, r)
				default:
					fmt.Fprintf(w, `{"name": "Weather", "description": "x", "version": "1", "capabilities": {"streaming": true}, "skills": [],
						"defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
						"supportedInterfaces": [{"url": %q, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]}`, mesh.URL)
				}
			})
			_, err := run(t, append([]string{"call", "--key", key, mesh.URL, "hi"}, c.flags...)...)
			if err == nil || !strings.Contains(err.Error()+"\n", c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// refuse answers with a denial of decision d-7.
func refuse(d a2a.Denial) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		answer := d.Response()
		for _, field := range answer.Headers {
			w.Header().Set(field[0], field[1])
		}
		w.Header().Set(governance.DecisionHeader, "d-7")
		w.WriteHeader(answer.Status)
		w.Write(answer.Body) //nolint:errcheck // the test fails by itself
	}
}
