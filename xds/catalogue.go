package xds

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// catalogue is what is served: by type URL, the resources by name. A change costs it what the change is worth, however
// many resources there are.
type catalogue struct {
	base  []*item
	items map[string]map[string]*item
	sums  map[string]sum
}

func newCatalogue(base []*item) *catalogue {
	c := &catalogue{base: base, items: map[string]map[string]*item{}, sums: map[string]sum{}}
	for _, typeURL := range typeURLs {
		c.items[typeURL] = map[string]*item{}
	}
	for _, i := range base {
		c.set(i)
	}
	return c
}

func (c *catalogue) get(typeURL, name string) *item { return c.items[typeURL][name] }

// set puts an item into the catalogue, and reports whether that changes what is served.
func (c *catalogue) set(i *item) bool {
	was := c.get(i.typeURL, i.name)
	if was != nil && was.version == i.version {
		return false
	}
	if was != nil {
		c.sums[i.typeURL] = c.sums[i.typeURL].minus(sumOf(was))
	}
	c.sums[i.typeURL] = c.sums[i.typeURL].plus(sumOf(i))
	c.items[i.typeURL][i.name] = i
	return true
}

// remove takes a resource out, or back to what is served whatever agents there are. It reports whether that changes
// anything.
func (c *catalogue) remove(typeURL, name string) bool {
	for _, i := range c.base {
		if i.typeURL == typeURL && i.name == name {
			return c.set(i)
		}
	}
	was := c.get(typeURL, name)
	if was == nil {
		return false
	}
	c.sums[typeURL] = c.sums[typeURL].minus(sumOf(was))
	delete(c.items[typeURL], name)
	return true
}

// version identifies all resources of a type with their contents, in whatever order they came.
func (c *catalogue) version(typeURL string) string { return c.sums[typeURL].String() }

// sum is a number of 128 bits that sets of items are identified by: the sum of their digests, modulo 2¹²⁸. What is
// summed up is what the mesh itself has built, so nobody gains from a collision.
type sum struct{ high, low uint64 }

func sumOf(i *item) sum {
	digest := sha256.Sum256([]byte(i.name + "\n" + i.version))
	return sum{binary.BigEndian.Uint64(digest[:8]), binary.BigEndian.Uint64(digest[8:16])}
}

func (s sum) plus(o sum) sum {
	low, carry := bits.Add64(s.low, o.low, 0)
	high, _ := bits.Add64(s.high, o.high, carry)
	return sum{high, low}
}

func (s sum) minus(o sum) sum {
	low, borrow := bits.Sub64(s.low, o.low, 0)
	high, _ := bits.Sub64(s.high, o.high, borrow)
	return sum{high, low}
}

func (s sum) String() string { return fmt.Sprintf("%016x%016x", s.high, s.low) }
