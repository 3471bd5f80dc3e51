package authority

import "ringfence.dev/ringfence/internal/agent"

// MaxLinks is the largest number of links that a chain may have.
const MaxLinks = 4

// Depths are how many links may follow a holder, by the number of its ring: 0 is the kernel's. The zero value lets
// nobody delegate.
type Depths [4]int

// Of returns the depth of a ring.
func (d Depths) Of(ring agent.Ring) int { return d[ring.Number()] }
