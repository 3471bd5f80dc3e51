package did

import (
	"errors"
	"fmt"
	"strings"
)

// Hosts are those whose documents may be fetched. The zero value has none.
type Hosts struct {
	patterns []pattern
}

// pattern is one entry of the list.
type pattern struct {
	name  string
	port  string
	below bool // takes what stands below the name, and not the name itself
}

// ParseHosts reads a list of hosts: agents.example.com, or *.example.com for all names below example.com without
// itself. A port behind a colon lets the documents of that port be fetched, and without one only those of 443: who
// runs another port of a host need not be who runs the host. An empty list allows none. The error names every entry
// that cannot be understood.
func ParseHosts(list []string) (Hosts, error) {
	var hosts Hosts
	var problems []error
	for i, text := range list {
		p, err := parsePattern(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("reading did:web hosts: entry %d %w", i, err))
			continue
		}
		hosts.patterns = append(hosts.patterns, p)
	}
	if err := errors.Join(problems...); err != nil {
		return Hosts{}, err
	}
	return hosts, nil
}

func parsePattern(text string) (pattern, error) {
	p := pattern{port: defaultPort}
	name, port, hasPort := strings.Cut(text, ":")
	if hasPort {
		p.port = port
	}
	p.name, p.below = strings.CutPrefix(name, "*.")
	if checkHost(p.name) != nil || !isPort(p.port) {
		return pattern{}, errors.New("must be a host name in lower case or *.name, with or without a port")
	}
	return p, nil
}

// Allow reports whether the document of the DID may be fetched.
func (h Hosts) Allow(w Web) bool {
	for _, p := range h.patterns {
		named := w.host == p.name
		if p.below {
			named = strings.HasSuffix(w.host, "."+p.name)
		}
		if named && w.Port() == p.port {
			return true
		}
	}
	return false
}
