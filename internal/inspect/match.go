package inspect

import "bytes"

// cursor counts words from the start of a view up to a position that only moves forward. The end of a sentence
// counts as sentenceGap words, so that words of two sentences are far apart.
type cursor struct {
	pos    int
	tokens int32
	before uint8
}

const (
	sentenceGap = 4
	// compactWord is how many letters of the compact view count as one word.
	compactWord = 5
)

// The kinds of bytes that the counting of words tells apart.
const (
	stepOther uint8 = iota
	stepWord
	stepStop  // . ! ?
	stepBreak // a line break
	stepSpace
	stepKinds
)

var stepOf = func() (k [256]uint8) {
	for b := range k {
		switch c := byte(b); {
		case wordBytes[c]:
			k[b] = stepWord
		case c == '.' || c == '!' || c == '?':
			k[b] = stepStop
		case c == '\n':
			k[b] = stepBreak
		case c == ' ':
			k[b] = stepSpace
		}
	}
	return k
}()

// steps says what a byte adds to the count, by its kind and the kind of the byte before: a word where it begins, and the
// gap where white space shows that a stop or a line break ended a sentence.
var steps = func() (s [64]int32) {
	for before := range stepKinds {
		if before != stepWord {
			s[before<<3|stepWord] = 1
		}
	}
	s[stepStop<<3|stepBreak], s[stepStop<<3|stepSpace], s[stepBreak<<3|stepBreak] = sentenceGap, sentenceGap, sentenceGap
	return s
}()

func (t *cursor) to(b []byte, pos int) int32 {
	if t.pos >= pos {
		return t.tokens
	}
	before, tokens := t.before, t.tokens
	for _, c := range b[t.pos:pos] {
		k := stepOf[c]
		tokens += steps[(before<<3|k)&63]
		before = k
	}
	t.pos, t.tokens, t.before = pos, tokens, before
	return tokens
}

// match runs the automaton over the view and the rules over what it finds.
func (c *scan) match(v *view) {
	if c.epoch++; c.epoch == 0 {
		clear(c.progress)
		c.epoch = 1
	}
	words := c.set.words
	if v.name == ViewCompact {
		words = c.set.tight
	}
	var tokens cursor
	state := uint16(0)
	for from := 0; from < len(v.bytes); from += laneBlock {
		state = words.read(&c.lanes, v.bytes, from, min(len(v.bytes), from+laneBlock), state)
		for lane := range laneCount {
			for _, h := range c.lanes.of(lane) {
				c.literals(v, words.ends(h.state), int(h.pos), &tokens)
			}
		}
	}
}

// literals has the rules look at the literals that may end at pos.
func (c *scan) literals(v *view, ids []uint16, pos int, tokens *cursor) {
	tight := v.name == ViewCompact
	for _, id := range ids {
		start, ok := c.set.literals[id].start(v.bytes, pos, tight)
		if !ok {
			continue
		}
		token := int32(pos / compactWord)
		if !tight {
			token = tokens.to(v.bytes, pos)
		}
		m := mark{start: start, end: pos, token: token}
		for _, u := range c.set.uses[id] {
			c.advance(v, u, m)
		}
	}
}

// start returns where the literal that may end at end begins, and whether it is there and words end where they must.
func (l *literal) start(b []byte, end int, tight bool) (int, bool) {
	if !tight && l.right && end < len(b) && word(b[end]) {
		return 0, false
	}
	at := end
	for i := len(l.text) - 1; i >= 0; i-- {
		if at--; at < 0 {
			return 0, false
		}
		c := l.text[i]
		if c != ' ' {
			if lowerCase[b[at]] != c {
				return 0, false
			}
			continue
		}
		if !white(b[at]) {
			return 0, false
		}
		for at > 0 && white(b[at-1]) {
			at--
		}
	}
	if !tight && l.left && at > 0 && word(b[at-1]) {
		return 0, false
	}
	return at, true
}

// lowerCase folds the case of ASCII.
var lowerCase = func() (l [256]byte) {
	for b := range l {
		l[b] = byte(b)
		if b >= 'A' && b <= 'Z' {
			l[b] |= 0x20
		}
	}
	return l
}()

