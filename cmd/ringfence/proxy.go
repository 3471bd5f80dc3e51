package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/identity"
)

// Bounds of the signing proxy.
const (
	proxyHeaderTimeout = 10 * time.Second // for a client to send its header
	proxyIdleTimeout   = 5 * time.Minute
	proxyDrain         = 5 * time.Second  // for open calls to end after the signal
	proxyIdle          = 90 * time.Second // for an unused connection to the gateway
)

func proxyCommand() *cobra.Command {
	var key, keyID, to, listen string
	cmd := &cobra.Command{
		Use:   "proxy",
		Short: "Sign the calls of any client, as an agent, on their way to the gateway",
		Long: `Listen on this machine, sign every request with the key of an agent and send it on to the gateway. Clients that
know nothing of signatures (curl, an A2A SDK in any language, a gRPC client, the A2A TCK) then call through the mesh
as that agent. HTTP/1.1 and HTTP/2 without TLS are served, streams pass event by event, and the Host that the
client names is kept: set mesh.publicURL to the proxy's URL where cards should lead clients to it.

Everybody who reaches the proxy speaks as the agent, so it listens on loopback unless told otherwise. Bodies are
read whole before they are sent, because the signature covers them; 16 MiB are taken at most. The URL it listens
at is the first line of the output.`,
		Example: `  ringfence proxy --key concierge.pem --to http://127.0.0.1:10000 --listen 127.0.0.1:10001
  curl --json @call.json http://127.0.0.1:10001/agents/weather`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := signer(key, keyID)
			if err != nil {
				return err
			}
			gateway, err := origin(to)
			if err != nil {
				return err
			}
			l, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", listen)
			if err != nil {
				return fmt.Errorf("cannot listen on %s: %w; free it or choose another with --listen", listen, cause(err))
			}
			fmt.Fprintln(cmd.OutOrStdout(), "http://"+l.Addr().String())
			logger := log.New(cmd.ErrOrStderr(), "ringfence proxy: ", 0)
			return serveProxy(cmd.Context(), l, &http.Server{
				Handler:           newProxy(s, gateway, identity.DefaultMaxBody, logger),
				Protocols:         protocols((*http.Protocols).SetHTTP1, (*http.Protocols).SetUnencryptedHTTP2),
				ReadHeaderTimeout: proxyHeaderTimeout,
				IdleTimeout:       proxyIdleTimeout,
				ErrorLog:          logger,
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&key, "key", os.Getenv("RINGFENCE_KEY"), "private key file of the calling agent (default: $RINGFENCE_KEY)")
	flags.StringVar(&keyID, "key-id", "", "DID URL of the key (default: its did:key)")
	flags.StringVar(&to, "to", "", "URL of the gateway: scheme, host and port (required)")
	flags.StringVar(&listen, "listen", "127.0.0.1:0", "host:port to listen on; port 0 takes a free one")
	cmd.MarkFlagRequired("to") //nolint:errcheck // the flag exists
	return cmd
}

// origin reads the gateway's URL. It has no path: what clients ask for is what is signed and sent.
func origin(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("--to must be the gateway's URL with nothing behind the port, such as http://127.0.0.1:10000")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// serveProxy serves until the context ends, and then lets open calls end for a moment.
func serveProxy(ctx context.Context, l net.Listener, server *http.Server) error {
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), proxyDrain)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		server.Close() //nolint:errcheck // streams that are still open end here
	}
	return nil
}

// newProxy returns the handler that signs requests and sends them to the gateway, in the version of HTTP they came in.
func newProxy(s identity.Signer, gateway *url.URL, maxBody int64, logger *log.Logger) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = gateway.Scheme, gateway.Host
			// The gateway is to judge the query that the client sent, not what could be read of it here.
			r.Out.URL.RawQuery = r.In.URL.RawQuery
		},
		Transport: &identity.Transport{Signer: s, MaxBody: maxBody, Base: byVersion{
			one: upstream((*http.Protocols).SetHTTP1),
			two: upstream((*http.Protocols).SetUnencryptedHTTP2, (*http.Protocols).SetHTTP2),
		}},
		ErrorHandler: refuseProxied,
		ErrorLog:     logger,
	}
	return http.MaxBytesHandler(proxy, maxBody)
}

// refuseProxied answers for a call that got no answer.
func refuseProxied(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadGateway
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		status = http.StatusRequestEntityTooLarge
	}
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		err = fmt.Errorf("reaching the gateway (is the mesh up? --to names another address): %w", err)
	}
	if r.Context().Err() == nil {
		http.Error(w, "ringfence proxy: "+err.Error(), status)
	}
}

// byVersion sends requests in the major version of HTTP in which their client sent them: gRPC needs the second, and
// events of an HTTP/1.1 client need no other.
type byVersion struct {
	one, two http.RoundTripper
}

func (b byVersion) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.ProtoMajor == 2 {
		return b.two.RoundTrip(r)
	}
	return b.one.RoundTrip(r)
}

// upstream returns a transport that adds no header of its own.
func upstream(speak ...func(*http.Protocols, bool)) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: proxyHeaderTimeout}).DialContext,
		TLSHandshakeTimeout: proxyHeaderTimeout,
		IdleConnTimeout:     proxyIdle,
		DisableCompression:  true,
		Protocols:           protocols(speak...),
	}
}

func protocols(speak ...func(*http.Protocols, bool)) *http.Protocols {
	p := &http.Protocols{}
	for _, enable := range speak {
		enable(p, true)
	}
	return p
}
