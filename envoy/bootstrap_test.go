package envoy_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/tests/envoytest"
)

var update = flag.Bool("update", false, "write the golden files")

var bootstraps = []struct {
	name      string
	bootstrap envoy.Bootstrap
}{
	{"tcp", envoy.Bootstrap{
		NodeID: "gateway-1", NodeCluster: "ringfence", Admin: "127.0.0.1:0", ControlPlane: "127.0.0.1:15010",
	}},
	{"unix", envoy.Bootstrap{
		NodeID: "gateway-1", NodeCluster: "ringfence", Admin: "[::1]:9901", ControlPlane: "unix:///run/ringfence/grpc.sock",
		MaxConnections: 100, InitialFetchTimeout: 5 * time.Second,
	}},
	{"name", envoy.Bootstrap{
		NodeID: "gateway-1", NodeCluster: "ringfence", Admin: "127.0.0.1:9901", ControlPlane: "control-plane.example:15010",
	}},
}

func TestBootstrapGolden(t *testing.T) {
	t.Parallel()
	for _, test := range bootstraps {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := test.bootstrap.JSON()
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "bootstrap-"+test.name+".json")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("bootstrap (-want +got):\n%s", diff)
			}
			for range 20 {
				if again, err := test.bootstrap.JSON(); err != nil || !bytes.Equal(again, got) {
					t.Fatalf("the same values gave other bytes: %v", err)
				}
			}
		})
	}
}

func TestBootstrapLoads(t *testing.T) {
	t.Parallel()
	for _, test := range bootstraps {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config, err := test.bootstrap.JSON()
			if err != nil {
				t.Fatal(err)
			}
			envoytest.Validate(t, envoytest.Binary(t), config)
			envoytest.Validate(t, envoytest.OldestBinary(t), config)
		})
	}
}

func TestBootstrapRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*envoy.Bootstrap)
		want   string
	}{
		{"zero-value", func(b *envoy.Bootstrap) { *b = envoy.Bootstrap{} }, "needs an id"},
		{"no-cluster", func(b *envoy.Bootstrap) { b.NodeCluster = "" }, "and a cluster"},
		{"public-admin", func(b *envoy.Bootstrap) { b.Admin = "0.0.0.0:9901" }, "must be a loopback"},
		{"named-admin", func(b *envoy.Bootstrap) { b.Admin = "localhost:9901" }, "must be a loopback"},
		{"no-control-plane", func(b *envoy.Bootstrap) { b.ControlPlane = "" }, "must be host:port"},
		{"control-plane-port", func(b *envoy.Bootstrap) { b.ControlPlane = "127.0.0.1:0" }, "must be host:port"},
		{"relative-socket", func(b *envoy.Bootstrap) { b.ControlPlane = "unix:grpc.sock" }, "an absolute path"},
		{"long-socket", func(b *envoy.Bootstrap) { b.ControlPlane = "unix:/" + strings.Repeat("x", 107) }, "at most 107 bytes"},
		{"negative-limit", func(b *envoy.Bootstrap) { b.MaxConnections = -1 }, "must not be negative"},
		{"negative-timeout", func(b *envoy.Bootstrap) { b.InitialFetchTimeout = -1 }, "must not be negative"},
		{"not-utf8", func(b *envoy.Bootstrap) { b.NodeID = "\xff" }, "UTF-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := bootstraps[0].bootstrap
			test.change(&b)
			if config, err := b.JSON(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %s, %v; want an error about %q", config, err, test.want)
			}
		})
	}
}
