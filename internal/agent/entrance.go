package agent

import (
	"slices"
	"strconv"
	"strings"
)

// MeshPrefix is the path on the gateway's own host below which agents are found: /agents/<name>.
const MeshPrefix = "/agents/"

// CardPath is where a card is found below an agent's base (A2A 1.0 section 8.2); LegacyCardPath is where
// clients older than 0.3 look.
const (
	CardPath       = "/.well-known/agent-card.json"
	LegacyCardPath = "/.well-known/agent.json"
)

// KeySetPath is where a host of the mesh publishes the keys that verify its signatures of cards, as a JWK set.
const KeySetPath = "/.well-known/jwks.json"

// Entrance is where the mesh offers one interface of an agent: below the agent's base, at Suffix. The first
// JSON-RPC and the first HTTP+JSON interface share the base itself (JSON-RPC posts to the base, HTTP+JSON only
// to paths below it); every further interface gets `/~<index in the card>`. gRPC interfaces stand at the base too,
// where the services they are called by tell them apart.
type Entrance struct {
	Index     int
	Interface Interface
	Suffix    string
	// Services are the gRPC services that lead to the interface; none for other bindings.
	Services Services
}

// Services is a set of the gRPC services of A2A. The zero value is empty.
type Services uint8

// The services: that of A2A 1.0 and that of 0.3, which differ in their package only.
const (
	CurrentService Services = 1 << iota
	LegacyService
)

// services are the paths that calls of each service begin with, and the beginning of the versions that speak it.
var services = [...]struct {
	service       Services
	path, version string
}{
	{CurrentService, "/lf.a2a.v1.A2AService/", "1."},
	{LegacyService, "/a2a.v1.A2AService/", "0."},
}

// Paths returns what the paths of calls of the services begin with, slashes included.
func (s Services) Paths() []string {
	var paths []string
	for _, known := range services {
		if s&known.service != 0 {
			paths = append(paths, known.path)
		}
	}
	return paths
}

// ServiceOf returns the gRPC service whose methods are called at a path below an agent's base, 0 for none.
func ServiceOf(path string) Services {
	for _, known := range services {
		if strings.HasPrefix(path, known.path) {
			return known.service
		}
	}
	return 0
}

// serving returns the index of the interface that a service leads to: the first gRPC interface of a version that
// speaks the service, else the first of all, as one server often has both services. It is -1 without gRPC interfaces.
func (c *Card) serving(service Services) int {
	first := -1
	for i := range c.Interfaces {
		if c.Interfaces[i].Binding != GRPC {
			continue
		}
		for _, known := range services {
			if known.service == service && strings.HasPrefix(c.Interfaces[i].Version, known.version) {
				return i
			}
		}
		if first < 0 {
			first = i
		}
	}
	return first
}

// servicesOf returns the services that lead to the interface with the index.
func (c *Card) servicesOf(index int) Services {
	var all Services
	for _, known := range services {
		if c.serving(known.service) == index {
			all |= known.service
		}
	}
	return all
}

// Entrances returns the entrances of the card's interfaces in card order. Interfaces whose binding the mesh
// does not govern have none, nor have gRPC interfaces that no service leads to.
func (c *Card) Entrances() []Entrance {
	var entrances []Entrance
	taken := map[Binding]bool{}
	for i, iface := range c.Interfaces {
		entrance := Entrance{Index: i, Interface: iface}
		switch {
		case !iface.Binding.Routed():
			continue
		case iface.Binding == GRPC:
			if entrance.Services = c.servicesOf(i); entrance.Services == 0 {
				continue
			}
		case taken[iface.Binding]:
			entrance.Suffix = "/~" + strconv.Itoa(i)
		}
		taken[iface.Binding] = true
		entrances = append(entrances, entrance)
	}
	return entrances
}

// Enter returns the entrance that a path below the agent's base uses and what follows it. The path is empty
// or begins with a slash; rest is empty, or begins with a slash and has more after it. It is what Entrances says,
// found without building the list: this runs on every request. The path of a gRPC call is all rest. It never is one of
// HTTP+JSON: some servers answer both on one port, and would take for a call what was judged as something else.
func (c *Card) Enter(path string) (entrance Entrance, rest string, ok bool) {
	if path != "" && path[0] != '/' {
		return Entrance{}, "", false
	}
	if service := ServiceOf(path); service != 0 {
		return c.enterGRPC(service, path)
	}
	suffix, rest := "", path
	if strings.HasPrefix(path, "/~") {
		end := strings.IndexByte(path[1:], '/') + 1
		if end == 0 {
			end = len(path)
		}
		suffix, rest = path[:end], path[end:]
	}
	if rest == "/" {
		rest = ""
	}
	binding := HTTPJSON
	if rest == "" {
		binding = JSONRPC
	}
	first := slices.IndexFunc(c.Interfaces, func(i Interface) bool { return i.Binding == binding })
	index := first
	if suffix != "" {
		index = numbered(suffix)
		if index <= first || index >= len(c.Interfaces) || c.Interfaces[index].Binding != binding || ServiceOf(rest) != 0 {
			return Entrance{}, "", false
		}
	}
	if first < 0 {
		return Entrance{}, "", false
	}
	return Entrance{Index: index, Interface: c.Interfaces[index], Suffix: suffix}, rest, true
}

// enterGRPC is Enter for a call of a service: its path ends in the name of a method.
func (c *Card) enterGRPC(service Services, path string) (entrance Entrance, rest string, ok bool) {
	index := c.serving(service)
	if index < 0 || strings.Count(path, "/") != 2 || strings.HasSuffix(path, "/") {
		return Entrance{}, "", false
	}
	return Entrance{Index: index, Interface: c.Interfaces[index], Services: c.servicesOf(index)}, path, true
}

// numbered returns n of the suffix /~n, or -1 when n is not written as Entrances writes it.
func numbered(suffix string) int {
	digits := suffix[len("/~"):]
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || strings.HasPrefix(digits, "+") || digits[0] == '0' {
		return -1
	}
	return n
}

// SplitMeshPath splits /agents/<name>… into the name and the path below the agent's base, which is empty or
// begins with a slash.
func SplitMeshPath(path string) (name ID, below string, ok bool) {
	tail, ok := strings.CutPrefix(path, MeshPrefix)
	if !ok {
		return "", "", false
	}
	if i := strings.IndexByte(tail, '/'); i >= 0 {
		tail, below = tail[:i], tail[i:]
	}
	name, err := ParseID(tail)
	return name, below, err == nil
}
