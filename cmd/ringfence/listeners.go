package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	"go.uber.org/fx"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/internal/config"
)

// listeners are the sockets of one process. They are bound before anything starts, so that a port in use is
// found at once and port 0 is known to all parts.
type listeners struct {
	grpc, api, cards net.Listener
	// gateway is where Envoy listens: host:port.
	gateway string
	// admin is the address of Envoy's admin interface, once one runs.
	admin atomic.Value
	// reserved keeps the gateway's port until Envoy has it; nil when Envoy is someone else's.
	reserved *envoy.Reservation
}

func newListeners(lifecycle fx.Lifecycle, c config.Config, m mode) (*listeners, error) {
	l := &listeners{gateway: c.Listen.Gateway}
	lifecycle.Append(fx.StopHook(l.close))
	for _, one := range []struct {
		target        *net.Listener
		address, flag string
	}{
		{&l.grpc, c.Listen.GRPC, "listen-grpc"},
		{&l.api, c.Listen.API, "listen-api"},
		{&l.cards, c.Listen.Cards, "listen-cards"},
	} {
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", one.address)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("cannot listen on %s: %w; free it or choose another with --%s", one.address, cause(err), one.flag)
		}
		*one.target = listener
	}
	if m != withEnvoy {
		return l, nil
	}
	reserved, err := envoy.ReservePort(c.Listen.Gateway)
	if err != nil {
		l.close()
		return nil, err
	}
	l.reserved, l.gateway = reserved, reserved.Addr().String()
	return l, nil
}

// cause returns what went wrong without the operation and addresses that net puts before it.
func cause(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err
		}
		err = inner.Unwrap()
	}
}

func (l *listeners) close() {
	for _, listener := range []net.Listener{l.grpc, l.api, l.cards} {
		if listener != nil {
			listener.Close() //nolint:errcheck // closed already by the server that used it
		}
	}
	if l.reserved != nil {
		l.reserved.Close() //nolint:errcheck // nothing to do about it
	}
}

// owns reports whether an address is one of this mesh: to lead a call there would let callers reach what is meant
// for Envoy and the administrator alone.
func (l *listeners) owns(host, port string) bool {
	admin, _ := l.admin.Load().(string)
	for _, own := range []string{l.grpc.Addr().String(), l.api.Addr().String(), l.cards.Addr().String(), l.gateway, admin} {
		ownHost, ownPort, err := net.SplitHostPort(own)
		if err != nil || port != ownPort {
			continue
		}
		ip, ownIP := net.ParseIP(host), net.ParseIP(ownHost)
		if host == ownHost || ip.Equal(ownIP) || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
			return true
		}
	}
	return false
}

// reachable returns a listener's address as Envoy is told it: a wildcard host becomes the advertised host, or
// loopback.
func reachable(address net.Addr, advertise string) string {
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return address.String()
	}
	switch {
	case advertise != "":
		host = advertise
	case net.ParseIP(host).IsUnspecified():
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// publicURL is the gateway as clients reach it.
func publicURL(c config.Config, l *listeners) string {
	if c.Mesh.PublicURL != "" {
		return strings.TrimSuffix(c.Mesh.PublicURL, "/")
	}
	host, port, err := net.SplitHostPort(l.gateway)
	if err != nil {
		return "http://" + l.gateway
	}
	if net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
