package inspect

import "bytes"

const (
	// minInner and maxInner are the shortest and the longest value that is judged by itself, in bytes. What is longer is no
	// value.
	minInner = 3
	maxInner = 4096
	// maxTag is the longest tag of HTML that is passed over, in bytes.
	maxTag = 512
	// maxTagName is the longest name of a tag, in bytes.
	maxTagName = 24
	// priceInner and priceLiteral are the prices of a value that stands in a text, as it is and with escapes, in units of
	// fuel.
	priceInner   = 1
	priceLiteral = 3
)

// loaded are the bytes one of which every attack has that means something to a program.
var loaded = func() (t [256]bool) {
	for _, c := range []byte("\"'`;|&$#*/\\<({[%=?\n-") {
		t[c] = true
	}
	return t
}()

var (
	commentOpens, commentCloses = []byte("<!--"), []byte("-->")
	sectionOpens, sectionCloses = []byte("<![CDATA["), []byte("]]>")
	asideOpens, asideCloses     = []byte("[//]: # "), []byte("\n")
)

// inner judges the values that stand in a text as texts of their own, for the rules that judge values: strings of JSON, what
// stands between tags of HTML and in comments, sections of characters in XML, and what all of a text is a quotation of.
// What a program makes of them it makes of each alone, and their wrapping must not hide what they are.
func (c *scan) inner(v *view, depth int) {
	if v.index < 0 || v.words || depth == maxDepth {
		return
	}
	b := v.bytes
	switch start := firstByte(b); {
	case start == len(b):
		return
	case b[start] == '{' || b[start] == '[':
		c.members(v, depth)
	case b[start] == '>' && len(b) <= maxInner:
		c.block(v, depth)
	}
	if i := bytes.IndexByte(b, '<'); i >= 0 {
		c.elements(v, i, depth)
	}
	for i := 0; ; {
		at := bytes.Index(b[i:], asideOpens)
		if at < 0 {
			return
		}
		at += i + len(asideOpens)
		i = at + until(b[at:], asideCloses)
		c.value(v, span{at + 1, i - 1}, depth)
	}
}

// firstByte returns where the first byte of b stands that is no white space, or its length.
func firstByte(b []byte) int {
	i := 0
	for i < len(b) && white(b[i]) {
		i++
	}
	return i
}

// until returns where the mark begins in b, or the length of b.
func until(b, mark []byte) int {
	if i := bytes.Index(b, mark); i >= 0 {
		return i
	}
	return len(b)
}

// members judges the strings of JSON.
func (c *scan) members(v *view, depth int) {
	b := v.bytes
	for i := 0; i < len(b); {
		at := bytes.IndexByte(b[i:], '"')
		if at < 0 {
			return
		}
		from := i + at + 1
		end, special, escaped := from, false, false
		for end < len(b) && b[end] != '"' {
			special = special || loaded[b[end]]
			if b[end] == '\\' {
				escaped = true
				end++
			}
			end++
		}
		switch end = min(end, len(b)); {
		case escaped:
			c.literal(v, span{from, end}, depth)
		case special:
			c.value(v, span{from, end}, depth)
		}
		i = end + 1
	}
}

// elements judges what stands in comments, in sections and in elements without others in them, from the first tag on.
func (c *scan) elements(v *view, i, depth int) {
	b := v.bytes
	for i < len(b) {
		next := bytes.IndexByte(b[i:], '<')
		if next < 0 {
			return
		}
		i += next
		var at span
		var end int
		switch rest := b[i:]; {
		case bytes.HasPrefix(rest, commentOpens):
			at, end = enclosed(b, i+len(commentOpens), commentCloses)
		case bytes.HasPrefix(rest, sectionOpens):
			at, end = enclosed(b, i+len(sectionOpens), sectionCloses)
		default:
			at, end = element(b, i)
		}
		if at.end > at.start {
			c.value(v, at, depth)
		}
		i = end
	}
}

