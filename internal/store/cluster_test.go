package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/store/storetest"
)

const (
	clusterSize = 3
	// clusterAccounts is above the number of cases of the suite: each gets an account, so an empty store.
	clusterAccounts = 80
)

// TestReplicated runs the suite on three servers with three replicas of each bucket, and then loses a server.
func TestReplicated(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers have to elect their leaders many times")
	}
	t.Parallel()
	servers := startCluster(t)
	var accounts atomic.Int32
	open := func(t *testing.T) store.Store { return openReplicated(t, servers, int(accounts.Add(1))) }
	t.Run("suite", func(t *testing.T) { storetest.Run(t, open) })
	t.Run("one-server-lost", func(t *testing.T) { loseServer(t, servers, open(t)) })
}

// loseServer stops a server; two of three still accept writes and hold the earlier ones. One of three does not.
func loseServer(t *testing.T, servers []*server.Server, s store.Store) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := openBucket(t, s)
	revision, err := b.Put(ctx, "a", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	stop := func(srv *server.Server) {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
	stop(servers[0])
	for err = store.ErrUnavailable; errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil; {
		_, err = b.CompareAndSet(ctx, "a", []byte("2"), revision)
	}
	// The answer to a write that was stored may have been lost with the server.
	if err != nil && !errors.Is(err, store.ErrConflict) {
		t.Errorf("CompareAndSet() with two servers of three = %v", err)
	}
	if got, err := b.Get(ctx, "a"); err != nil || string(got.Value) != "2" {
		t.Errorf("Get() with two servers of three = %q, %v, want 2", got.Value, err)
	}
	stop(servers[1])
	brief, end := context.WithTimeout(ctx, 2*time.Second)
	defer end()
	if _, err := b.Put(brief, "a", []byte("3")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Put() with one server of three = %v, want %v", err, store.ErrUnavailable)
	}
}

// openReplicated connects as the numbered account. A cluster that has just elected its leader may need a
// moment until it accepts three replicas.
func openReplicated(t *testing.T, servers []*server.Server, account int) *store.NATS {
	t.Helper()
	urls := make([]string, len(servers))
	for i, srv := range servers {
		address, err := url.Parse(srv.ClientURL())
		if err != nil {
			t.Fatal(err)
		}
		address.User = url.UserPassword(fmt.Sprintf("user-%d", account), "password")
		urls[i] = address.String()
	}
	return openURL(t, strings.Join(urls, ","), clusterSize)
}

func startCluster(t *testing.T) []*server.Server {
	t.Helper()
	ports := freePorts(t, clusterSize)
	routes := make([]string, clusterSize)
	for i, port := range ports {
		routes[i] = fmt.Sprintf("nats://127.0.0.1:%d", port)
	}
	servers := make([]*server.Server, clusterSize)
	for i, port := range ports {
		options, err := server.ProcessConfigFile(clusterConfig(t, i, port, routes))
		if err != nil {
			t.Fatal(err)
		}
		options.StoreDir = t.TempDir()
		options.Port = server.RANDOM_PORT
		servers[i] = storetest.StartServer(t, options)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !ready(servers) {
		select {
		case <-ctx.Done():
			t.Fatal("the cluster elected no leader")
		case <-poll.C:
		}
	}
	return servers
}

// ready reports that one server leads, and that all know it and have the latest state.
func ready(servers []*server.Server) bool {
	leaders := 0
	for _, srv := range servers {
		if srv.JetStreamIsLeader() && len(srv.JetStreamClusterPeers()) == len(servers) {
			leaders++
		}
		if !srv.JetStreamIsCurrent() || len(srv.Healthz(&server.HealthzOptions{Details: true}).Errors) > 0 {
			return false
		}
	}
	return leaders == 1
}

func clusterConfig(t *testing.T, index, port int, routes []string) string {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "server_name: server-%d\njetstream: {}\n", index)
	fmt.Fprintf(&text, "cluster: {name: mesh, listen: \"127.0.0.1:%d\", routes: [%s]}\n", port, strings.Join(routes, ", "))
	fmt.Fprintf(&text, "accounts: {\n")
	for n := range clusterAccounts {
		fmt.Fprintf(&text, "  account-%d: {jetstream: enabled, users: [{user: user-%d, password: password}]}\n", n, n)
	}
	fmt.Fprintf(&text, "}\n")
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// freePorts returns ports that were free a moment ago: the servers have to know each other's before they start.
func freePorts(t *testing.T, count int) []int {
	t.Helper()
	ports := make([]int, count)
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		address, _ := listener.Addr().(*net.TCPAddr)
		ports[i] = address.Port
	}
	return ports
}
