package inspect

import (
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
)

// seamBytes is how much of a text is looked at on each side of the border to its neighbours.
const seamBytes = 512

// seam says that the joined bytes from at on are those of a text from offset on.
type seam struct{ at, index, offset, length int }

// joined judges all values as one text, because the callee may put parts together before it reads them: once with
// a space between, once with nothing. Only what crosses a border counts, since the rest was judged before, so of
// long texts the middle is left out. Keys, and values that only label a part, are no prose and do not take part.
func (c *scan) joined(texts []a2a.Text) {
	for _, glue := range [2]string{" ", ""} {
		c.join(texts, glue)
		if len(c.seams) < 2 {
			return
		}
		v := view{name: ViewJoined, bytes: c.raw, index: -1, limit: len(c.raw)}
		if asciiPrefix(c.raw) < len(c.raw) {
			c.skeleton.write(c.raw)
			v.bytes, v.anchors = c.skeleton.text, c.skeleton.anchors
		}
		c.match(&v)
	}
}

func (c *scan) join(texts []a2a.Text, glue string) {
	c.raw, c.seams = c.raw[:0], c.seams[:0]
	for i := range texts {
		value := texts[i].Value
		if texts[i].Key || label(value) {
			continue
		}
		if len(c.seams) > 0 {
			c.raw = append(c.raw, glue...)
		}
		if len(value) <= 2*seamBytes {
			c.piece(i, 0, value)
			continue
		}
		c.piece(i, 0, value[:seamBytes])
		// A blank line stands for what is left out: no match of words that reach over it is a short one.
		c.raw = append(c.raw, "\n\n"...)
		c.piece(i, len(value)-seamBytes, value[len(value)-seamBytes:])
	}
}

func (c *scan) piece(index, offset int, value string) {
	c.seams = append(c.seams, seam{at: len(c.raw), index: index, offset: offset, length: len(value)})
	c.raw = append(c.raw, value...)
}

// crosses reports whether the range of the joined view lies in more than one text. The view's offsets are those
// of its canonical form here, so the anchors are asked first.
func (c *scan) crosses(v *view, at span) bool {
	start, end := source(v.anchors, at.start, v.limit), source(v.anchors, at.end, v.limit)
	first := c.seam(start)
	return end > c.seams[first].at+c.seams[first].length && c.seams[c.seam(end-1)].index != c.seams[first].index
}

// seam returns the index of the last seam at or before the joined offset.
func (c *scan) seam(offset int) int {
	lo, hi := 0, len(c.seams)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if c.seams[mid].at <= offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return max(0, lo-1)
}

// locate says in which texts a range of the joined bytes begins and ends, and where there.
func (c *scan) locate(f *Finding, start, end int) {
	first, last := c.seams[c.seam(start)], c.seams[c.seam(max(start, end-1))]
	f.Text, f.Start = first.index, first.offset+min(start-first.at, first.length)
	f.End = first.offset + min(end-first.at, first.length)
	f.Last, f.LastEnd = last.index, last.offset+min(end-last.at, last.length)
}

// label reports whether a value names a kind, a media type or an id rather than saying something: such values
// stand between the texts of two parts.
func label(value string) bool {
	switch value {
	case "", "text", "file", "data", "message", "user", "agent", "ROLE_USER", "ROLE_AGENT":
		return true
	}
	if len(value) > 100 || strings.ContainsAny(value, " \t\n") {
		return false
	}
	family, subtype, slash := strings.Cut(value, "/")
	if slash && subtype != "" && mediaFamily(family) {
		return true
	}
	return len(value) >= 8 && strings.ContainsAny(value, "0123456789") && strings.ContainsAny(value, "-_.:")
}

func mediaFamily(s string) bool {
	switch s {
	case "text", "application", "image", "audio", "video", "multipart", "font", "model":
		return true
	}
	return false
}
