package killswitch

import (
	"maps"
	"slices"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
)

// Image is the switches that were pulled at one moment. It is immutable. The zero value, like nil, is that of a mesh of
// whose switches nothing is known: everybody is stopped.
type Image struct {
	source *mirror.Image[Switch]
	known  bool

	mesh   *Switch
	owners map[agent.Owner]Switch
	agents map[agent.ID]Switch
	// unreadable are the keys of entries that count for the mesh, as nothing tells whom they were to stop.
	unreadable []string
}

// unknown is what stops everybody while nothing is known.
var unknown = Switch{Scope: Mesh, Reason: "it is not known yet which switches are pulled"}

// ImageOf returns the image of the given switches.
func ImageOf(switches ...Switch) *Image {
	i := &Image{known: true, owners: map[agent.Owner]Switch{}, agents: map[agent.ID]Switch{}}
	for _, s := range switches {
		i.add(s)
	}
	return i
}

func compile(source *mirror.Image[Switch]) *Image {
	i := ImageOf()
	i.source = source
	for key, value := range source.Table().All() {
		s := value.Value
		if s.Scope == Mesh && key != string(Mesh) {
			i.unreadable = append(i.unreadable, key)
			if i.mesh != nil {
				continue
			}
		}
		i.add(s)
	}
	slices.Sort(i.unreadable)
	return i
}

// add pulls a switch. One of an unknown scope stops everybody.
func (i *Image) add(s Switch) {
	switch s.Scope {
	case Agent:
		i.agents[agent.ID(s.Name)] = s
	case Owner:
		i.owners[agent.Owner(s.Name)] = s
	default:
		s.Scope, s.Name = Mesh, ""
		i.mesh = &s
	}
}

// Killed returns the switch that stops an agent of the owner, and whether any does: the mesh's before the owner's before
// the agent's own. Whoever is unknown, with an empty name and owner, is stopped by the mesh's alone.
func (i *Image) Killed(name agent.ID, owner agent.Owner) (Switch, bool) {
	if i == nil || !i.known {
		return unknown, true
	}
	if i.mesh != nil {
		return *i.mesh, true
	}
	if s, ok := i.owners[owner]; ok {
		return s, true
	}
	s, ok := i.agents[name]
	return s, ok
}

// List returns the switches, the mesh's first, then owners' and agents' by name.
func (i *Image) List() []Switch {
	if i == nil || !i.known {
		return []Switch{unknown}
	}
	list := make([]Switch, 0, 1+len(i.owners)+len(i.agents))
	if i.mesh != nil {
		list = append(list, *i.mesh)
	}
	for _, name := range slices.Sorted(maps.Keys(i.owners)) {
		list = append(list, i.owners[name])
	}
	for _, name := range slices.Sorted(maps.Keys(i.agents)) {
		list = append(list, i.agents[name])
	}
	return list
}
