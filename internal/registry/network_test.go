package registry

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckAddr(t *testing.T) {
	t.Parallel()
	denied := []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.1.2.3",
		"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.7",
		"203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
		"100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
		"fec0::1", "ff02::1",
	}
	public := []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "193.0.0.1", "223.255.255.255",
		"::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450::1",
	}
	for _, s := range denied {
		if checkAddr(netip.MustParseAddr(s), nil) == nil {
			t.Errorf("%s may be connected to", s)
		}
		if err := checkAddr(netip.MustParseAddr(s), []netip.Prefix{netip.MustParsePrefix("8.8.0.0/16")}); err == nil {
			t.Errorf("%s may be connected to because another network is allowed", s)
		}
	}
	for _, s := range public {
		if err := checkAddr(netip.MustParseAddr(s), nil); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	if checkAddr(netip.Addr{}, nil) == nil {
		t.Error("no address may be connected to")
	}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, s := range []string{"127.0.0.1", "::ffff:127.0.0.1", "fd00::1"} {
		if err := checkAddr(netip.MustParseAddr(s), loopback); err != nil {
			t.Errorf("%s in an allowed network: %v", s, err)
		}
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"http://h":                {"http://h", "http://h/.well-known/agent-card.json"},
		"http://h/":               {"http://h/", "http://h/.well-known/agent-card.json"},
		"http://h:1/a/b":          {"http://h:1/a/b", "http://h:1/a/b/.well-known/agent-card.json", "http://h:1/.well-known/agent-card.json"},
		"http://h/a/":             {"http://h/a/", "http://h/a/.well-known/agent-card.json", "http://h/.well-known/agent-card.json"},
		"http://h/cards/one.json": {"http://h/cards/one.json"},
		"http://h/card?id=1":      {"http://h/card?id=1"},
	}
	for cardURL, want := range tests {
		if diff := cmp.Diff(want, candidates(cardURL)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", cardURL, diff)
		}
	}
}
