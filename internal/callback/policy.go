// Package callback decides whether a URL may receive push notifications. The callee posts task updates to it from its
// own network, past the gateway, and the caller chose it: unchecked, it is a way to make agents send requests to
// whatever stands beside them (A2A 1.0 section 13.2 asks for exactly this check).
//
// A URL is accepted only when every reader agrees on where it leads, and when that is a place the operator allows. It
// is judged when it is given. A name can be pointed elsewhere later, so agents should judge the address again when
// they connect.
package callback

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/network"
)

// Config says which URLs are accepted.
type Config struct {
	// Schemes are the accepted schemes, https or http. Empty accepts none.
	Schemes []string
	// Allow are the accepted hosts, as ParseHost reads them. Empty accepts every host whose addresses are public.
	Allow []string
	// AllowedNetworks are accepted although their addresses are not public.
	AllowedNetworks []netip.Prefix
	// Own reports whether a host and port are the mesh's own, to which no callback may lead; nil knows none. It is
	// asked about a name, in lower case, and about each address of it, so it need not look up names.
	Own func(host, port string) bool
	// Resolver looks up names. Without one, only addresses are accepted.
	Resolver Resolver
	// Now is the clock by which answers of the resolver age.
	Now func() time.Time
}

// Policy judges URLs. It does not change and is safe for concurrent use. The zero value refuses everything.
type Policy struct {
	schemes  []string
	hosts    []Host
	networks []netip.Prefix
	own      func(host, port string) bool
	names    *directory
}

// Compile returns the policy of a configuration. The error names every entry that cannot be understood.
func Compile(config Config) (*Policy, error) {
	p := &Policy{schemes: slices.Clone(config.Schemes), networks: slices.Clone(config.AllowedNetworks), own: config.Own}
	var problems []error
	for _, scheme := range p.schemes {
		if defaultPort(scheme) == "" {
			problems = append(problems, fmt.Errorf("compiling callback schemes: %q is neither https nor http", scheme))
		}
	}
	for _, text := range config.Allow {
		host, err := ParseHost(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("compiling callback hosts: %q %w", text, err))
		}
		p.hosts = append(p.hosts, host)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if config.Resolver != nil {
		p.names = newDirectory(config.Resolver, config.Now)
	}
	return p, nil
}

// Check returns nil when the URL may receive push notifications, else why not. It may look up the host's name, which
// takes 700 milliseconds at most and ends with ctx.
func (p *Policy) Check(ctx context.Context, raw string) *Refusal {
	t, refusal := parse(raw)
	if refusal != nil {
		return refusal
	}
	if !slices.Contains(p.schemes, t.scheme) {
		return refuse(SchemeRefused, "the scheme of the callback URL is not accepted; accepted are: "+strings.Join(p.schemes, ", "))
	}
	listed := slices.ContainsFunc(p.hosts, func(h Host) bool { return h.matches(t) })
	named := slices.ContainsFunc(p.hosts, func(h Host) bool { return h.port == t.port && h.matches(t) })
	switch {
	case len(p.hosts) > 0 && !listed:
		return refuse(HostRefused, "the callback's host and port are not among those that the mesh allows")
	case !named && !harmless(t):
		return refuse(PortRefused, "the callback's port has to be the usual one of its scheme, or one above 1023 that no other protocol is known for")
	case p.leadsBack(t.host, t.port):
		return refuseMesh()
	case t.addr.IsValid():
		if !network.Reachable(t.addr, p.networks) {
			return refuse(AddressRefused, "the callback's address is not a public one; an administrator can allow its network")
		}
		return nil
	case !strings.Contains(t.host, ".") && !listed && t.host != localhost:
		return refuse(HostRefused, "the callback's host needs its full name")
	}
	return p.checkName(ctx, t, listed)
}

// checkName judges all addresses that a name leads to: whoever connects may take any of them.
func (p *Policy) checkName(ctx context.Context, t target, listed bool) *Refusal {
	addrs := loopback
	if t.host != localhost && !strings.HasSuffix(t.host, "."+localhost) {
		var refusal *Refusal
		if addrs, refusal = p.lookUp(ctx, t.host, listed); refusal != nil {
			return refusal
		}
	}
	for _, addr := range addrs {
		if p.leadsBack(addr.Unmap().WithZone("").String(), t.port) {
			return refuseMesh()
		}
		if !network.Reachable(addr, p.networks) {
			return refuseName()
		}
	}
	return nil
}

func (p *Policy) lookUp(ctx context.Context, name string, listed bool) ([]netip.Addr, *Refusal) {
	if p.names == nil {
		return nil, refuseName()
	}
	// A name that an operator listed is taken as written. Of any other, a resolver's search list must not make
	// another name.
	if !listed {
		name += "."
	}
	return p.names.lookUp(ctx, name)
}

func (p *Policy) leadsBack(host, port string) bool { return p.own != nil && p.own(host, port) }

// localhost and the names below it mean this host, whatever a resolver says (RFC 6761 section 6.3). It is judged as
// 127.0.0.1, as the registry does: who allows one loopback address allows the host.
const localhost = "localhost"

var loopback = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}

// harmless reports whether a port is not known to belong to another protocol than HTTP.
func harmless(t target) bool {
	number, err := strconv.Atoi(t.port)
	return t.port == defaultPort(t.scheme) || err == nil && number > 1023 && !slices.Contains(foreign, number)
}

// foreign are the ports above 1023 that the Fetch standard (section 2.9, port blocking) keeps HTTP clients away from.
var foreign = []int{
	1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
}

func defaultPort(scheme string) string {
	switch scheme {
	case "https":
		return "443"
	case "http":
		return "80"
	}
	return ""
}
