package xds

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ringfence.dev/ringfence/internal/agent"
)

// Settings are the values the generated configuration depends on besides the registered agents.
type Settings struct {
	// ListenHost and ListenPort are where Envoy takes requests: an IP address, and 0 to 65535 (0 lets the
	// kernel choose).
	ListenHost string
	ListenPort uint32
	// MeshDomain is the suffix of the agents' own host names, such as mesh.local.
	MeshDomain string
	// PublicHosts are the gateway's own host names, below which agents are found by path. Empty means any host
	// that is not an agent's own.
	PublicHosts []string
	// RootAgent is the agent that answers at the gateway's own root, outside /agents/. Empty means none.
	RootAgent agent.ID
	// Governor is the gRPC endpoint of the policy services: host:port, or unix: and the path of a socket.
	Governor string
	// Cards is the host:port of the HTTP endpoint that serves agent cards.
	Cards string
	// CABundle is the path, as Envoy sees it, of the PEM bundle that agents' certificates are verified with.
	// Without it, agents behind https are not routed: nothing is ever sent over unverified TLS.
	CABundle string
	// MaxBody is the largest request body in bytes that Envoy holds for inspection, 256 KiB to 64 MiB. The governor
	// must take gRPC messages a little larger than this.
	MaxBody uint32
	// TrustedHops is how many proxies in front of Envoy are believed in x-forwarded-for.
	TrustedHops uint32
	// AccessLog is the path of a JSON access log, "-" for standard output, or empty for none.
	AccessLog string
	// Shape is how Envoy asks about requests.
	Shape Shape
	// CallsTold has Envoy tell the governor of the end of each call that it let through. Without it, the governor sees no
	// end but that of answers which it judges.
	CallsTold bool
	Timeouts  Timeouts
}

// Timeouts bound each wait of the data plane. All must be positive.
type Timeouts struct {
	// Authz bounds one ext_authz check, Message one ext_proc message. A governor that is slower is down.
	Authz, Message time.Duration
	// Connect bounds the connection set-up to an agent.
	Connect time.Duration
	// StreamIdle ends calls and event streams on which nothing moves in either direction.
	StreamIdle time.Duration
	// MaxCall bounds a whole call, streams included.
	MaxCall time.Duration
}

// DefaultSettings returns settings that are complete except for the endpoints and the CA bundle.
func DefaultSettings() Settings {
	return Settings{
		ListenHost: "127.0.0.1",
		ListenPort: 8080,
		MeshDomain: "mesh.local",
		MaxBody:    1 << 20,
		Timeouts: Timeouts{
			Authz:      time.Second,
			Message:    time.Second,
			Connect:    2 * time.Second,
			StreamIdle: time.Hour,
			MaxCall:    time.Hour,
		},
	}
}

// Validate returns every problem of the settings at once, or nil.
func (s Settings) Validate() error {
	var problems []error
	check := func(field string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", field, err))
		}
	}
	_, err := netip.ParseAddr(s.ListenHost)
	check("listen host", err)
	if s.ListenPort > 65535 {
		check("listen port", fmt.Errorf("must be 0 to 65535, is %d", s.ListenPort))
	}
	check("mesh domain", checkDomain(s.MeshDomain))
	for _, host := range s.PublicHosts {
		check("public hosts", checkDomain(host))
	}
	if s.RootAgent != "" {
		_, err = agent.ParseID(string(s.RootAgent))
		check("root agent", err)
	}
	_, err = parseEndpoint(s.Governor)
	check("governor", err)
	cards, err := parseEndpoint(s.Cards)
	if err == nil && cards.socket != "" {
		err = errors.New("must be host:port")
	}
	check("cards", err)
	if s.CABundle != "" && (!filepath.IsAbs(s.CABundle) || !utf8.ValidString(s.CABundle)) {
		check("CA bundle", errors.New("must be an absolute path in UTF-8"))
	}
	if !utf8.ValidString(s.AccessLog) {
		check("access log", errors.New("must be a path in UTF-8"))
	}
	if s.MaxBody < smallestCap || s.MaxBody > 64<<20 {
		check("max body", fmt.Errorf("must be 256 KiB to 64 MiB, is %d bytes", s.MaxBody))
	}
	if s.TrustedHops > 32 {
		check("trusted hops", fmt.Errorf("must be at most 32, is %d", s.TrustedHops))
	}
	for _, t := range []struct {
		name  string
		value time.Duration
	}{
		{"authz timeout", s.Timeouts.Authz},
		{"message timeout", s.Timeouts.Message},
		{"connect timeout", s.Timeouts.Connect},
		{"stream idle timeout", s.Timeouts.StreamIdle},
		{"max call", s.Timeouts.MaxCall},
	} {
		if t.value < time.Millisecond {
			check(t.name, fmt.Errorf("must be at least 1ms, is %s", t.value))
		}
	}
	return errors.Join(problems...)
}

// endpoint is a place to connect to: a socket path, or a host and a port.
type endpoint struct {
	socket string
	host   string
	port   uint32
}

// parseEndpoint reads host:port, or unix: and an absolute path or an abstract name that begins with @.
func parseEndpoint(s string) (endpoint, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		// Linux bounds sun_path at 108 bytes with the terminator.
		if len(path) < 2 || len(path) > 107 || path[0] != '/' && path[0] != '@' || !utf8.ValidString(path) {
			return endpoint{}, errors.New("must name a socket of at most 107 bytes: unix:/path or unix:@name")
		}
		return endpoint{socket: path}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return endpoint{}, errors.New("must be host:port, or unix: and a socket path")
	}
	number, err := parsePort(port)
	if err != nil {
		return endpoint{}, err
	}
	host = strings.ToLower(host)
	if _, err := netip.ParseAddr(host); err != nil {
		if err := checkDomain(host); err != nil {
			return endpoint{}, fmt.Errorf("host: %w", err)
		}
	}
	return endpoint{host: host, port: number}, nil
}

func parsePort(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, errors.New("port must be 1 to 65535")
	}
	return uint32(n), nil
}

// checkDomain accepts lower-case DNS names: labels as agent names have them, joined by dots.
func checkDomain(s string) error {
	if len(s) > 253 {
		return fmt.Errorf("must have at most 253 characters, has %d", len(s))
	}
	for label := range strings.SplitSeq(s, ".") {
		if _, err := agent.ParseID(label); err != nil {
			return fmt.Errorf("must be a lower-case DNS name: label %q %w", label, err)
		}
	}
	return nil
}
