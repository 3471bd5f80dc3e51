package callback

import (
	"errors"
	"net/netip"
	"strings"
)

// Host is one entry of a list of accepted hosts. The zero value matches nothing.
type Host struct {
	// name is the host in lower case; below also takes what stands below it, and not the name itself.
	name  string
	below bool
	addr  netip.Addr
	port  string // empty for any
}

// ParseHost reads a host (hooks.example.com), all hosts below a name (*.example.com, without example.com itself), or
// an IP address (192.0.2.7, [2001:db8::7]), each with a port (:8443) or for any port.
func ParseHost(s string) (Host, error) {
	var h Host
	host, port, hasPort := splitPort(s)
	host, h.below = strings.CutPrefix(host, "*.")
	var t target
	if t.setHost(host) != nil || h.below && t.addr.IsValid() || hasPort && !isPort(port) {
		return Host{}, errors.New("must be a host name, *.name or an address (IPv6 in brackets), with or without a port")
	}
	h.name, h.addr, h.port = t.host, t.addr, port
	return h, nil
}

func (h Host) matches(t target) bool {
	switch {
	case h.name == "", h.port != "" && h.port != t.port:
		return false
	case h.addr.IsValid() || t.addr.IsValid():
		return h.addr.IsValid() && t.addr.IsValid() && h.addr.Unmap() == t.addr.Unmap()
	case h.below:
		return strings.HasSuffix(t.host, "."+h.name)
	}
	return t.host == h.name
}
