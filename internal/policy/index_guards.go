package policy

// guards finds, of a party's documents in force that permit, the first one that guards a call: by it the party is closed.
type guards struct {
	// always are the refusals of documents that guard every call, by party.
	always [OrganisationParty + 1]*Refusal
	// callers and callees are by the numbers of the index, sorted by name. What stands behind a whole one is never asked.
	callers, callees map[uint32][]guard
}

// guard is a document that guards the calls of some agents.
type guard struct {
	order       uint32
	whole       bool
	agents      []string
	owners      []string
	unpermitted *Refusal
}

// guarded returns what has to be named for a document to guard a call: never how a caller stands.
func guarded(d *Document) (callers, callees [][]entry) {
	anybody := func() [][]entry { return [][]entry{entries(), entries()} }
	switch d.Party {
	case CallerParty:
		return [][]entry{entries(d.Subjects.Agents), entries(d.Subjects.Owners)}, anybody()
	case CalleeParty:
		return anybody(), [][]entry{entries(d.Targets.Agents), entries(d.Targets.Owners)}
	default:
		return anybody(), anybody()
	}
}

// newGuards finds the guards among members that are sorted by party and name.
func newGuards(members []member, x *index) guards {
	g := guards{callers: map[uint32][]guard{}, callees: map[uint32][]guard{}}
	for i, m := range members {
		d := m.document
		if d.Mode != Enforce || m.body.unpermitted == nil {
			continue
		}
		callers, callees := guarded(d)
		one := guard{order: uint32(i), unpermitted: m.body.unpermitted}
		switch d.Party {
		case CallerParty:
			shorten(1, &callers[0], &callers[1])
			one.agents, one.owners = d.Subjects.Agents, d.Subjects.Owners
			place(g.callers, x.callers.intern(callers[0], callers[1]), one)
		case CalleeParty:
			shorten(1, &callees[0], &callees[1])
			one.agents, one.owners = d.Targets.Agents, d.Targets.Owners
			place(g.callees, x.callees.intern(callees[0], callees[1]), one)
		default:
			if g.always[d.Party] == nil {
				g.always[d.Party] = m.body.unpermitted
			}
		}
	}
	return g
}

func place(by map[uint32][]guard, at []side, one guard) {
	for _, s := range at {
		if before := by[s.id]; len(before) > 0 && before[len(before)-1].whole {
			continue
		}
		one.whole = s.whole
		by[s.id] = append(by[s.id], one)
	}
}

// of returns the refusal of what nothing permits, of the first document by name by which the party is closed for the call;
// nil if it is open.
func (g *guards) of(p Party, c *Call, found parties) *Refusal {
	switch p {
	case CallerParty:
		return first(g.callers, found.callers, string(c.Caller), string(c.CallerOwner))
	case CalleeParty:
		return first(g.callees, found.callees, string(c.Callee), string(c.CalleeOwner))
	default:
		return g.always[p]
	}
}

func first(by map[uint32][]guard, numbers []uint32, agent, owner string) *Refusal {
	var best *guard
	for _, number := range numbers {
		list := by[number]
		for i := range list {
			one := &list[i]
			if best != nil && best.order < one.order {
				break
			}
			if one.whole || one.matches(agent, owner) {
				best = one
				break
			}
		}
	}
	if best == nil {
		return nil
	}
	return best.unpermitted
}

func (g *guard) matches(agent, owner string) bool {
	return (len(g.agents) == 0 || anyGlob(g.agents, agent)) && (len(g.owners) == 0 || anyGlob(g.owners, owner))
}
