package registry

import (
	"fmt"
	"net/netip"

	"ringfence.dev/ringfence/internal/network"
)

// deniedError says that an address may not be connected to.
type deniedError struct {
	addr netip.Addr
}

func (e *deniedError) Error() string {
	return fmt.Sprintf("the address %s is not a public one; to allow it, add its network to registry.allowedNetworks", e.addr)
}

// checkAddr returns a *deniedError unless the address is public or in one of the allowed networks.
func checkAddr(addr netip.Addr, allowed []netip.Prefix) error {
	if network.Reachable(addr, allowed) {
		return nil
	}
	return &deniedError{addr.Unmap().WithZone("")}
}