// enclosed returns what stands in b from an offset up to the mark that closes it, and where that ends.
func enclosed(b []byte, from int, closes []byte) (span, int) {
	to := from + until(b[from:], closes)
	return span{from, to}, min(len(b), to+len(closes))
}

// element returns what stands in the element whose tag begins at b[i], if that is text alone, and where to look on.
func element(b []byte, i int) (span, int) {
	name := i + 1
	for name < len(b) && name < i+maxTagName && alphanumeric(b[name]) {
		name++
	}
	tag := bytes.IndexByte(b[name:min(len(b), i+maxTag)], '>')
	if name == i+1 || tag < 0 {
		return span{}, name
	}
	from := name + tag + 1
	to := from + max(0, bytes.IndexByte(b[from:], '<'))
	if rest := b[to:]; to == from || len(rest) < 2 || rest[1] != '/' || !bytes.HasPrefix(rest[2:], b[i+1:name]) {
		return span{}, max(name, to)
	}
	return span{from, to}, to + 2
}

// block judges a text of which every line is quoted, without the signs that quote it.
func (c *scan) block(v *view, depth int) {
	b, w := v.bytes, &c.levels[depth].form
	w.begin(b)
	for i := 0; i < len(b); {
		at := i + firstByte(b[i:])
		if at == len(b) {
			break
		}
		if b[at] != '>' {
			return
		}
		end := at + 1
		if end < len(b) && b[end] == ' ' {
			end++
		}
		w.skip(span{i, end}, v.name)
		i = min(len(b), end+until(b[end:], []byte("\n"))+1)
		if i < len(b) {
			// The line break stays.
			w.copy(end, i)
		}
	}
	c.unwrapped(v, depth)
}

// unwrapped judges what the form of the level holds as a value of v, and returns it.
func (c *scan) unwrapped(v *view, depth int) *view {
	l := &c.levels[depth]
	anchors, ok := c.anchored(v, l)
	if !ok {
		return nil
	}
	l.view = view{name: v.name, bytes: l.form.text, anchors: anchors, index: v.index, whole: v.whole, limit: v.limit, inner: true}
	c.match(&l.view)
	return &l.view
}

// value judges the bytes at at of v as a text of their own.
func (c *scan) value(v *view, at span, depth int) {
	if at, ok := trimmed(v.bytes, at); ok && c.spend(priceInner) {
		value := c.part(v, at, depth)
		c.match(&value)
	}
}

// literal judges the string of JSON at at of v: what it spells and, where that is a structure in turn, the values in it.
func (c *scan) literal(v *view, at span, depth int) {
	at, ok := trimmed(v.bytes, at)
	if !ok || !c.spend(priceLiteral) {
		return
	}
	value := c.part(v, at, depth)
	c.unescape(&value, &c.levels[depth])
	if child := c.unwrapped(&value, depth); child != nil {
		c.inner(child, depth+1)
	}
}

// trimmed returns at without white space around it, and whether what is left can be a value.
func trimmed(b []byte, at span) (span, bool) {
	for at.start < at.end && white(b[at.start]) {
		at.start++
	}
	for at.end > at.start && white(b[at.end-1]) {
		at.end--
	}
	return at, at.end-at.start >= minInner && at.end-at.start <= maxInner
}

// part returns the part at at of v as a view.
func (c *scan) part(v *view, at span, depth int) view {
	l := &c.levels[depth]
	l.shifted = shift(l.shifted[:0], v.anchors, at, v.limit)
	return view{
		name: v.name, bytes: v.bytes[at.start:at.end], anchors: l.shifted, index: v.index, whole: v.whole, limit: v.limit, inner: true,
	}
}

// shift appends the anchors of the part at at of a view.
func shift(dst, anchors []anchor, at span, limit int) []anchor {
	dst = append(dst, anchor{out: 0, src: source(anchors, at.start, limit)})
	lo, hi := 0, len(anchors)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); anchors[mid].out <= at.start {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for ; lo < len(anchors) && anchors[lo].out < at.end; lo++ {
		dst = append(dst, anchor{out: anchors[lo].out - at.start, src: anchors[lo].src})
	}
	return dst
}
