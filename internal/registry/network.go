package registry

import (
	"fmt"
	"net/netip"
	"slices"
)

// special are the networks in which no agent of somebody else lives: this host, private and shared ones, those of
// protocols and of documentation (the IANA special-purpose registries). For IPv6, everything outside 2000::/3 is
// special too.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // 6to4 and NAT64 carry IPv4 addresses past the rules above
	netip.MustParsePrefix("3fff::/20"),
}

var globalIPv6 = netip.MustParsePrefix("2000::/3")

// deniedError says that an address may not be connected to.
type deniedError struct {
	addr netip.Addr
}

func (e *deniedError) Error() string {
	return fmt.Sprintf("the address %s is not a public one; to allow it, add its network to registry.allowedNetworks", e.addr)
}

// checkAddr returns a *deniedError unless the address is public or in one of the allowed networks.
func checkAddr(addr netip.Addr, allowed []netip.Prefix) error {
	addr = addr.Unmap().WithZone("")
	contains := func(p netip.Prefix) bool { return p.Contains(addr) }
	switch {
	case slices.ContainsFunc(allowed, contains):
		return nil
	case !addr.IsValid(), slices.ContainsFunc(special, contains), addr.Is6() && !globalIPv6.Contains(addr):
		return &deniedError{addr}
	}
	return nil
}
