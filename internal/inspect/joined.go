package inspect

// seam says that the joined bytes from at on are those of a text from offset on, which is whole bytes long.
type seam struct {
	at, index, offset, length, whole int
	place                            uint8
	heard                            heard
}

func (s *seam) end() int { return s.at + s.length }

// bits are the places of the texts: a rule that looks in none of them finds nothing that lies over their borders.
func (s seams) bits() uint32 {
	all := uint32(0)
	for i := range s {
		if s[i].index != priorText {
			all |= bit(s[i].place)
		}
	}
	return all
}

// seams are those of one joined view, in the order of its bytes.
type seams []seam

// joined judges all values as one text, because the callee may put parts together before it reads them: once with
// a space between, as prose, and once with nothing, where words, payloads and keys may be cut in two. Only what
// crosses a border counts, since the rest was judged before, so of long texts the middle is left out.
func (c *scan) joined() {
	c.earlier = len(c.findings)
	if c.join(" "); len(c.seams) < 2 {
		return
	}
	c.readJoined(c.lettersMeet())
	c.tightly = true
	c.join("")
	c.readJoined(c.codesMeet())
	c.tightly = false
}

// readJoined matches what was joined, and where something may be encoded across a border, also its further views.
func (c *scan) readJoined(encoded bool) {
	v := view{name: ViewJoined, bytes: c.raw, index: -1, limit: len(c.raw), heard: true}
	if asciiPrefix(c.raw) < len(c.raw) {
		c.skeleton.write(c.raw)
		v.bytes, v.anchors = c.skeleton.text, c.skeleton.anchors
	}
	c.match(&v)
	if encoded {
		v.heard = false
		c.views(&v, 0)
	}
}

// join puts the pieces together; with nothing between only those that an agent may take for one text.
func (c *scan) join(glue string) {
	c.raw, c.seams = c.raw[:0], c.seams[:0]
	for i := range c.pieces {
		p := &c.pieces[i]
		if p.name && glue == "" {
			continue
		}
		if between := glue; len(c.seams) > 0 {
			if p.tail {
				between = skipped
			}
			c.raw = append(c.raw, between...)
		}
		p.at = len(c.raw)
		c.seams = append(c.seams, p.seam)
		c.raw = append(c.raw, p.value...)
	}
}

// lettersMeet reports whether anywhere letters that stand apart go on behind a border.
func (c *scan) lettersMeet() bool {
	for i := 1; i < len(c.seams); i++ {
		left, right := c.seams[i-1].end(), c.seams[i].at
		single := letter(c.raw[left-1]) && (left == 1 || !word(c.raw[left-2]))
		if single && letter(c.raw[right]) && (right+1 == len(c.raw) || !word(c.raw[right+1])) {
			return true
		}
	}
	return false
}

// codesMeet reports whether anywhere a run without white space, as long as what is worth decoding, goes on behind a border
// and may be more than the end of one word and the beginning of the next: it has what codes have, or a border in a word, and
// words that run together at another or are spelled in another way in one of the texts.
func (c *scan) codesMeet() bool {
	together, cut := false, false
	for i := 1; i < len(c.seams); i++ {
		at := c.seams[i].at
		from, to := at, at
		for from > max(0, at-codeReach) && c.raw[from-1] > ' ' {
			from--
		}
		for to < min(len(c.raw), at+codeReach) && c.raw[to] > ' ' {
			to++
		}
		if from == at || to == at {
			continue
		}
		if to-from >= minEncoded && (c.respelled || encodes(c.raw[from:at]) || encodes(c.raw[at:to])) {
			return true
		}
		switch c.lettersOver(span{from, to}, at) {
		case runTogether:
			together = true
		case cutInTwo:
			cut = true
		case anotherSpelling:
			return true
		}
	}
	return together && cut
}

// codeReach is how far from a border it is looked whether something goes on there that is encoded, in bytes.
const codeReach = 64

// encodes reports whether one side of a run over a border has what codes and other spellings have, and words have not:
// digits, signs of escapes, capitals behind other letters, and letters that stand apart.
func encodes(side []byte) bool {
	singles := 0
	for i, c := range side {
		switch kind := kinds[c]; {
		case kind == kindOther, kind == kindCode:
		case kind == kindSign && i+1 == len(side):
		case kind != kindLetter:
			return true
		case i > 0 && letter(side[i-1]):
			if c-'A' < 26 {
				return true
			}
		case i+1 < len(side) && !letter(side[i+1]):
			if singles++; singles > 1 {
				return true
			}
		}
	}
	return false
}

// What the letters on both sides of a border can be.
const (
	noLetters = iota
	runTogether
	cutInTwo
	anotherSpelling
)

