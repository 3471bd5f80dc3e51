package authority

import (
	"fmt"

	"ringfence.dev/ringfence/internal/agent"
)

// MaxLinks is the largest number of links that a chain may have.
const MaxLinks = 4

// Depths are how many links may follow a holder, by the number of its ring: 0 is the kernel's. The zero value lets
// nobody delegate.
type Depths [4]int

// DefaultDepths returns the depths of semantics.md: 4, 3, 2 and 0.
func DefaultDepths() Depths { return Depths{4, 3, 2, 0} }

// Of returns the depth of a ring.
func (d Depths) Of(ring agent.Ring) int { return d[ring.Number()] }

// Validate returns an error unless each depth is 0 to MaxLinks and no ring may delegate deeper than a more privileged
// one, which would let a holder gain by losing its ring.
func (d Depths) Validate() error {
	for ring, depth := range d {
		if depth < 0 || depth > MaxLinks {
			return fmt.Errorf("the depth of ring %d must be 0 to %d", ring, MaxLinks)
		}
		if ring > 0 && depth > d[ring-1] {
			return fmt.Errorf("the depth of ring %d must be at most that of ring %d", ring, ring-1)
		}
	}
	return nil
}
