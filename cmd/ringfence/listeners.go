package main

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/fx"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/internal/config"
)

// listeners are the sockets of one process. They are bound before anything starts, so that a port in use is
// found at once and port 0 is known to all parts.
type listeners struct {
	grpc, api, cards net.Listener
	// socket is where Envoys of this machine ask for decisions; nil where there is none.
	socket net.Listener
	// socketDir is the directory that was made for it, if one was.
	socketDir string
	// gateway is where Envoy listens: host:port.
	gateway string
	// admin is the address of Envoy's admin interface, once one runs.
	admin atomic.Value
	// reserved keeps the gateway's port until Envoy has it; nil when Envoy is someone else's.
	reserved *envoy.Reservation
}

func newListeners(lifecycle fx.Lifecycle, c config.Config, m mode, dir lockedDir) (*listeners, error) {
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
	if err := l.listenSocket(c, m, string(dir)); err != nil {
		l.close()
		return nil, err
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

// listenSocket binds the socket that is configured, which the group of its file may use, or for the Envoy of `up` one below the
// data directory, which nobody but this process uses. Where the path of that would be too long, it has a directory of its own
// among temporary files.
func (l *listeners) listenSocket(c config.Config, m mode, dir string) (err error) {
	if c.Listen.Socket != "" {
		l.socket, err = socket(c.Listen.Socket, 0o660)
		return err
	}
	if m != withEnvoy {
		return nil
	}
	path, err := filepath.Abs(filepath.Join(dir, governorSocket))
	if err != nil || len(path) > config.LongestSocket {
		if l.socketDir, err = os.MkdirTemp("", "ringfence-"); err != nil {
			return fmt.Errorf("making a directory for the governor's socket: %w", err)
		}
		path = filepath.Join(l.socketDir, governorSocket)
	}
	l.socket, err = socket(path, 0o600)
	return err
}

// socket returns a socket for those whom the mode lets connect. A socket that an earlier run left is in the way; anything
// else at its path stays.
func socket(path string, mode fs.FileMode) (net.Listener, error) {
	if left, err := os.Lstat(path); err == nil && left.Mode().Type() == fs.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("removing the governor's old socket: %w", err)
		}
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening on the governor's socket: %w", err)
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close() //nolint:errcheck // the other error counts
		return nil, fmt.Errorf("bounding who uses the governor's socket: %w", err)
	}
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
	for _, listener := range []net.Listener{l.grpc, l.api, l.cards, l.socket} {
		if listener != nil {
			listener.Close() //nolint:errcheck // closed already by the server that used it
		}
	}
	if l.socketDir != "" {
		os.Remove(l.socketDir) //nolint:errcheck // nothing to do about it
	}
	if l.reserved != nil {
		l.reserved.Close() //nolint:errcheck // nothing to do about it
	}
}

// owns reports whether an address is one of this mesh: to lead a call there would let callers reach what is meant
// for Envoy and the administrator alone. A name is looked up; where it leads later is for the network to guard.
func (l *listeners) owns(host, port string) bool {
	if l.ownsAddress(host, port) {
		return true
	}
	// Only a name on a port of the mesh can lead to it.
	if len(l.at(port)) == 0 || net.ParseIP(host) != nil {
		return false
	}
	return slices.ContainsFunc(addresses(host), func(ip net.IP) bool { return l.ownsAddress(ip.String(), port) })
}

// ownsAddress is owns for whoever looks up names and asks about each address. A name is compared as it is.
func (l *listeners) ownsAddress(host, port string) bool {
	ip := net.ParseIP(host)
	return slices.ContainsFunc(l.at(port), func(own string) bool {
		if ip == nil {
			return strings.EqualFold(strings.TrimSuffix(host, "."), own)
		}
		return ip.IsLoopback() || ip.IsUnspecified() || ip.Equal(net.ParseIP(own)) || isLocal(ip)
	})
}

// at returns the hosts on which this mesh has the port.
func (l *listeners) at(port string) []string {
	admin, _ := l.admin.Load().(string)
	own := []string{l.gateway, admin}
	for _, listener := range []net.Listener{l.grpc, l.api, l.cards} {
		if listener != nil {
			own = append(own, listener.Addr().String())
		}
	}
	var hosts []string
	for _, address := range own {
		if host, ownPort, err := net.SplitHostPort(address); err == nil && ownPort == port {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// addresses returns what a name resolves to.
func addresses(host string) []net.IP {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	found, err := net.DefaultResolver.LookupIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	return found
}

// isLocal reports whether an address is one of this machine's.
func isLocal(ip net.IP) bool {
	local, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(local, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		return ok && network.IP.Equal(ip)
	})
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