func white(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// advance notes that a group of a rule was seen and, where that completes the rule, has the match examined.
func (c *scan) advance(v *view, u use, m mark) {
	r := &c.set.rules[u.rule]
	if r.most > 0 && len(v.bytes) > r.most {
		return
	}
	if v.index >= 0 && !r.places.of(c.place) || v.index < 0 && (r.alone || !r.places.speaks(c.direction)) ||
		!r.prose && (v.name == ViewCompact || v.name == ViewJoined || v.words) {
		return
	}
	p := &c.progress[u.rule]
	if p.epoch != c.epoch {
		*p = progress{epoch: c.epoch}
	}
	if p.found >= maxFindings {
		return
	}
	if r.groups == 1 {
		c.examine(v, u.rule, span{m.start, m.end}, m.start)
		return
	}
	marks := c.marks[r.mark : r.mark+int(r.groups)]
	if r.ordered {
		if !chain(marks, p, u.group, m, r.distance) {
			return
		}
		start := marks[r.groups-1].start
		c.examine(v, u.rule, span{start, m.end}, start)
		return
	}
	marks[u.group] = m
	if p.seen |= 1 << u.group; p.seen != 1<<r.groups-1 {
		return
	}
	start := m.start
	for i := range marks {
		if m.token-marks[i].token > r.distance {
			return
		}
		start = min(start, marks[i].start)
	}
	c.examine(v, u.rule, span{start, m.end}, marks[0].start)
}

// chain extends the latest chain that ends in the group before, and reports whether it is now complete and short
// enough. A chain keeps the word count of its first group.
func chain(marks []mark, p *progress, group uint8, m mark, distance int32) bool {
	if group > 0 {
		if p.seen>>(group-1)&1 == 0 {
			return false
		}
		before := marks[group-1]
		if before.end > m.start || m.token-before.token > distance {
			return false
		}
		m.start, m.token = before.start, before.token
	}
	marks[group] = m
	p.seen |= 1 << group
	return int(group) == len(marks)-1
}

// examine decides a match whose first group stands at head: expression, verifier and excuses in rising order of
// cost.
func (c *scan) examine(v *view, id uint16, at span, head int) {
	r, p := &c.set.rules[id], &c.progress[id]
	if at.end <= p.clear {
		return
	}
	if v.index < 0 && !c.crosses(v, at) {
		return
	}
	if !v.touched(span{max(0, at.start-r.lead), at.end + r.reach()}) {
		return
	}
	if v.name == ViewCompact && bytes.IndexByte(v.bytes[at.start:at.end], 0) >= 0 {
		return
	}
	if !c.spend(priceMatch) {
		return
	}
	if r.unless >= 0 && v.name != ViewCompact && (!c.spend(priceCues) || c.excused(r, v.bytes, at)) {
		return
	}
	if r.expression != nil && v.name != ViewCompact {
		var ok bool
		if at, ok = c.search(r, v.bytes, at); !ok {
			return
		}
		if r.groups == 1 {
			head = at.start
			if !v.touched(at) {
				return
			}
		}
	}
	if r.verify.holds != nil {
		if r.verify.gate != nil && (!c.spend(priceGate) || !r.verify.gate(v.bytes, at)) || !c.spend(r.verify.price) {
			return
		}
		if !r.verify.holds(v.bytes, at) {
			if r.most > 0 {
				// The verifier has read the whole view: no other match in it can change the answer.
				p.clear = len(v.bytes)
			}
			return
		}
	}
	if r.except != 0 && v.name != ViewCompact && (!c.spend(priceException) || c.excepted(r, v.bytes, at, head)) {
		// Words of an excused match do not make up a longer one.
		p.seen = 0
		return
	}
	p.found++
	p.seen = 0
	p.clear = at.end
	c.report(v, r, at)
}

// spend takes units of fuel and reports whether there were enough.
func (c *scan) spend(units int) bool {
	if c.fuel < units {
		c.starved = true
		return false
	}
	c.fuel -= units
	return true
}

// reach is how far behind its literals a match may go on.
func (r *rule) reach() int {
	if r.expression == nil {
		return 0
	}
	return window
}

// window is how many bytes an expression sees at most.
const window = 256

// search runs the rule's expression on a window. Where one literal makes the match, the window begins lead bytes
// before it, the expression must begin within lead bytes, and its match is the result. Where several groups make
// the match, the window is the match and a little more, and the expression only confirms it.
func (c *scan) search(r *rule, b []byte, at span) (span, bool) {
	from, to, lead := at.start, min(len(b), at.start+window, at.end+confirmReach), -1
	if r.groups == 1 {
		from, lead = max(0, at.start-r.lead), r.lead
		to = min(len(b), from+window)
	}
	if !c.spend(priceSieve) || !r.sieve.may(b[from:to], lead) || !c.spend(r.price) || !r.expression.Match(b[from:to]) {
		return at, false
	}
	if r.groups > 1 {
		return at, true
	}
	loc := r.expression.FindSubmatchIndex(b[from:to])
	return span{from + loc[2], from + loc[3]}, true
}

// confirmReach is how far behind a match of several groups the expression may look.
const confirmReach = 48

// report appends the finding for a match.
func (c *scan) report(v *view, r *rule, at span) {
	f := Finding{Rule: r.id, Class: r.class, Severity: r.severity, Action: r.action, Text: v.index, View: v.label(at)}
	if r.expression == nil || r.groups > 1 {
		at = wholeWords(v.bytes, at)
	}
	switch {
	case v.whole != nil:
		f.Start, f.End = v.whole.start, v.whole.end
	case v.name == ViewCompact:
		f.Start, f.End = stretch(v.anchors, at)
	case v.index < 0:
		c.locate(&f, source(v.anchors, at.start, v.limit), source(v.anchors, at.end, v.limit))
	default:
		f.Start, f.End = source(v.anchors, at.start, v.limit), source(v.anchors, at.end, v.limit)
	}
	if v.index >= 0 {
		f.Last, f.LastEnd = f.Text, f.End
	}
	c.findings = append(c.findings, f)
}

// wholeWords widens a match that begins or ends inside an ASCII word to the borders of that word.
func wholeWords(b []byte, at span) span {
	inside := func(i int) bool { return alphanumeric(b[i-1]) && alphanumeric(b[i]) }
	for limit := at.end + maxLiteral; at.end < min(len(b), limit) && inside(at.end); {
		at.end++
	}
	for limit := at.start - maxLiteral; at.start > max(0, limit) && inside(at.start); {
		at.start--
	}
	return at
}

func alphanumeric(c byte) bool { return letter(c) || digit(c) }

// stretch returns the original range of the stretches of the compact view that hold a match. Their anchors come in
// pairs, where a stretch begins and where it ends.
func stretch(anchors []anchor, at span) (start, end int) {
	for i := 0; i+1 < len(anchors); i += 2 {
		if anchors[i].out <= at.start {
			start = anchors[i].src
		}
		if end = anchors[i+1].src; anchors[i+1].out >= at.end {
			break
		}
	}
	return start, end
}
