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

// Entrance is where the mesh offers one interface of an agent: below the agent's base, at Suffix. The first
// JSON-RPC and the first HTTP+JSON interface share the base itself (JSON-RPC posts to the base, HTTP+JSON only
// to paths below it); every further interface gets `/~<index in the card>`.
type Entrance struct {
	Index     int
	Interface Interface
	Suffix    string
}

// Entrances returns the entrances of the card's interfaces in card order. Interfaces whose binding the mesh
// does not govern have none.
func (c *Card) Entrances() []Entrance {
	var entrances []Entrance
	taken := map[Binding]bool{}
	for i, iface := range c.Interfaces {
		if !iface.Binding.Routed() {
			continue
		}
		suffix := ""
		if taken[iface.Binding] {
			suffix = "/~" + strconv.Itoa(i)
		}
		taken[iface.Binding] = true
		entrances = append(entrances, Entrance{Index: i, Interface: iface, Suffix: suffix})
	}
	return entrances
}

// Enter returns the entrance that a path below the agent's base uses and what follows it. The path is empty
// or begins with a slash; rest is empty, or begins with a slash and has more after it. It is what Entrances says,
// found without building the list: this runs on every request.
func (c *Card) Enter(path string) (entrance Entrance, rest string, ok bool) {
	if path != "" && path[0] != '/' {
		return Entrance{}, "", false
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
		if index <= first || index >= len(c.Interfaces) || c.Interfaces[index].Binding != binding {
			return Entrance{}, "", false
		}
	}
	if first < 0 {
		return Entrance{}, "", false
	}
	return Entrance{Index: index, Interface: c.Interfaces[index], Suffix: suffix}, rest, true
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
