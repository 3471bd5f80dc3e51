package xds

import (
	"maps"
	"slices"
)

// subscription is what one Envoy wants and has of one type.
type subscription struct {
	// wildcard says that it wants all; names are those that it asked for by name.
	wildcard bool
	names    map[string]bool
	// known is what Envoy has, as far as it was sent or said it. A version that is "" is one that it may have.
	known map[string]known
	// refused are the versions that it does not take. They are not sent to it again.
	refused map[string]string
	// dirty are the resources to look at again; asked says of those that they are sent though Envoy has them.
	dirty map[string]bool
	asked map[string]bool
	// apart are parts of dirty that go out one after the other, to find which one is refused.
	apart [][]string
	// initial says that Envoy waits for its first response, even if there is nothing in it.
	initial bool
	// flight is the response that was not answered yet.
	flight *flight
	// version is the type's version that was acknowledged last, generation the one that was then served.
	version    string
	generation uint64
}

type known struct {
	version string
	acked   bool
}

// flight is a response under way, with the versions sent by name; those of removed resources are "".
type flight struct {
	nonce, version string
	generation     uint64
	sent           map[string]string
}

func newSubscription(versions map[string]string) *subscription {
	u := &subscription{
		names: map[string]bool{}, known: make(map[string]known, len(versions)), refused: map[string]string{},
		dirty: map[string]bool{}, asked: map[string]bool{}, initial: len(versions) == 0,
	}
	for name, version := range versions {
		u.known[name] = known{version, true}
		u.dirty[name] = true
	}
	return u
}

// want adds names. They are sent even if Envoy has them, as who asks again has lost them, but for those that it has just
// brought along.
func (u *subscription) want(names []string, brought map[string]string) {
	for _, name := range names {
		_, has := brought[name]
		u.names[name], u.dirty[name] = true, true
		if !has {
			u.asked[name] = true
		}
	}
}

// turn returns by which names those that Envoy asked for differ from the given ones.
func (u *subscription) turn(names []string) (added, dropped []string) {
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
		if !u.names[name] {
			added = append(added, name)
		}
	}
	for name := range u.names {
		if !wanted[name] {
			dropped = append(dropped, name)
		}
	}
	return added, dropped
}

// recall takes what is served for what Envoy has.
func (u *subscription) recall(served map[string]*item) {
	u.initial = false
	for name, i := range served {
		u.known[name] = known{i.version, true}
	}
}

func (u *subscription) forget(names []string) {
	for _, name := range names {
		if name == everything {
			u.wildcard = false
		}
		delete(u.names, name)
		if !u.wildcard {
			delete(u.known, name)
			delete(u.dirty, name)
			delete(u.asked, name)
			delete(u.refused, name)
		}
	}
}

func (u *subscription) wants(name string) bool { return u.wildcard || u.names[name] }

// idle reports whether nothing is to be sent and nothing unanswered.
func (u *subscription) idle() bool { return u.flight == nil && len(u.dirty) == 0 && !u.initial }

// changes are what a response is made of.
type changes struct {
	items   []*item
	removed []string
}

func (c changes) empty() bool { return len(c.items) == 0 && len(c.removed) == 0 }

// take returns the differences between what Envoy has and what is served, and forgets to look at them again. With keep
// set, nothing is removed from Envoy for now.
func (u *subscription) take(served map[string]*item, keep bool) changes {
	var c changes
	for _, name := range u.due() {
		i, has := served[name], u.knows(name)
		switch {
		case !u.wants(name) && !has:
		case i == nil && keep:
			continue
		case i == nil && (has || u.asked[name]):
			c.removed = append(c.removed, name)
		case i != nil && u.lacks(i):
			c.items = append(c.items, i)
		}
		delete(u.dirty, name)
		delete(u.asked, name)
	}
	return c
}

// due returns the names to look at now: all that are dirty, or one part of those that go apart.
func (u *subscription) due() []string {
	for len(u.apart) > 0 {
		part := slices.DeleteFunc(u.apart[0], func(name string) bool { return !u.dirty[name] })
		u.apart = u.apart[1:]
		if len(part) > 0 {
			return part
		}
	}
	return slices.Sorted(maps.Keys(u.dirty))
}

func (u *subscription) knows(name string) bool {
	_, ok := u.known[name]
	return ok
}

func (u *subscription) lacks(i *item) bool {
	switch {
	case !u.wants(i.name), u.refused[i.name] == i.version:
		return false
	case u.asked[i.name]:
		return true
	}
	return u.known[i.name].version != i.version
}

// sending notes what goes out.
func (u *subscription) sending(f *flight, c changes) {
	f.sent = make(map[string]string, len(c.items)+len(c.removed))
	for _, i := range c.items {
		f.sent[i.name] = i.version
		u.known[i.name] = known{version: i.version}
	}
	for _, name := range c.removed {
		f.sent[name] = ""
		delete(u.known, name)
		delete(u.refused, name)
	}
	u.flight, u.initial = f, false
}

// acknowledge takes the response under way for what Envoy has.
func (u *subscription) acknowledge() {
	for name, version := range u.flight.sent {
		if k, ok := u.known[name]; ok && k.version == version {
			u.known[name] = known{version, true}
			delete(u.refused, name)
		}
	}
	u.version, u.generation, u.flight = u.flight.version, max(u.generation, u.flight.generation), nil
}

// has reports whether Envoy has acknowledged what was served in a generation, or all that is served now.
func (u *subscription) has(generation uint64) bool {
	return len(u.refused) == 0 && (u.generation >= generation || u.idle())
}

// acked reports whether Envoy has acknowledged the item.
func (u *subscription) acked(i *item) bool { return u.known[i.name] == known{i.version, true} }
