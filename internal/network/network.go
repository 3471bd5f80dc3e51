// Package network tells the addresses of the public internet from those that lead back into a private network, so
// that a URL somebody else chose cannot make the mesh, or an agent behind it, connect to its own surroundings.
package network

import (
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

// Public reports whether an address belongs to the public internet. IPv4 addresses mapped into IPv6 count as the
// IPv4 address they carry; the zero Addr is not public.
func Public(addr netip.Addr) bool {
	addr = plain(addr)
	return addr.IsValid() && !in(special, addr) && (addr.Is4() || globalIPv6.Contains(addr))
}

// Reachable reports whether an address may be connected to: it is public, or in one of the allowed networks.
func Reachable(addr netip.Addr, allowed []netip.Prefix) bool {
	return in(allowed, plain(addr)) || Public(addr)
}

// plain removes the disguises under which one address compares unequal to itself.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

func in(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}
