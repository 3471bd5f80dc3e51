package network_test

import (
	"net/netip"
	"testing"

	"ringfence.dev/ringfence/internal/network"
)

func TestReachable(t *testing.T) {
	t.Parallel()
	google := []netip.Prefix{netip.MustParsePrefix("8.8.0.0/16")}
	private := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := []struct {
		name    string
		addrs   []string
		allowed []netip.Prefix
		want    bool
	}{
		{"public", []string{"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "223.255.255.255", "2606:4700::1111"}, nil, true},
		{"public-mapped", []string{"::ffff:8.8.8.8"}, nil, true},
		{"private-v4", []string{"0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.255.255", "192.168.1.1", "255.255.255.255"}, nil, false},
		{"private-v6", []string{"::", "::1", "::127.0.0.1", "64:ff9b::7f00:1", "2001::1", "2002:7f00:1::", "fc00::1", "fe80::1%eth0", "ff02::1"}, nil, false},
		{"private-mapped", []string{"::ffff:127.0.0.1", "::ffff:10.0.0.1"}, nil, false},
		{"other-network-allowed", []string{"127.0.0.1", "::1"}, google, false},
		{"allowed", []string{"127.0.0.1", "::ffff:127.0.0.1", "fd00::1", "fd00::1%eth0"}, private, true},
		{"public-beside-allowed", []string{"8.8.8.8"}, private, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, addr := range test.addrs {
				if got := network.Reachable(netip.MustParseAddr(addr), test.allowed); got != test.want {
					t.Errorf("Reachable(%s) = %v, want %v", addr, got, test.want)
				}
			}
		})
	}
	if network.Reachable(netip.Addr{}, private) || network.Public(netip.Addr{}) {
		t.Error("no address may be connected to")
	}
}
