package network_test

import (
	"errors"
	"net/netip"
	"testing"

	"ringfence.dev/ringfence/internal/network"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	guard := network.Guard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")})
	for _, address := range []string{"8.8.8.8:443", "10.1.2.3:1", "[::ffff:10.1.2.3]:1", "[2606:4700::1111]:443"} {
		if err := guard("tcp", address, nil); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	tests := map[string]string{
		"169.254.169.254:80": "169.254.169.254", "10.2.0.1:443": "10.2.0.1", "[::ffff:127.0.0.1]:443": "127.0.0.1", "[fe80::1%eth0]:1": "fe80::1",
	}
	for address, want := range tests {
		var forbidden *network.ForbiddenError
		if err := guard("tcp", address, nil); !errors.As(err, &forbidden) || forbidden.Addr.String() != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"", "host.example:443", "8.8.8.8"} {
		if guard("tcp", address, nil) == nil {
			t.Errorf("%q may be connected to", address)
		}
	}
}
