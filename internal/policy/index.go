package policy

import "slices"

// index finds the rules that can speak of a call. Each rule stands under what it names of three things: the caller with
// its owner, the callee with its owner, and what is declared. A name is looked up as a whole, and by each length that a
// beginning or an end has in the set, so that a call costs some lookups in maps, whose number follows from these lengths
// and not from the number of documents. Only globs that neither begin nor end with a letter (*x*) are looked at one by
// one, and so are rules that differ in nothing but rings, assurance, methods, effects and numbers, by a comparison each.
type index struct {
	callers, callees sides
	skills, actions  names
	claims           uint32
	cells            map[cell][]posting
}

// cell is a place of the index: what rules name of callers, callees and declarations, each as a number, 0 for nothing.
type cell struct{ caller, callee, claim uint32 }

// undeclared is the number of calls that declare nothing.
const undeclared = 1

// posting is rules of one document that name the same.
type posting struct {
	// order is the document's place among the members.
	order uint32
	// whole says that the place alone decides that names match.
	whole bool
	rules []*rule
}

func newIndex() index {
	return index{callers: newSides(), callees: newSides(), skills: newNames(), actions: newNames(), claims: undeclared, cells: map[cell][]posting{}}
}

// parties are the numbers under which a call's caller and callee are looked up.
type parties struct{ callers, callees []uint32 }

// find appends the postings that can speak of the call.
func (x *index) find(c *Call, p parties, to [][]posting) [][]posting {
	var room [24]uint32
	claims := append(room[:0], 0)
	switch {
	case x.claims == undeclared:
	case c.declares():
		claims = x.skills.find(c.Skill, claims)
		claims = x.actions.find(c.Action, claims)
	default:
		claims = append(claims, undeclared)
	}
	for _, caller := range p.callers {
		for _, callee := range p.callees {
			for _, claim := range claims {
				if postings := x.cells[cell{caller, callee, claim}]; len(postings) > 0 {
					to = append(to, postings)
				}
			}
		}
	}
	return to
}

// add puts the rules of a document at their places.
func (x *index) add(order uint32, m member) {
	d, rules := m.document, m.body.rules
	for start := 0; start < len(rules); {
		end := start + 1
		for end < len(rules) && sameNames(d, rules[start], rules[end]) {
			end++
		}
		narrow := &d.Rules[rules[start].ref.Rule].Narrow
		x.post(d, narrow, posting{order: order, rules: rules[start:end]})
		start = end
	}
	if guard := m.body.guard; guard != nil {
		callers, callees := guarded(d)
		x.place(callers, callees, []uint32{0}, posting{order: order, rules: []*rule{guard}})
	}
}

// sameNames reports whether two rules of a document name the same, so that they can stand together.
func sameNames(d *Document, a, b *rule) bool {
	x, y := &d.Rules[a.ref.Rule].Narrow, &d.Rules[b.ref.Rule].Narrow
	return a.caller == b.caller && a.callee == b.callee &&
		slices.Equal(x.Agents, y.Agents) && slices.Equal(x.Owners, y.Owners) &&
		slices.Equal(x.Skills, y.Skills) && slices.Equal(x.Actions, y.Actions) && x.Undeclared == y.Undeclared
}

// post puts rules that name the same at the places of what they name.
func (x *index) post(d *Document, narrow *Targets, p posting) {
	callers := [][]entry{entries(d.Subjects.Agents, one(p.rules[0].caller)), entries(d.Subjects.Owners)}
	callees := [][]entry{entries(d.Targets.Agents, narrow.Agents, one(p.rules[0].callee)), entries(d.Targets.Owners, narrow.Owners)}
	x.place(callers, callees, x.internClaims(&d.Targets, narrow), p)
}

func one(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

// maxPlaces bounds at how many places the same rules stand. Where lists name more, the longest is left out, and Cedar
// decides on it.
const maxPlaces = 4096

// shorten leaves lists out until there are few enough places, of which each combination of entries has as many as times.
func shorten(times int, lists ...*[]entry) {
	for {
		places, longest := times, lists[0]
		for _, l := range lists {
			places *= len(*l)
			if len(*l) > len(*longest) {
				longest = l
			}
		}
		if places <= maxPlaces || len(*longest) <= 1 {
			return
		}
		*longest = []entry{{}}
	}
}

func (x *index) place(callers, callees [][]entry, claims []uint32, p posting) {
	shorten(len(claims), &callers[0], &callers[1], &callees[0], &callees[1])
	for _, caller := range x.callers.intern(callers[0], callers[1]) {
		for _, callee := range x.callees.intern(callees[0], callees[1]) {
			for _, claim := range claims {
				at := cell{caller.id, callee.id, claim}
				p.whole = caller.whole && callee.whole
				x.cells[at] = append(x.cells[at], p)
			}
		}
	}
}

// internClaims returns the numbers of what targets, or a rule's narrow ones, want to be declared: of one of their lists of
// skills and actions, as all have to match. Cedar decides on them in any case.
func (x *index) internClaims(targets, narrow *Targets) []uint32 {
	for _, t := range []*Targets{narrow, targets} {
		for _, claim := range []struct {
			table *names
			globs []string
		}{{&x.skills, t.Skills}, {&x.actions, t.Actions}} {
			keys := entries(claim.globs)
			if slices.ContainsFunc(keys, func(e entry) bool { return e.key.by == byNothing }) {
				continue
			}
			var claims []uint32
			for _, e := range keys {
				claims = append(claims, claim.table.intern(e.key, &x.claims))
			}
			if t.Undeclared {
				claims = append(claims, undeclared)
			}
			return claims
		}
	}
	return []uint32{0}
}
