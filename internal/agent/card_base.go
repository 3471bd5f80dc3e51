package agent

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Base is where clients of the mesh find an agent.
type Base struct {
	// URL is absolute and has no trailing slash: JSON-RPC and HTTP+JSON interfaces stand at it and below it.
	URL string
	// GRPC is the host:port at which gRPC clients reach the agent, who know no paths; empty where they cannot.
	GRPC string
}

// HostBase returns the base of an agent that is found at the root of a host, for gRPC clients too. Scheme is http or
// https; host may carry a port.
func HostBase(scheme, host string) (Base, error) {
	base := Base{URL: scheme + "://" + strings.ToLower(host)}
	if err := CheckURL(base.URL); err != nil {
		return Base{}, fmt.Errorf("host %w", err)
	}
	u, err := url.Parse(base.URL)
	if err != nil || u.Path != "" {
		return Base{}, errors.New("host must be a name or an address, with or without a port")
	}
	base.GRPC = net.JoinHostPort(u.Hostname(), port(u))
	return base, base.check()
}

func (b Base) check() error {
	if err := CheckURL(b.URL); err != nil {
		return fmt.Errorf("base URL %w", err)
	}
	if b.GRPC == "" {
		return nil
	}
	if err := checkHostPort(b.GRPC); err != nil {
		return fmt.Errorf("base for gRPC %w", err)
	}
	return nil
}

// LeadsTo reports whether a client that follows any URL of the card as it stands comes to the agent's entrances at
// the base, and nowhere else.
func (c Card) LeadsTo(base Base) bool {
	entrances := c.Entrances()
	if len(entrances) == 0 || len(entrances) != len(c.Interfaces) || base.check() != nil {
		return false
	}
	for _, entrance := range entrances {
		target := base.URL + entrance.Suffix
		if entrance.Interface.Binding == GRPC {
			if base.GRPC == "" || entrance.Suffix != "" {
				return false
			}
			target = base.GRPC
		}
		if place(entrance.Interface) != place(Interface{URL: target, Binding: entrance.Interface.Binding}) {
			return false
		}
	}
	return true
}

// place returns where an interface is, in one spelling: with its port, without a trailing slash. For gRPC it is the
// host and port alone.
func place(iface Interface) string {
	raw := iface.URL
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	where := net.JoinHostPort(strings.ToLower(u.Hostname()), port(u))
	if iface.Binding == GRPC {
		return where
	}
	return u.Scheme + "://" + where + strings.TrimSuffix(u.EscapedPath(), "/")
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
