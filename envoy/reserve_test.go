package envoy_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/envoy"
)

func reserve(t *testing.T, addr string) *envoy.Reservation {
	t.Helper()
	reservation, err := envoy.ReservePort(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reservation.Close() })
	return reservation
}

func TestReservePort(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, addr, host string }{
		{"ipv4", "127.0.0.1:0", "127.0.0.1"},
		{"name", "localhost:0", "127.0.0.1"},
		{"every-address", ":0", "0.0.0.0"},
		{"mapped", "[::ffff:127.0.0.1]:0", "127.0.0.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := reserve(t, test.addr).Addr()
			if got.Addr().String() != test.host || got.Port() == 0 {
				t.Errorf("reserved %s", got)
			}
		})
	}
}

func TestReservePortKeepsOthersOut(t *testing.T) {
	t.Parallel()
	chosen := reserve(t, anyPort)
	address := chosen.Addr().String()
	keepsOut(t, address)
	if err := chosen.Close(); err != nil {
		t.Fatal(err)
	}
	given := reserve(t, address)
	keepsOut(t, address)
	if err := given.Close(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatalf("the address was not given up: %v", err)
	}
	listener.Close()
}

func keepsOut(t *testing.T, address string) {
	t.Helper()
	if listener, err := net.Listen("tcp4", address); err == nil {
		listener.Close()
		t.Error("another program could listen")
	}
	if second, err := envoy.ReservePort(address); err == nil || !strings.Contains(err.Error(), address+" is in use") {
		t.Errorf("a second reservation got %v, %v", second, err)
	}
}

func TestReservePortFailures(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp4", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	for _, test := range []struct{ name, addr, want string }{
		{"in-use", listener.Addr().String(), "is in use: stop what listens there, or choose another with --listen-gateway"},
		{"elsewhere", "192.0.2.1:8080", "is not one of this machine"},
		{"host-name", "gateway.example:80", "is not an address to listen on"},
		{"no-port", "127.0.0.1", "is not an address to listen on"},
		{"port-too-big", "127.0.0.1:65536", "is not an address to listen on"},
		{"empty", "", "is not an address to listen on"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			reservation, err := envoy.ReservePort(test.addr)
			if err == nil {
				reservation.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A gateway that restarts has connections of its last run winding down on the port.
func TestReservePortAgainAfterUse(t *testing.T) {
	t.Parallel()
	first := reserve(t, anyPort)
	address := first.Addr().String()
	instance := start(t, process(t, static(t, address, nowhere)))
	client := &http.Client{Transport: &http.Transport{}}
	response, err := client.Get("http://" + address + "/")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	// Envoy closes the kept connection first, which leaves it winding down on Envoy's side.
	if err := instance.Terminate(3 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := reserve(t, address)
	start(t, process(t, static(t, second.Addr().String(), nowhere)))
	if err := get(t, address, "/"); err != nil {
		t.Error(err)
	}
}
