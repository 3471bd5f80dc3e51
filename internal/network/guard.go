package network

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// ForbiddenError says that an address may not be connected to.
type ForbiddenError struct {
	// Addr is the address, without the disguise of IPv6 or a zone.
	Addr netip.Addr
}

// Error names the address.
func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("the address %s is not a public one", e.Addr)
}

// Guard returns a function for net.Dialer.Control that lets connections go to reachable addresses alone, and ends all
// others with a *ForbiddenError. It judges the address that a name resolved to at the moment of connecting, so a name
// that resolves differently the second time gains nothing.
func Guard(allowed []netip.Prefix) func(network, address string, conn syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		peer, err := netip.ParseAddrPort(address)
		if err != nil {
			return errors.New("the address cannot be judged")
		}
		if !Reachable(peer.Addr(), allowed) {
			return &ForbiddenError{plain(peer.Addr())}
		}
		return nil
	}
}
