package xds

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"ringfence.dev/ringfence/internal/agent"
)

// upstream is where one interface of an agent is reached.
type upstream struct {
	origin origin
	// authority is the Host the agent expects; path is its base path, without a trailing slash.
	authority, path string
}

// origin is what a cluster stands for. Interfaces of one agent with the same origin share a cluster.
type origin struct {
	tls  bool
	host string
	port uint32
	// grpc says that HTTP/2 alone is spoken there. One port may take it beside HTTP/1.1, in a cluster of its own.
	grpc bool
}

// parseInterface reads where an interface is reached. gRPC may say host and port alone, which are then without TLS; a
// path in its URL is nothing that clients could ask for.
func parseInterface(i agent.Interface) (upstream, error) {
	if i.Binding != agent.GRPC {
		return parseUpstream(i.URL)
	}
	raw := i.URL
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := parseUpstream(raw)
	u.origin.grpc, u.path = true, ""
	return u, err
}

// parseUpstream reads an interface URL. What it refuses could not be routed faithfully: a query or fragment
// would be lost, credentials would be sent in the clear, other schemes are not governed.
func parseUpstream(raw string) (upstream, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return upstream{}, errors.New("is not a URL")
	}
	var o origin
	switch u.Scheme {
	case "http":
		o.port = 80
	case "https":
		o.tls, o.port = true, 443
	default:
		return upstream{}, errors.New("must begin with http:// or https://")
	}
	switch {
	case u.User != nil:
		return upstream{}, errors.New("must not carry credentials")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(raw, "#"):
		return upstream{}, errors.New("must not have a query or a fragment")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if o.port, err = parsePort(port); err != nil {
			return upstream{}, err
		}
	}
	o.host = strings.ToLower(u.Hostname())
	if addr, err := netip.ParseAddr(o.host); err == nil {
		if addr.Zone() != "" {
			return upstream{}, errors.New("must not name a network interface")
		}
	} else if err := checkHostName(o.host); err != nil {
		return upstream{}, err
	}
	return upstream{
		origin:    o,
		authority: strings.ToLower(u.Host),
		path:      strings.TrimRight(u.EscapedPath(), "/"),
	}, nil
}

// checkHostName is laxer than checkDomain: container networks resolve names with underscores.
func checkHostName(host string) error {
	if host == "" || len(host) > 253 {
		return errors.New("must name a host of 1 to 253 characters")
	}
	for _, c := range host {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return fmt.Errorf("host must not contain %q", c)
		}
	}
	return nil
}

// ip reports whether the host is an address that needs no resolution.
func (o origin) ip() bool {
	_, err := netip.ParseAddr(o.host)
	return err == nil
}

// cluster names the origin's cluster among those of an agent.
func (o origin) cluster(name agent.ID) string {
	scheme := "http-"
	switch {
	case o.grpc && o.tls:
		scheme = "grpcs-"
	case o.grpc:
		scheme = "grpc-"
	case o.tls:
		scheme = "https-"
	}
	return prefix(name) + scheme + o.host + "-" + strconv.FormatUint(uint64(o.port), 10)
}
