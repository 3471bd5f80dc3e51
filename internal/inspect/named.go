package inspect

import (
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
)

const (
	// maxMemberName is the longest name of a member that vouches for its value, in bytes: what is longer is no name of a value.
	maxMemberName = 64
	// minNamed is the shortest value that a name is read with, in bytes. Of long arrays of shorter ones, nothing but the name
	// would be read.
	minNamed = 4
	// namedShare is for how many bytes of the values that are read behind their names there is a unit of fuel for that, besides
	// what there is for all texts: each is read alone first, and that must not be what short ones lack.
	namedShare = 4
	// assigns stands between a name and its value, and assignsEnd behind it: what stands in quotes is read to its end, and is
	// no code.
	assigns, assignsEnd = `: "`, `"`
)

// named judges a value together with the name of its member, where that holds a word of a rule which reads pairs: a
// name and a value say in two texts what an assignment says in one. name is the index of the name that came last, so that of
// an array each string is read. Values of a kind of their own are none that a name says more of: they are members that the
// protocol defines, whose names are no texts, and such a one may also follow on a name that has no string for a value.
func (c *scan) named(texts []a2a.Text, name, value int) {
	t := &texts[value]
	if t.Kind != a2a.KindFree || len(texts[name].Value) > maxMemberName {
		return
	}
	said := strings.TrimLeft(t.Value, blanks)
	if len(said) < minNamed {
		return
	}
	c.raw = append(append(c.raw[:0], texts[name].Value...), assigns...)
	c.seams = append(
		c.seams[:0], seam{index: name, length: len(c.raw), place: c.place},
		seam{at: len(c.raw), index: value, offset: len(t.Value) - len(said), length: min(len(said), maxValue), whole: len(t.Value), place: c.place},
	)
	c.raw = append(append(c.raw, said[:c.seams[1].length]...), assignsEnd...)
	v := view{name: ViewNamed, bytes: c.raw, index: -1, limit: len(c.raw)}
	if asciiPrefix(c.raw) < len(c.raw) {
		c.skeleton.write(c.raw)
		v.bytes, v.anchors = c.skeleton.text, c.skeleton.anchors
	}
	// What pairs do not use is kept for others, and for no other work.
	c.namedFuel += c.seams[1].length / namedShare
	rest := c.fuel
	c.fuel += c.namedFuel
	c.match(&v)
	c.namedFuel = max(0, c.fuel-rest)
	c.fuel -= c.namedFuel
}

// value places a finding of what a name vouches for: in the value alone, since the name is no part of what was found. One
// that goes on behind what was read is told to the end of the value.
func (s seams) value(f *Finding, at span) {
	in := &s[len(s)-1]
	start := min(max(at.start-in.at, 0), in.length)
	end := min(max(at.end-in.at, start), in.length)
	f.Text, f.Last = in.index, in.index
	f.Start, f.End = in.offset+start, in.offset+end
	if end == in.length && in.length == maxValue {
		f.End = in.whole
	}
	f.LastEnd = f.End
}
