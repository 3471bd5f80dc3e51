//go:build unix

package envoy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reservation holds a TCP address for an Envoy that will listen on it. Envoy listens with SO_REUSEPORT, as it does
// unless told otherwise, and so may share the address with the reservation; programs that listen in the usual way may
// not. The reservation itself takes no connections.
type Reservation struct {
	address netip.AddrPort
	socket  int
}

// ReservePort reserves addr, an IP address and a port; without a host it means 0.0.0.0, and port 0 takes a free port.
// It fails when anybody holds the address, another reservation included. Keep the reservation for as long as Envoy
// should get the address, also over restarts of Envoy.
func ReservePort(addr string) (*Reservation, error) {
	address, err := parseListenAddress(addr)
	if err != nil {
		return nil, err
	}
	if address.Port() != 0 {
		if err := probe(address); err != nil {
			return nil, reserveFailure(address, err)
		}
	}
	socket, err := bindShared(address)
	if err != nil {
		return nil, reserveFailure(address, err)
	}
	bound, err := unix.Getsockname(socket)
	if err != nil {
		_ = unix.Close(socket)
		return nil, reserveFailure(address, err)
	}
	switch bound := bound.(type) {
	case *unix.SockaddrInet4:
		address = netip.AddrPortFrom(address.Addr(), uint16(bound.Port))
	case *unix.SockaddrInet6:
		address = netip.AddrPortFrom(address.Addr(), uint16(bound.Port))
	}
	return &Reservation{address: address, socket: socket}, nil
}

// Addr returns the address reserved, with the port that was chosen for port 0.
func (r *Reservation) Addr() netip.AddrPort { return r.address }

// Close gives the address up. An Envoy that listens on it is not disturbed.
func (r *Reservation) Close() error {
	if err := unix.Close(r.socket); err != nil {
		return fmt.Errorf("giving up the reservation of %s: %w", r.address, err)
	}
	return nil
}

func parseListenAddress(addr string) (netip.AddrPort, error) {
	host, _, err := net.SplitHostPort(addr)
	if err == nil && host == "" {
		addr = "0.0.0.0" + addr
	}
	if host == "localhost" {
		addr = "127.0.0.1" + addr[len(host):]
	}
	address, err := netip.ParseAddrPort(addr)
	if err != nil || address.Addr().Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address to listen on: give an IP address and a port, such as 127.0.0.1:8080", addr)
	}
	return netip.AddrPortFrom(address.Addr().Unmap(), address.Port()), nil
}

// probe fails when anybody holds the address, whether or not they would share it.
func probe(address netip.AddrPort) error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), network(address), address.String())
	if err != nil {
		return err
	}
	return listener.Close()
}

func network(address netip.AddrPort) string {
	if address.Addr().Is4() {
		return "tcp4"
	}
	return "tcp6"
}

// bindShared binds a socket that shares its port with those that share theirs too.
func bindShared(address netip.AddrPort) (int, error) {
	family, target := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(address.Port()), Addr: address.Addr().As16()})
	if address.Addr().Is4() {
		family, target = unix.AF_INET, &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}
	}
	syscall.ForkLock.RLock()
	socket, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(socket)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, err
	}
	set := func(option, value int) error { return unix.SetsockoptInt(socket, unix.SOL_SOCKET, option, value) }
	err = errors.Join(set(unix.SO_REUSEPORT, 1), set(unix.SO_REUSEADDR, reuseWhileBinding(address)))
	if err == nil {
		err = unix.Bind(socket, target)
	}
	if err == nil {
		// From here on the reservation must stand in the way of a probe, which sets the option too.
		err = set(unix.SO_REUSEADDR, 0)
	}
	if err != nil {
		_ = unix.Close(socket)
		return -1, err
	}
	return socket, nil
}

// reuseWhileBinding is the value of SO_REUSEADDR for the bind. A given port may still have connections of an earlier
// server winding down, which must not stand in the way; the choice of a free port must not fall on such a one.
func reuseWhileBinding(address netip.AddrPort) int {
	if address.Port() == 0 {
		return 0
	}
	return 1
}

// reserveFailure says in one sentence what to do about an address that cannot be had.
func reserveFailure(address netip.AddrPort, err error) error {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("the address %s is in use: stop what listens there, or choose another with --listen-gateway", address)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("the address %s needs more rights: choose a port of 1024 or above with --listen-gateway", address)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("the address %s is not one of this machine: choose another with --listen-gateway", address)
	default:
		return fmt.Errorf("reserving %s failed (%w): choose another address with --listen-gateway", address, err)
	}
}
