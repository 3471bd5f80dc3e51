package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"ringfence.dev/ringfence/internal/audit"
)

// storeServer is a NATS server that can be stopped, and started again with what it has on disk.
type storeServer struct {
	*server.Server

	dir  string
	port int
}

func startStore(t *testing.T) *storeServer {
	t.Helper()
	s := &storeServer{dir: t.TempDir(), port: server.RANDOM_PORT}
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func (s *storeServer) start(t *testing.T) {
	t.Helper()
	var err error
	s.Server, err = server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: s.port, StoreDir: s.dir, NoSigs: true, NoLog: true, JetStream: true, SyncAlways: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(bound) {
		t.Fatal("the NATS server did not start")
	}
	address, ok := s.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("the NATS server listens at %v", s.Addr())
	}
	s.port = address.Port
}

func (s *storeServer) stop() {
	s.Shutdown()
	s.WaitForShutdown()
}

// generous are limits that no test comes near which is about something else.
const generous = `rings:
  ring0: {rate: 10000, burst: 10000, concurrent: 1000}
  ring1: {rate: 10000, burst: 10000, concurrent: 1000}
  ring2: {rate: 10000, burst: 10000, concurrent: 1000}
  ring3: {rate: 10000, burst: 10000, concurrent: 1000}
`

// replicas are two processes of one mesh, each with a gateway of its own.
type replicas struct {
	store    *storeServer
	settings string
	dirs     [2]string
	each     [2]*mesh
	// up starts one of them, for the whole test.
	up func(i int) *mesh
}

func startReplicas(t *testing.T, settings string) *replicas {
	t.Helper()
	r := &replicas{store: startStore(t)}
	r.up = func(i int) *mesh { return upWith(t, "up", r.dirs[i], r.settings) }
	key := filepath.Join(t.TempDir(), "cards.pem")
	ringfence(t, false, "identity", "new", "--out", key)
	r.settings = fmt.Sprintf("store: {url: %q, stale: 2s}\ncards: {keyFile: %q}\n%s", r.store.ClientURL(), key, settings)
	for i := range r.each {
		r.dirs[i] = t.TempDir()
		r.each[i] = r.up(i)
	}
	return r
}

// url is where an agent is called through the gateway of a replica.
func (r *replicas) url(i int, name string) string {
	return r.each[i].ready.GatewayURL + "/agents/" + name
}

// since logs how long it took from the moment begun until the condition held.
func since(t *testing.T, begun time.Time, what string, condition func() error) {
	t.Helper()
	eventually(t, what, condition)
	t.Logf("%s after %s", what, time.Since(begun).Round(time.Millisecond))
}

// answers returns a condition: that calling the URL brings the status and the part of a body.
func (c *caller) answers(url, body string, status int, part string) func() error {
	return func() error { return mismatch(status, part)(c.call(url, body)) }
}

// mismatch returns what is wrong with an answer.
func mismatch(status int, part string) func(int, string, error) error {
	return func(got int, body string, err error) error {
		if err == nil && (got != status || !strings.Contains(body, part)) {
			err = fmt.Errorf("%d %s, not %d with %s", got, body, status, part)
		}
		return err
	}
}

// captured is a request that was signed once, for whichever gateway it comes to.
type captured struct {
	path, body string
	header     http.Header
}

// capturedHost is what the signature says about where the request goes: gateways that clients reach by one name have
// one name.
const capturedHost = "mesh.test"

// capture signs a call to an agent as if its clock ran ahead.
func (c *caller) capture(t *testing.T, name, body string, ahead time.Duration) captured {
	t.Helper()
	r := captured{path: "/agents/" + name, body: body, header: http.Header{"Content-Type": {"application/json"}, "A2a-Version": {"1.0"}}}
	signer := c.signer
	signer.Now = func() time.Time { return time.Now().Add(ahead) }
	added, err := signer.Headers(http.MethodPost, "http://"+capturedHost+r.path, r.header, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.header, added)
	return r
}

func (r captured) send(m *mesh) (int, string, error) {
	request, err := http.NewRequest(http.MethodPost, m.ready.GatewayURL+r.path, strings.NewReader(r.body))
	if err != nil {
		return 0, "", err
	}
	request.Header, request.Host = r.header.Clone(), capturedHost
	return exchange(request)
}

// echo is an agent that answers every JSON-RPC call with a message.
func echo(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			ID json.RawMessage `json:"id"`
		}
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, done(call.ID)) //nolint:errcheck // the client notices
	}))
	t.Cleanup(server.Close)
	return server.URL + "/rpc"
}

// done is the answer of an agent that has done what it was asked for.
func done(id json.RawMessage) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"message":{"messageId":"a","role":"ROLE_AGENT","parts":[{"text":"done"}]}}}`, id)
}

// record returns the latest decision record of a process that the condition holds for.
func (m *mesh) record(t *testing.T, what string, wanted func(audit.Record) bool) audit.Record {
	t.Helper()
	var found audit.Record
	eventually(t, "there is a record of "+what, func() error {
		status, answer, err := m.tryAPI(http.MethodGet, "/v1/decisions?limit=200", "")
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("%d %s %w", status, answer, err)
		}
		var list struct{ Decisions []audit.Record }
		if err := json.Unmarshal([]byte(answer), &list); err != nil {
			return err
		}
		for _, found = range list.Decisions {
			if wanted(found) {
				return nil
			}
		}
		return errors.New("there is none")
	})
	return found
}
