// Package api is the registry over HTTP: the administrator's REST API under /v1 with its OpenAPI document, and the
// agents' cards as proxies fetch them. It translates and bounds; what is valid, the registry decides.
package api

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// Bounds of the API.
const (
	maxBody            = 512 << 10 // bytes
	maxPage            = 8 << 20   // bytes of cards after which a page ends
	bodyTimeout        = 10 * time.Second
	defaultMaxWatchers = 64
	keepAlive          = 15 * time.Second
)

// Config says what a Server serves.
type Config struct {
	// Registry knows the agents.
	Registry *registry.Registry
	// Token lets an administrator in; an empty token lets nobody in.
	Token Token
	// PublicURL returns the gateway's URL as clients reach it, without a trailing slash.
	PublicURL func() string
	// Cards says how the agents' cards are served.
	Cards CardConfig
	// DIDDocument returns the document of a DID the mesh hosts.
	DIDDocument func(did string) (json.RawMessage, bool)
	// Agents returns the registered agent that has signed a request with the body, if the request is new; a nil Agents
	// admits none, on any route.
	Agents func(r *http.Request, body []byte) (agent.ID, error)
	// Admits reports whether a request to the route of the pattern is let in for what it carries besides, and not for the
	// token; nil lets in none.
	Admits func(pattern string, r *http.Request) bool
	// Now is the clock, by which keys retire.
	Now func() time.Time
	// NotReady returns why the process cannot do its work, one sentence for each reason; nothing when it can.
	NotReady func() []string
	// MetricsPage serves the process's metrics.
	MetricsPage http.Handler
	// Metrics counts the API's own requests.
	Metrics *Metrics
	// Logger is told about failures on this side.
	Logger *slog.Logger
	// Version is the version of the program.
	Version string
	// Extend adds operations of other parts of the process to the API and its document; nil adds none.
	Extend func(huma.API)
	// MaxWatchers bounds concurrent event streams; zero means 64.
	MaxWatchers int
	// KeepAlive returns the ticks at which event streams are kept alive, and how to end them; nil ticks every 15 s.
	KeepAlive func() (ticks <-chan time.Time, stop func())
}

// Server is the API. Its handlers need no other server settings than a limit on reading headers.
type Server struct {
	config   Config
	mux      *recordingMux
	api      huma.API
	watchers chan struct{}
	done     chan struct{}
	close    func()
	specJSON []byte
	specYAML []byte
}

// New returns a Server.
func New(config Config) (*Server, error) {
	if config.MaxWatchers == 0 {
		config.MaxWatchers = defaultMaxWatchers
	}
	if config.KeepAlive == nil {
		config.KeepAlive = func() (<-chan time.Time, func()) {
			ticker := time.NewTicker(keepAlive)
			return ticker.C, ticker.Stop
		}
	}
	s := &Server{
		config: config, mux: &recordingMux{ServeMux: http.NewServeMux()},
		watchers: make(chan struct{}, config.MaxWatchers), done: make(chan struct{}),
	}
	s.close = sync.OnceFunc(func() { close(s.done) })
	s.api = humago.New(s.mux, document(config.Version))
	s.registerAgents()
	s.registerCards()
	s.registerKeys()
	s.registerStatus()
	s.registerEvents()
	s.registerOperations()
	if config.Extend != nil {
		config.Extend(s.api)
	}
	var err error
	if s.specJSON, err = json.MarshalIndent(s.api.OpenAPI(), "", "  "); err != nil {
		return nil, fmt.Errorf("describing the API: %w", err)
	}
	if s.specYAML, err = s.api.OpenAPI().YAML(); err != nil {
		return nil, fmt.Errorf("describing the API: %w", err)
	}
	return s, nil
}

// Close ends the event streams, which an HTTP server would wait for otherwise. Call it before shutting the server
// down.
func (s *Server) Close() { s.close() }

// document is the frame of the OpenAPI document.
func document(version string) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Ringfence registry",
				Version:     version,
				Description: "Registers the agents of a mesh. Errors are problem details (RFC 9457) that name each bad field.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token": {Type: "http", Scheme: "bearer", Description: "The administrator's token, from the data directory."},
				},
			},
			Security: []map[string][]string{{"token": {}}},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// open are the routes that need no token; their operations carry anyone. Scrapers have no token, as everywhere around
// Envoy; the listener is loopback unless an operator opens it.
var open = map[string]bool{
	"/metrics": true, "/healthz": true, "/readyz": true, "/openapi.json": true, "/openapi.yaml": true, agent.KeySetPath: true,
}

// anyone is the security requirement of operations that need no token.
func anyone() []map[string][]string { return []map[string][]string{} }

// recordingMux remembers its patterns, so that a test can hold them against the OpenAPI document.
type recordingMux struct {
	*http.ServeMux
	patterns []string
}

func (m *recordingMux) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	m.patterns = append(m.patterns, pattern)
	m.ServeMux.HandleFunc(pattern, handler)
}
