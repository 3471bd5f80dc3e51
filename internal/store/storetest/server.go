package storetest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// StartServer runs a NATS server with JetStream on loopback until the test ends, on a free port unless the options name one.
func StartServer(tb testing.TB, options *server.Options) *server.Server {
	tb.Helper()
	options.Host, options.NoSigs, options.NoLog, options.JetStream = "127.0.0.1", true, true, true
	if options.Port == 0 {
		options.Port = server.RANDOM_PORT
	}
	srv, err := server.NewServer(options)
	if err != nil {
		tb.Fatal(err)
	}
	srv.Start()
	tb.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	if !srv.ReadyForConnections(10 * time.Second) {
		tb.Fatal("the NATS server did not start")
	}
	return srv
}
