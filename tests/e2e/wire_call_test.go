package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/identity"
)

// bindings are the three of A2A 1.0, as cards name them.
var bindings = []string{"JSONRPC", "HTTP+JSON", "GRPC"}

// routed waits until Envoy knows the agent.
func (m *mesh) routed(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" has a route", func() error {
		status, answer, err := get(m.ready.GatewayURL + "/agents/" + name + "/.well-known/agent-card.json")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, answer)
		}
		if err != nil {
			return err
		}
		// Cards have a route for all agents; a call, here without a signature, needs the agent's own.
		r, err := http.NewRequest(http.MethodPost, m.ready.GatewayURL+"/agents/"+name, strings.NewReader("{}"))
		if err != nil {
			return err
		}
		if status, answer, err = exchange(r); err == nil && strings.Contains(answer, "CALLEE_UNKNOWN") {
			err = fmt.Errorf("%d %s", status, answer)
		}
		return err
	})
}

// entrances returns where an agent of the mesh is called in each binding, by its card and, for gRPC, by its path.
func (m *mesh) entrances(t *testing.T, name string) map[string]string {
	t.Helper()
	m.routed(t, name)
	base := m.ready.GatewayURL + "/agents/" + name
	_, body, err := get(base + "/.well-known/agent-card.json")
	if err != nil {
		t.Fatal(err)
	}
	var card struct {
		SupportedInterfaces []struct{ URL, ProtocolBinding, ProtocolVersion string }
	}
	if err := json.Unmarshal([]byte(body), &card); err != nil {
		t.Fatal(err)
	}
	at := map[string]string{"GRPC": base + "/lf.a2a.v1.A2AService"}
	for _, i := range card.SupportedInterfaces {
		if i.ProtocolVersion == "1.0" && i.ProtocolBinding != "GRPC" {
			at[i.ProtocolBinding] = i.URL
		}
	}
	return at
}

// spoken is a message in the words of a binding.
type spoken struct{ url, media, body string }

// speak returns a call that sends a message, with a stream as its answer or not. Padding makes it longer.
func speak(binding, at string, stream bool, padding int) spoken {
	method, verb := "SendMessage", "/message:send"
	if stream {
		method, verb = "SendStreamingMessage", "/message:stream"
	}
	text := "hello" + strings.Repeat(" hello", padding/6)
	params := fmt.Sprintf(`{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":%q}]}}`, text)
	switch binding {
	case "HTTP+JSON":
		return spoken{at + verb, "application/json", params}
	case "GRPC":
		part := field(nil, 1, text)
		told := field(append(field(nil, 1, "m"), 4<<3, 1), 5, string(part)) // the fourth field is the role
		sent := field(nil, 2, string(told))
		return spoken{at + "/" + method, "application/grpc", string(a2a.AppendFrame(nil, sent))}
	default:
		return spoken{at, "application/json", rpc(method, params)}
	}
}

// field appends a field of bytes to a protobuf message.
func field(message []byte, number byte, value string) []byte {
	message = append(message, number<<3|2)
	n := len(value)
	for ; n > 0x7f; n >>= 7 {
		message = append(message, byte(n)|0x80)
	}
	return append(append(message, byte(n)), value...)
}

// heard is what a call came to.
type heard struct {
	status   int
	grpc     string // grpc-status
	reason   string // of a denial
	retry    string // retry-after
	decision string
	body     string
	after    time.Duration
	err      error // of reading the body
}

var reasonInJSON = regexp.MustCompile(`"reason":"([A-Z_]+)"`)

// reasonInDetails returns the reason of a gRPC denial, empty where there is none.
func reasonInDetails(field string) string {
	details, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(field, "="))
	said, info := &status.Status{}, &errdetails.ErrorInfo{}
	if err != nil || proto.Unmarshal(details, said) != nil {
		return ""
	}
	for _, detail := range said.GetDetails() {
		if detail.UnmarshalTo(info) == nil {
			return info.GetReason()
		}
	}
	return ""
}

// say sends a call, signed on the way, and returns its whole answer.
func (s spoken) say(t *testing.T, signing func(http.RoundTripper) http.RoundTripper) heard {
	t.Helper()
	h, err := s.try(signing)
	if err != nil {
		t.Fatalf("%s: %v", s.url, err)
	}
	return h
}

func (s spoken) try(signing func(http.RoundTripper) http.RoundTripper) (heard, error) {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(s.body))
	if err != nil {
		return heard{}, err
	}
	r.Header.Set("Content-Type", s.media)
	r.Header.Set("A2A-Version", "1.0")
	base := &http.Transport{Protocols: new(http.Protocols)}
	base.Protocols.SetHTTP1(s.media != "application/grpc")
	base.Protocols.SetUnencryptedHTTP2(s.media == "application/grpc")
	defer base.CloseIdleConnections()
	if s.media == "application/grpc" {
		r.Header.Set("TE", "trailers")
	}
	begun := time.Now()
	response, err := signing(base).RoundTrip(r)
	if err != nil {
		return heard{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	h := heard{
		status: response.StatusCode, retry: response.Header.Get("Retry-After"), decision: response.Header.Get("Ringfence-Decision"),
		body: string(body), after: time.Since(begun), err: err,
	}
	if found := reasonInJSON.FindStringSubmatch(h.body); found != nil {
		h.reason = found[1]
	}
	for _, fields := range []http.Header{response.Header, response.Trailer} {
		if code := fields.Get("Grpc-Status"); code != "" {
			h.grpc = code
		}
		if reason := reasonInDetails(fields.Get("Grpc-Status-Details-Bin")); reason != "" {
			h.reason = reason
		}
		h.body += fields.Get("Grpc-Message")
	}
	return h, nil
}

// signs has a caller sign what is sent.
func (c *caller) signs(base http.RoundTripper) http.RoundTripper {
	return &identity.Transport{Signer: c.signer, Base: base}
}
