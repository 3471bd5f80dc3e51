package registry

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"ringfence.dev/ringfence/internal/agent"
)

// checkWebDIDs returns an error for each did:web among the identifiers whose document cannot be had: its agent could
// never prove who it is.
func (r *Registry) checkWebDIDs(dids []string) error {
	if r.config.WebDID == nil {
		return nil
	}
	var problems []error
	for i, did := range dids {
		if !strings.HasPrefix(did, agent.WebMethod) {
			continue
		}
		if err := r.config.WebDID(did); err != nil {
			problems = append(problems, agent.FieldError{Path: fmt.Sprintf("dids[%d]", i), Problem: err.Error()})
		}
	}
	return errors.Join(problems...)
}

// checkUpstreams returns an error for each interface that calls must not be routed to. A proxy connects to what a
// card names, so a card could lead callers to the mesh's own ports; and a card that was fetched was written by
// whoever serves it, so it may name private addresses only where the administrator allows fetching from.
func (r *Registry) checkUpstreams(record *agent.Record) error {
	var problems []error
	for i, face := range record.Card.Interfaces {
		if !face.Binding.Routed() {
			continue
		}
		fail := func(problem string) {
			problems = append(problems, agent.FieldError{Path: fmt.Sprintf("card.supportedInterfaces[%d].url", i), Problem: problem})
		}
		host, port := hostPort(face.URL)
		if r.config.Own != nil && r.config.Own(host, port) {
			fail("leads to the mesh itself")
			continue
		}
		addr, err := netip.ParseAddr(host)
		if record.CardURL == "" || err != nil {
			continue
		}
		if err := checkAddr(addr, r.config.AllowedNetworks); err != nil {
			fail(err.Error())
		}
	}
	return errors.Join(problems...)
}

// hostPort returns host and port of a URL that ParseCard accepted, which for gRPC may be these alone; localhost as
// the address it means.
func hostPort(raw string) (host, port string) {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", ""
	}
	host, port = u.Hostname(), u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		host = net.IPv4(127, 0, 0, 1).String()
	}
	return host, port
}
