package envoytest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ringfence.dev/ringfence/tests/envoytest"
)

const config = `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: gateway
    address: {socket_address: {address: 127.0.0.1, port_value: {{.Port}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: gateway
          route_config:
            virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: upstream}}]}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: upstream
    load_assignment:
      cluster_name: upstream
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{.Upstream}}}}}}]}]
`

func upstream(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestStart(t *testing.T) {
	t.Parallel()
	var pid int
	t.Run("runs", func(t *testing.T) {
		e := envoytest.Start(t, envoytest.Options{Config: config, Values: map[string]any{"Port": 0, "Upstream": upstream(t)}})
		pid = e.PID()
		if got := get(t, e.URL(t, "gateway")+"/"); got != "hello" {
			t.Errorf("got %q", got)
		}
		e.AwaitCounter(t, "cluster.upstream.upstream_rq_200", 1)
		if got := e.Counter(t, "cluster.upstream.no_such_counter"); got != 0 {
			t.Errorf("a missing counter is %d", got)
		}
		if dump := string(e.ConfigDump(t)); !strings.Contains(dump, `"cluster_name": "upstream"`) {
			t.Errorf("the dump lacks the cluster:\n%s", dump)
		}
	})
	// The test above has ended, and its Envoy with it.
	if err := syscall.Kill(pid, 0); pid != 0 && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("Envoy outlives its test: %v", err)
	}
}

func TestReservedAddressServes(t *testing.T) {
	t.Parallel()
	binary := envoytest.Binary(t)
	address := envoytest.ReservedAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	envoytest.Start(t, envoytest.Options{Binary: binary, Config: config, Values: map[string]any{"Port": port, "Upstream": upstream(t)}})
	for range 50 {
		if got := get(t, "http://"+address+"/"); got != "hello" {
			t.Fatalf("got %q", got)
		}
	}
}

// TestFreePort listens on ports that were said to be free. A process that another test starts at that moment has the
// socket of FreePort too until it has become another program, so that one port may be taken a little longer.
func TestFreePort(t *testing.T) {
	t.Parallel()
	var problems []error
	for range 5 {
		listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(envoytest.FreePort(t))))
		if err == nil {
			listener.Close()
			return
		}
		problems = append(problems, err)
	}
	t.Error(errors.Join(problems...))
}

func TestLaunchFailures(t *testing.T) {
	t.Parallel()
	binary := envoytest.Binary(t)
	for _, test := range []struct {
		name    string
		options envoytest.Options
		want    string
	}{
		{"missing-value", envoytest.Options{Config: config, Values: map[string]any{"Port": 0}}, "Upstream"},
		{"bad-template", envoytest.Options{Config: "{{", Values: map[string]any{}}, "template"},
		{"bad-config", envoytest.Options{Config: "admin: nothing"}, "configuration was refused"},
		{"bad-argument", envoytest.Options{Config: config, Values: map[string]any{"Port": 0, "Upstream": 9}, Args: []string{"--nonsense"}}, "--nonsense"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.options.Binary = binary
			e, err := envoytest.Launch(context.WithoutCancel(t.Context()), test.options)
			if err == nil {
				_ = e.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// recorder notes whether a helper fails the test.
type recorder struct {
	testing.TB

	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestValidate(t *testing.T) {
	t.Parallel()
	binary := envoytest.Binary(t)
	for _, test := range []struct {
		name, config string
		failed       bool
	}{
		{"yaml", "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}", false},
		{"json", `{"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}}}`, false},
		{"unknown-field", "administrator: {}", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{TB: t}
			envoytest.Validate(r, binary, []byte(test.config))
			if r.failed != test.failed {
				t.Errorf("failed is %t", r.failed)
			}
		})
	}
}