// lettersOver says what the letters over a border in a run are: words that run together, a word that is cut in two, or words
// in another spelling.
func (c *scan) lettersOver(run span, at int) int {
	in := span{at, at}
	for in.start > run.start && letter(c.raw[in.start-1]) {
		in.start--
	}
	for in.end < run.end && letter(c.raw[in.end]) {
		in.end++
	}
	if in.start == at || in.end == at {
		return noLetters
	}
	if in.end-in.start >= minVocabulary && c.set.vocabulary.suspects(c.raw, in) {
		return anotherSpelling
	}
	c.letters = c.letters[:0]
	for i, letter := range c.raw[in.start:in.end] {
		c.letters = append(c.letters, spot{letter, in.start + i})
	}
	switch several := c.segment(c.letters); {
	case several && !c.cuts[at-in.start] && len(c.letters) >= minRunAmong:
		return anotherSpelling
	case several, c.stands(span{in.start, at}), c.stands(span{at, in.end}):
		return runTogether
	}
	return cutInTwo
}

// stands reports whether the joined bytes at at are a word of the rules.
func (c *scan) stands(at span) bool {
	return at.end-at.start >= minVocabulary && c.set.vocabulary.has(c.raw[at.start:at.end])
}

// origin returns the joined bytes that a match stands for.
func (c *scan) origin(v *view, at span) span {
	if v.whole != nil {
		return *v.whole
	}
	return span{source(v.anchors, at.start, v.limit), source(v.anchors, at.end, v.limit)}
}

// crosses reports whether a range of the joined bytes lies in more than one text.
func (s seams) crosses(at span) bool {
	first := s.of(at.start)
	return at.end > s[first].end() && s[s.of(at.end-1)].index != s[first].index
}

// around returns what may decide on a match.
func around(r *rule, b []byte, at span) span {
	if r.verify.holds != nil {
		return span{max(0, at.start-window), min(len(b), at.end+window)}
	}
	if r.expression != nil {
		return reach(r, b, at)
	}
	return at
}

// shared returns what a match in the joined view is about, the literals that led to it included, and whether that lies
// in several texts in which the rule looks.
func (c *scan) shared(v *view, r *rule, literals, at span) (span, bool) {
	if r.groups > 1 && r.expression != nil {
		in := reach(r, v.bytes, at)
		if loc := r.expression.FindIndex(v.bytes[in.start:min(in.end, in.start+window)]); loc != nil {
			at.end = max(at.end, in.start+loc[1])
		}
	}
	at = span{min(at.start, literals.start), max(at.end, literals.end)}
	if r.verify.holds != nil && v.whole == nil && v.name == ViewJoined && !c.seams.crosses(c.origin(v, at)) {
		at = c.verifiedOver(v, r, at)
	}
	origin := c.origin(v, at)
	return at, c.seams.crosses(origin) && c.allowed(r, origin)
}

// verifiedOver extends a match that lies in one text over its border, behind it or else before, if that is near and its
// verifier would say no of the text alone: if it says yes of the joined texts, both have a part in that.
func (c *scan) verifiedOver(v *view, r *rule, at span) span {
	i := c.seams.of(c.origin(v, at).start)
	start, end := target(v, c.seams[i].at), target(v, c.seams[i].end())
	behind := i+1 < len(c.seams) && end <= at.end+window
	if before := i > 0 && start >= at.start-window; !behind && !before || start > at.start || end < at.end {
		return at
	}
	if alone, _ := c.verified(r, v.bytes[start:end], span{at.start - start, at.end - start}); alone {
		return at
	}
	if behind {
		return span{at.start, max(at.end, min(len(v.bytes), target(v, c.seams[i+1].at)+1))}
	}
	return span{max(0, target(v, c.seams[i-1].end())-1), at.end}
}

// target is the offset in a view for one in its source, the other way of source. Of characters that the view leaves out it
// is that of what comes behind them.
func target(v *view, src int) int {
	lo, hi := 0, len(v.anchors)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); v.anchors[mid].src <= src {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	out, limit := src, len(v.bytes)
	if lo > 0 {
		at := v.anchors[lo-1]
		out = at.out + src - at.src
	}
	if lo < len(v.anchors) {
		limit = v.anchors[lo].out
	}
	return min(out, limit)
}

// allowed reports whether the rule looks in all texts that hold the range.
func (c *scan) allowed(r *rule, at span) bool {
	for i := c.seams.of(at.start); i < len(c.seams) && c.seams[i].at < at.end; i++ {
		if c.seams[i].index != priorText && !r.places.of(c.seams[i].place) {
			return false
		}
	}
	return true
}

// of returns the index of the last seam at or before the joined offset.
func (s seams) of(offset int) int {
	lo, hi := 0, len(s)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s[mid].at <= offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return max(0, lo-1)
}

// locate says in which texts a range of the joined bytes begins and ends, and where there. What begins in what was said
// before is told from the start of the first text on.
func (s seams) locate(f *Finding, at span) {
	first := s.of(at.start)
	begin, last := &s[first], &s[s.of(max(at.start, at.end-1))]
	f.Start = begin.offset + min(at.start-begin.at, begin.length)
	for begin.index == priorText && first+1 < len(s) {
		first++
		begin, f.Start = &s[first], 0
	}
	f.Text, f.End = begin.index, begin.whole
	if f.Last, f.LastEnd = last.index, last.offset+min(at.end-last.at, last.length); f.Last == f.Text {
		f.End = f.LastEnd
	}
}
