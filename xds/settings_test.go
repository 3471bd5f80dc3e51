package xds

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"ringfence.dev/ringfence/internal/agent"
)

func TestSettingsAreValidated(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*Settings)
		want   []string
	}{
		"complete":        {func(*Settings) {}, nil},
		"listen-name":     {func(s *Settings) { s.ListenHost = "localhost" }, []string{"listen host: "}},
		"listen-port":     {func(s *Settings) { s.ListenPort = 65536 }, []string{"listen port: "}},
		"any-port":        {func(s *Settings) { s.ListenPort = 0 }, nil},
		"no-domain":       {func(s *Settings) { s.MeshDomain = "" }, []string{"mesh domain: "}},
		"wildcard-domain": {func(s *Settings) { s.MeshDomain = "*.local" }, []string{"mesh domain: "}},
		"public-host":     {func(s *Settings) { s.PublicHosts = []string{"ok.example", "a b", "*"} }, []string{"public hosts: ", "public hosts: "}},
		"root-agent":      {func(s *Settings) { s.RootAgent = "Weather" }, []string{"root agent: "}},
		"no-governor":     {func(s *Settings) { s.Governor = "" }, []string{"governor: "}},
		"relative-socket": {func(s *Settings) { s.Governor = "unix:governor.sock" }, []string{"governor: "}},
		"long-socket":     {func(s *Settings) { s.Governor = "unix:/" + strings.Repeat("x", 107) }, []string{"governor: "}},
		"abstract-socket": {func(s *Settings) { s.Governor = "unix:@governor" }, nil},
		"socket-url":      {func(s *Settings) { s.Governor = "unix:///run/governor" }, nil},
		"governor-by-ip6": {func(s *Settings) { s.Governor = "[::1]:9000" }, nil},
		"governor-port":   {func(s *Settings) { s.Governor = "governor:0" }, []string{"governor: "}},
		"cards-by-socket": {func(s *Settings) { s.Cards = "unix:/run/cards" }, []string{"cards: "}},
		"relative-bundle": {func(s *Settings) { s.CABundle = "ca.pem" }, []string{"CA bundle: "}},
		"small-body":      {func(s *Settings) { s.MaxBody = 64 << 10 }, []string{"max body: "}},
		"large-body":      {func(s *Settings) { s.MaxBody = 64<<20 + 1 }, []string{"max body: "}},
		"hops":            {func(s *Settings) { s.TrustedHops = 33 }, []string{"trusted hops: "}},
		"log-not-utf8":    {func(s *Settings) { s.AccessLog = "\xff" }, []string{"access log: "}},
		"timeouts": {func(s *Settings) { s.Timeouts = Timeouts{MaxCall: -time.Second} }, []string{
			"authz timeout: ", "message timeout: ", "connect timeout: ", "stream idle timeout: ", "max call: ",
		}},
		"all-at-once": {func(s *Settings) { s.ListenHost, s.Cards = "", "" }, []string{"listen host: ", "cards: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testSettings()
			test.change(&s)
			var got []string
			if err := s.Validate(); err != nil {
				for line := range strings.SplitSeq(err.Error(), "\n") {
					field, _, _ := strings.Cut(line, ": ")
					got = append(got, field+": ")
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if _, err := newBuilder(s); (err == nil) != (len(test.want) == 0) {
				t.Errorf("building with these settings: %v", err)
			}
		})
	}
}

func TestUpstreams(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]upstream{
		"http://10.0.0.1":                 {origin{false, "10.0.0.1", 80, false}, "10.0.0.1", ""},
		"HTTP://Agent.Example:8080/":      {origin{false, "agent.example", 8080, false}, "agent.example:8080", ""},
		"https://agent.example/a2a/v1//":  {origin{true, "agent.example", 443, false}, "agent.example", "/a2a/v1"},
		"https://[2001:db8::1]:8443/x%2F": {origin{true, "2001:db8::1", 8443, false}, "[2001:db8::1]:8443", "/x%2F"},
		"http://weather_agent:1/a b":      {origin{false, "weather_agent", 1, false}, "weather_agent:1", "/a%20b"},
	} {
		got, err := parseUpstream(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(upstream{}, origin{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
	for _, url := range []string{
		"", "/a2a", "agent.example:80", "ftp://a", "http://", "http://:80", "http://a:", "http://a:0", "http://a:65536",
		"http://u@a", "http://u:p@a", "http://a?", "http://a?x", "http://a#", "http://a#x", "http://a b", "http://[fe80::1%25eth0]",
		"http://a*b", "http://" + strings.Repeat("a", 254), "http://a\x00", "http://ä", "https:a",
	} {
		if got, err := parseUpstream(url); err == nil {
			t.Errorf("%q was accepted as %+v", url, got)
		}
	}
}

func TestGRPCInterfaces(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]upstream{
		"10.0.0.1:50051":            {origin{false, "10.0.0.1", 50051, true}, "10.0.0.1:50051", ""},
		"Agent.Example:443":         {origin{false, "agent.example", 443, true}, "agent.example:443", ""},
		"http://agent.example":      {origin{false, "agent.example", 80, true}, "agent.example", ""},
		"https://agent.example/a/b": {origin{true, "agent.example", 443, true}, "agent.example", ""},
		"https://[2001:db8::1]:1/":  {origin{true, "2001:db8::1", 1, true}, "[2001:db8::1]:1", ""},
		"[2001:db8::1]:1":           {origin{false, "2001:db8::1", 1, true}, "[2001:db8::1]:1", ""},
	} {
		got, err := parseInterface(agent.Interface{Binding: agent.GRPC, URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(upstream{}, origin{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
	for _, url := range []string{"", "dns:///agent:1", "grpc://agent:1", "agent:0", "agent:x", "u@agent:1", "agent:1?x", "unix:/run/agent"} {
		if got, err := parseInterface(agent.Interface{Binding: agent.GRPC, URL: url}); err == nil {
			t.Errorf("%q was accepted as %+v", url, got)
		}
	}
	names := map[string]bool{}
	for _, o := range []origin{{}, {tls: true}, {grpc: true}, {tls: true, grpc: true}} {
		names[o.cluster("a")] = true
	}
	if len(names) != 4 {
		t.Errorf("origins share a cluster: %v", names)
	}
}

// FuzzUpstream holds that whatever URL is accepted yields clusters and routes Envoy accepts.
func FuzzUpstream(f *testing.F) {
	for _, seed := range []string{
		"https://georoute-agent.example.com/a2a/v1", "http://[::1]:1/%2e%2e/", "http://a/../b?c#d", "HTTPS://A:443//", "http://1.2.3.4.5",
	} {
		f.Add(seed)
	}
	b, err := newBuilder(testSettings())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, url string) {
		u, err := parseUpstream(url)
		if err != nil {
			return
		}
		if strings.ContainsAny(u.path+u.authority, "?# \r\n") || strings.HasSuffix(u.path, "/") || u.path != "" && u.path[0] != '/' {
			t.Errorf("%q has path %q at %q", url, u.path, u.authority)
		}
		if _, err := netip.ParseAddr(u.origin.host); err != nil && checkHostName(u.origin.host) != nil {
			t.Errorf("%q has host %q", url, u.origin.host)
		}
		if _, err := b.forms[resource.ClusterType].item(b.clusters.agent("weather", u.origin)); err != nil {
			t.Errorf("%q: %v", url, err)
		}
		if u, err := parseInterface(agent.Interface{Binding: agent.GRPC, URL: url}); err != nil || !u.origin.grpc || u.path != "" {
			t.Errorf("%q reads %+v, %v for gRPC", url, u, err)
		}
		again, err := parseUpstream("http://" + u.authority + u.path)
		if err != nil || again.path != u.path || again.origin.host != u.origin.host {
			t.Errorf("%q reads %+v, then %+v, %v", url, u, again, err)
		}
	})
}
