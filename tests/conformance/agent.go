// Package conformance has an A2A agent on the official Go SDK that speaks everything there is to speak: JSON-RPC,
// HTTP+JSON and gRPC, A2A 1.0 and 0.3. It does what the A2A TCK expects of an agent under test, and it answers the
// same requests with the same bytes, so that what a mesh does to them can be told from a comparison.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/a2aproject/a2a-go/v2/a2a"
	legacygrpc "github.com/a2aproject/a2a-go/v2/a2agrpc/v0"
	a2agrpc "github.com/a2aproject/a2a-go/v2/a2agrpc/v1"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
	"github.com/a2aproject/a2a-go/v2/a2asrv/push"
	"github.com/a2aproject/a2a-go/v2/a2asrv/taskstore"
	"google.golang.org/grpc"
)

// Options say how an agent runs. The zero value listens on free loopback ports.
type Options struct {
	// HTTP and GRPC are the host:port to listen on; empty takes free ports of 127.0.0.1.
	HTTP, GRPC string
	// Now is the clock that dates task states; nil means a fixed one, which makes answers comparable.
	Now func() time.Time
	// Push delivers notifications; nil means over HTTP, to any address.
	Push push.Sender
	// Logger takes what the SDK logs; nil drops it.
	Logger *slog.Logger
}

// Agent is a running agent.
type Agent struct {
	// URL is the base of the HTTP bindings; the card stands below it. GRPC is the host:port of gRPC.
	URL, GRPC string

	http  *http.Server
	grpc  *grpc.Server
	ended chan error
}

// Epoch is the time that agents with a fixed clock live in.
var Epoch = time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)

// Start starts an agent. Close stops it.
func Start(o Options) (*Agent, error) {
	web, err := listen(o.HTTP)
	if err != nil {
		return nil, err
	}
	rpc, err := listen(o.GRPC)
	if err != nil {
		web.Close() //nolint:errcheck // never used
		return nil, err
	}
	a := &Agent{URL: "http://" + web.Addr().String(), GRPC: rpc.Addr().String(), ended: make(chan error, 2)}
	handler := a.handler(o)
	a.grpc = grpc.NewServer()
	a2agrpc.NewHandler(handler).RegisterWith(a.grpc)
	legacygrpc.NewHandler(handler).RegisterWith(a.grpc)
	a.http = &http.Server{Handler: a.routes(handler), ReadHeaderTimeout: 10 * time.Second}
	go func() { a.ended <- a.http.Serve(web) }()
	go func() { a.ended <- a.grpc.Serve(rpc) }()
	return a, nil
}

func listen(address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	return l, nil
}

func (a *Agent) handler(o Options) a2asrv.RequestHandler {
	if o.Now == nil {
		o.Now = func() time.Time { return Epoch }
	}
	if o.Push == nil {
		o.Push = push.NewHTTPPushSender(&push.HTTPSenderConfig{Timeout: 5 * time.Second, AllowPrivateNetworks: true})
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	store := newWatchedStore(taskstore.NewInMemory(&taskstore.InMemoryStoreConfig{
		// Everybody is the same user: who may see which task is for a mesh to decide, not for this agent.
		Authenticator: func(context.Context) (string, error) { return "anybody", nil },
		TimeProvider:  o.Now,
	}))
	public, extended := card(a.URL, a.GRPC), extendedCard(a.URL, a.GRPC)
	sdk := a2asrv.NewHandler(
		executor{now: o.Now},
		a2asrv.WithTaskStore(store),
		a2asrv.WithPushNotifications(push.NewInMemoryStore(), o.Push),
		a2asrv.WithCapabilityChecks(&public.Capabilities),
		a2asrv.WithExtendedAgentCardProducer(a2asrv.ExtendedAgentCardProducerFn(
			func(context.Context, *a2a.GetExtendedAgentCardRequest) (*a2a.AgentCard, error) { return extended, nil },
		)),
		a2asrv.WithLogger(o.Logger),
	)
	return &a2asrv.InterceptedHandler{
		Handler:      handler{RequestHandler: sdk, store: store},
		Interceptors: []a2asrv.CallInterceptor{negotiation{}, births{store: store, now: o.Now}},
		Logger:       o.Logger,
	}
}

// Wait waits until the agent stops by itself or through Close.
func (a *Agent) Wait() error {
	if err := <-a.ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// Close stops the agent at once, open streams included.
func (a *Agent) Close() {
	a.http.Close() //nolint:errcheck // it is ended, whatever its connections say
	a.grpc.Stop()
}
