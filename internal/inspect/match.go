package inspect

import "slices"

// cursor counts words from the start of a view up to a position that only moves forward. The end of a sentence
// counts as sentenceGap words, so that words of two sentences are far apart; between two words it counts once, so that no
// padding makes them so.
type cursor struct {
	pos         int
	words, gaps int32
	gapAt       int32
	before      uint8
}

const sentenceGap = 4

// The kinds of bytes that the counting of words tells apart, as bits.
const (
	stepWord  uint8 = 1 << iota
	stepStop        // . ! ?
	stepBreak       // a line break
	stepSpace
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

// to counts up to pos: a word where it begins, and the end of a sentence where white space behind a stop or a second line
// break shows it.
func (t *cursor) to(b []byte, pos int) int32 {
	if t.pos < pos {
		before, words := t.before, t.words
		for _, c := range b[t.pos:pos] {
			k := stepOf[c]
			if before&(stepStop|stepBreak) != 0 && sentenceEnds(before, k) && words != t.gapAt {
				t.gapAt = words
				t.gaps += sentenceGap
			}
			words += int32(k &^ before & stepWord)
			before = k
		}
		t.pos, t.words, t.before = pos, words, before
	}
	return t.words + t.gaps
}

// sentenceEnds reports whether a sentence ends between a stop or a line break and what follows.
func sentenceEnds(before, k uint8) bool {
	return k == stepBreak || before == stepStop && k == stepSpace
}

// match runs the automaton over the view and the rules over what it finds.
func (c *scan) match(v *view) {
	if c.starved {
		return
	}
	if c.epoch++; c.epoch == 0 {
		clear(c.progress)
		c.epoch = 1
	}
	if c.windows != nil && !v.inner && v.name != ViewNamed {
		c.collect(v)
	}
	c.count, c.bits, c.asks = cursor{}, bit(c.place), 0
	if v.index < 0 {
		c.bits, c.asks = c.seams.bits(), traitJoined
		if v.name == ViewNamed {
			c.asks = traitPairs
		}
	}
	if v.name == ViewJoined && !c.tightly {
		c.asks |= traitProse
	}
	if v.words {
		c.asks |= traitWords
	}
	if v.inner {
		c.asks |= traitValue
	}
	if v.heard {
		c.recall(v)
		return
	}
	c.read(v)
}

// start returns where the literal that may end at end begins, and whether it is there and words end where they must.
func (l *literal) start(b []byte, end int) (int, bool) {
	if l.right && end < len(b) && word(b[end]) {
		return 0, false
	}
	known := int(l.known)
	at := end - known
	if at < 0 {
		return 0, false
	}
	for i := len(l.text) - known - 1; i >= 0; i-- {
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
	if l.left && at > 0 && word(b[at-1]) {
		return 0, false
	}
	// What the table has read is looked at last: it tells letters apart, and other bytes by their class.
	for i, c := range []byte(l.text[len(l.text)-known:]) {
		if lowerCase[b[end-known+i]] != c {
			return 0, false
		}
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
func (c *scan) advance(v *view, u use, o *occurrence) {
	g := &c.set.gates[u.rule]
	p := &c.progress[u.rule]
	if p.epoch != c.epoch {
		*p = progress{epoch: c.epoch}
	}
	if p.found >= maxFindings {
		return
	}
	at := span{int(o.start), int(o.end)}
	if g.groups == 1 {
		c.examine(v, u.rule, at, at.start)
		return
	}
	m := mark{at.start, at.end, o.token, int32(at.start)}
	marks := c.marks[g.mark:][:g.groups]
	if g.ordered {
		if !chain(marks, p, u.group, m, g.distance) {
			return
		}
		last := &marks[g.groups-1]
		head := last.start
		if g.begins {
			head = int(last.head)
		}
		c.examine(v, u.rule, span{last.start, m.end}, head)
		return
	}
	marks[u.group] = m
	if p.seen |= 1 << u.group; p.seen != 1<<g.groups-1 {
		return
	}
	start := m.start
	for i := range marks {
		if m.token-marks[i].token > g.distance {
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
		if group > 1 {
			m.head = before.head
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
	if v.index < 0 && !c.seams.crosses(c.origin(v, around(r, v.bytes, at))) {
		return
	}
	if v.name == ViewNamed && c.seams.of(c.origin(v, at).start) > 0 {
		return // without a word in the name
	}
	if far := r.expression != nil || r.verify.whole != nil; !far && !v.touched(at) || far && !v.touched(reach(r, v.bytes, at)) {
		return
	}
	if !c.spend(priceMatch) {
		return
	}
	if r.unless >= 0 && (!c.spend(priceCues) || c.excused(r, v, at)) {
		return
	}
	literals := at
	if r.expression != nil {
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
	whole := at
	if v.index < 0 && r.verify.whole == nil {
		var ok bool
		if whole, ok = c.shared(v, r, literals, at); !ok {
			return
		}
	}
	if r.verify.holds != nil {
		if holds, asked := c.verified(r, v.bytes, at); !holds {
			if asked && r.most > 0 {
				// The verifier has read the whole view: no other match in it can change the answer.
				p.clear = len(v.bytes)
			}
			return
		}
		if r.verify.whole != nil {
			var ok bool
			if whole, ok = c.lies(v, r, literals, at); !ok {
				return
			}
			at.end = max(at.end, whole.end)
		}
	}
	said := at
	if r.begins {
		said.start = head
	}
	if r.except != 0 && (!c.spend(priceException) || c.excepted(r, v.bytes, said, head) || c.amid(v, r, said, head)) {
		// Words of an excused match do not make up a longer one.
		p.seen = 0
		return
	}
	p.found++
	p.seen = 0
	p.clear = at.end
	c.report(v, r, whole)
}

// lies returns where what the verifier found lies. In the joined view that, or what led to it, has to lie in several texts
// in which the rule looks: the rest was found in the texts themselves.
func (c *scan) lies(v *view, r *rule, literals, at span) (span, bool) {
	whole := r.verify.whole(v.bytes, at)
	if v.index >= 0 {
		return whole, true
	}
	if v.whole == nil && v.name == ViewJoined && !c.seams.crosses(c.origin(v, at)) {
		at = c.verifiedOver(v, r, at)
	}
	origin := c.origin(v, span{min(literals.start, at.start, whole.start), max(literals.end, at.end, whole.end)})
	return whole, c.seams.crosses(origin) && c.allowed(r, origin)
}

// reach returns what the expression of a rule sees of a match.
func reach(r *rule, b []byte, at span) span {
	if r.groups > 1 {
		return span{at.start, max(at.end, min(len(b), at.start+window, at.end+confirmReach))}
	}
	from := max(0, at.start-r.lead)
	return span{from, min(len(b), from+window)}
}

// spend takes units of fuel and reports whether there were enough. Where there were not, the scan is at its end: nothing more is
// read, since what is not found decides.
func (c *scan) spend(units int) bool {
	if c.fuel < units {
		c.starved = true
		return false
	}
	c.fuel -= units
	return true
}

// window is how many bytes an expression sees at most.
const window = 256

// search runs the rule's expression on a window. Where one literal makes the match, the window begins lead bytes
// before it, the expression must begin within lead bytes, and its match is the result. Where several groups make
// the match, the window is the match and a little more, and the expression only confirms it.
func (c *scan) search(r *rule, b []byte, at span) (span, bool) {
	in, lead := reach(r, b, at), -1
	if r.groups == 1 {
		lead = r.lead
	}
	seen := b[in.start:min(in.end, in.start+window)]
	if !c.spend(priceSieve) || !r.sieve.may(seen, lead) || !c.spend(r.price) || !r.expression.Match(seen) {
		return at, false
	}
	if r.groups > 1 {
		return at, true
	}
	loc := r.expression.FindSubmatchIndex(seen)
	return span{in.start + loc[2], in.start + loc[3]}, true
}

// confirmReach is how far behind a match of several groups the expression may look.
const confirmReach = 48

// report appends the finding for a match.
func (c *scan) report(v *view, r *rule, at span) {
	if r.expression == nil || r.groups > 1 {
		at = wholeWords(v.bytes, at)
	}
	f := c.placed(v, at)
	f.Rule, f.Class, f.Severity, f.Action = r.id, r.class, r.severity, r.action
	if (v.index < 0 || v.inner) && slices.Contains(c.findings[c.earlier:], f) {
		return // found with a space between, and with nothing; or in a text, and in a value of it
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
