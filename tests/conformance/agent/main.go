// Command agent runs the conformance agent: an A2A agent that speaks every binding and generation and does what the
// A2A TCK expects of an agent under test. It prints the URL of its HTTP bindings, then the host:port of gRPC.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"ringfence.dev/ringfence/tests/conformance"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "host:port of the card, JSON-RPC and HTTP+JSON; port 0 takes a free one")
	grpc := flag.String("listen-grpc", "127.0.0.1:0", "host:port of gRPC; port 0 takes a free one")
	fixed := flag.Bool("fixed-clock", false, "date everything alike, so that answers can be compared")
	verbose := flag.Bool("verbose", false, "log what the SDK logs")
	flag.Parse()
	options := conformance.Options{HTTP: *listen, GRPC: *grpc}
	if !*fixed {
		options.Now = func() time.Time { return time.Now().UTC() }
	}
	if *verbose {
		options.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	if err := run(options); err != nil {
		log.Fatal(err)
	}
}

func run(options conformance.Options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	agent, err := conformance.Start(options)
	if err != nil {
		return err
	}
	defer agent.Close()
	// Whoever started the agent reads its addresses from the first two lines.
	fmt.Printf("%s\n%s\n", agent.URL, agent.GRPC)
	ended := make(chan error, 1)
	go func() { ended <- agent.Wait() }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}
