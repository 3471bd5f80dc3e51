package cards

import (
	"net"
	"strings"

	"ringfence.dev/ringfence/internal/agent"
)

// Addresses say where clients of a mesh find its agents.
type Addresses struct {
	// PublicURL is the gateway's URL: a scheme, a host and perhaps a port.
	PublicURL string
	// Domain is the mesh domain, if clients can resolve the hosts below it; empty if they cannot. Only then can a
	// card that is asked for by path offer gRPC.
	Domain string
}

// Root returns the base of the agent that answers at the gateway's own root.
func (a Addresses) Root() (agent.Base, error) {
	scheme, host, _ := strings.Cut(strings.TrimSuffix(a.PublicURL, "/"), "://")
	return agent.HostBase(scheme, host)
}

// Host returns the base of an agent that is asked for by a host of its own, which may carry a port.
func (a Addresses) Host(host string) (agent.Base, error) {
	scheme, _, _ := strings.Cut(a.PublicURL, "://")
	return agent.HostBase(scheme, host)
}

// Path returns the base of the named agent below the gateway. A gRPC client cannot be told a path: it is told the
// agent's own host, if it can resolve that.
func (a Addresses) Path(name agent.ID) (agent.Base, error) {
	root, err := a.Root()
	if err != nil {
		return agent.Base{}, err
	}
	base := agent.Base{URL: root.URL + agent.MeshPrefix + string(name)}
	if a.Domain == "" {
		return base, nil
	}
	_, port, err := net.SplitHostPort(root.GRPC)
	if err != nil {
		return agent.Base{}, err
	}
	base.GRPC = net.JoinHostPort(string(name)+"."+a.Domain, port)
	return base, nil
}
