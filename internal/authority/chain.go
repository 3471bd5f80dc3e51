package authority

import (
	"math"
	"strconv"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Holding is what one agent of a chain holds by itself. The zero value holds nothing.
type Holding struct {
	// Agent is who holds it.
	Agent agent.ID
	// Ring and Trust are the agent's standing at present.
	Ring  agent.Ring
	Trust agent.Trust
	// Capabilities bound what the agent may ask of others.
	Capabilities []agent.Capability
	// Active reports that the agent takes part in the mesh at present; one that does not holds nothing.
	Active bool
}

// Grant is what one link of a chain passes on. The zero value passes nothing on.
type Grant struct {
	// Capabilities are all that is granted.
	Capabilities []agent.Capability
	// Until is when the grant ends; the moment itself is outside.
	Until time.Time
	// Depth is how many links may follow this one.
	Depth int
}

// OfHolder returns the authority of an agent that acts for itself.
func OfHolder(h Holding, depths Depths) Authority {
	if !h.Active {
		return Authority{}
	}
	return Authority{
		Ring: h.Ring, Trust: h.Trust, Scope: [][]agent.Capability{h.Capabilities}, Until: forever, Depth: depths.Of(h.Ring),
	}
}

// Factor is one of the parts that a chain's authority is made of: a holder or a link, each counted from the root. The
// zero value is the root itself.
type Factor struct {
	// Link reports that it is a link, the one between the holders Index and Index+1.
	Link bool
	// Index is its place, from 0.
	Index int
}

// String returns such as "holder 0" or "link 1".
func (f Factor) String() string {
	if f.Link {
		return "link " + strconv.Itoa(f.Index)
	}
	return "holder " + strconv.Itoa(f.Index)
}

// Witness names for each component of a chain's authority the factor that bounds it: the first one, from the root, that
// has the value by itself.
type Witness struct {
	Ring, Trust, Scope, Until, Depth Factor
	// TooDeep reports that the chain has more links than the factor Depth allows, and so no authority at all.
	TooDeep bool
}

// Refusing returns which factor does not cover the verbs on the resource, where the authority that Compose returned
// with the witness does not: the first of them.
func (w Witness) Refusing(a Authority, resource string, verbs ...string) (Factor, bool) {
	set, refused := a.Refusing(resource, verbs...)
	if set < 0 {
		return w.Scope, refused
	}
	return factorAt(set), refused
}

// factorAt returns the factor at a place of the order in which a chain is read: holder, link, holder, link, holder.
func factorAt(place int) Factor { return Factor{Link: place%2 == 1, Index: place / 2} }

// Compose returns the authority of a chain with its witness: the meet of what its holders hold, root first and caller
// last, and of what the links between them grant. Sets of its Scope stand in the order of the chain. It takes no
// clock: Until says when the first grant ends.
//
// Each link takes one from the depth that is left, and each holder has no more left than its ring allows, where its
// ring is the least privileged of the chain so far. A chain in which there is less than nothing left has no authority.
// Neither has one whose links do not fit its holders, or in which a holder is not active.
func Compose(holders []Holding, grants []Grant, depths Depths) (Authority, Witness) {
	if len(holders) == 0 || len(grants) != len(holders)-1 {
		return Authority{}, Witness{}
	}
	c := composition{
		depths:    depths,
		authority: Authority{Ring: agent.Kernel, Trust: agent.MaxTrust, Until: forever, Depth: math.MaxInt},
	}
	c.authority.Scope = make([][]agent.Capability, 0, len(holders)+len(grants))
	for i, holder := range holders {
		if i > 0 {
			c.link(i-1, grants[i-1])
		}
		c.holder(i, holder)
	}
	if c.witness.TooDeep {
		return Authority{}, c.witness
	}
	return c.authority, c.witness
}

// composition is a chain's authority as far as it was read.
type composition struct {
	depths    Depths
	authority Authority
	witness   Witness
}

func (c *composition) holder(i int, h Holding) {
	own := Holding{}
	if h.Active {
		own = h
	}
	at := Factor{Index: i}
	if i == 0 || own.Ring < c.authority.Ring {
		c.authority.Ring, c.witness.Ring = own.Ring, at
	}
	if i == 0 || own.Trust < c.authority.Trust {
		c.authority.Trust, c.witness.Trust = own.Trust, at
	}
	if !h.Active {
		c.until(at, time.Time{})
	}
	c.depth(at, c.depths.Of(c.authority.Ring))
	c.scope(at, own.Capabilities)
}

func (c *composition) link(i int, g Grant) {
	at := Factor{Link: true, Index: i}
	c.until(at, g.Until)
	c.authority.Depth--
	c.depth(at, g.Depth)
	c.scope(at, g.Capabilities)
}

func (c *composition) until(at Factor, end time.Time) {
	if end.Before(c.authority.Until) {
		c.authority.Until, c.witness.Until = end, at
	}
}

// depth bounds how many links may follow. Whoever left too few for the link that was just read made the chain too deep.
func (c *composition) depth(at Factor, left int) {
	if c.witness.TooDeep {
		return
	}
	if c.authority.Depth < 0 {
		c.witness.TooDeep = true
		return
	}
	if left < c.authority.Depth {
		c.authority.Depth, c.witness.Depth = left, at
	}
}

// scope adds what a factor covers. The witness is the first factor that is narrower than all before it.
func (c *composition) scope(at Factor, set []agent.Capability) {
	if len(c.authority.Scope) > 0 && !ScopeWithin(c.authority.Scope[place(c.witness.Scope)], set) {
		c.witness.Scope = at
	}
	c.authority.Scope = append(c.authority.Scope, set)
}

// place is where a factor stands in the order of the chain.
func place(f Factor) int {
	if f.Link {
		return 2*f.Index + 1
	}
	return 2 * f.Index
}
