package inspect

import "unicode/utf8"

// swap is a place where a word stands in another spelling.
type swap struct {
	span
	word string // what it stands for; empty for a token of digits and letters that no rule knows
	kind spelling
	// opens says that the place is reason enough to read what is around it in another way.
	opens bool
}

// respell judges v with the words that stand in another spelling put right: with their letters scrambled or as digits,
// rotated, or written backwards.
func (c *scan) respell(v *view, l *level) {
	c.swaps = c.swaps[:0]
	for _, at := range l.survey.suspects {
		if at.start > 0 && word(v.bytes[at.start-1]) || at.end < len(v.bytes) && word(v.bytes[at.end]) || !v.touched(at) {
			continue
		}
		if known, kind := c.set.vocabulary.resolve(v.bytes[at.start:at.end]); kind != spelledOut {
			c.swaps = append(c.swaps, swap{at, known, kind, at.end-at.start >= minSuspect})
		}
	}
	counts := [spelledLeet + 1]int{}
	for i := range c.swaps {
		if c.swaps[i].opens {
			counts[c.swaps[i].kind]++
		}
	}
	if counts[spelledScrambled] > 0 {
		c.respelled(v, l, spelledScrambled)
	}
	if counts[spelledRotated] > 0 {
		c.rotated(v, l)
	}
	if counts[spelledReversed] > 0 {
		c.backwards(v, l)
	}
	if c.leets(v, l) {
		c.respelled(v, l, spelledLeet)
	}
}

// leets replaces c.swaps by the tokens of v in which digits or signs stand for letters, and reports whether one of them
// is a word of the rules.
func (c *scan) leets(v *view, l *level) bool {
	c.swaps = c.swaps[:0]
	opens := false
	end := 0
	for _, i := range l.survey.leets {
		if i < end {
			continue
		}
		at := leetToken(v.bytes, i, end)
		end = at.end
		if at.end-at.start > maxWord || !v.touched(at) {
			continue
		}
		known, ok := c.set.vocabulary.unleet(v.bytes[at.start:at.end])
		opens = opens || ok
		c.swaps = append(c.swaps, swap{at, known, spelledLeet, ok})
	}
	return opens
}

// leetToken returns the token of letters and what stands for letters around b[i], which begins at from or later. A
// sign at its end belongs to the sentence.
func leetToken(b []byte, i, from int) span {
	at := span{i, i + 1}
	for at.start > from && at.start > i-maxWord && leetByte(b[at.start-1]) {
		at.start--
	}
	for at.end < len(b) && at.end < i+maxWord && leetByte(b[at.end]) {
		at.end++
	}
	for at.end > i+1 && (b[at.end-1] == '!' || b[at.end-1] == '|') {
		at.end--
	}
	return at
}

func leetByte(c byte) bool { return letter(c) || leetLetters[c] != 0 }

// respelled judges v with the swaps of one kind made that stand near one that opens.
func (c *scan) respelled(v *view, l *level, kind spelling) {
	name := ViewLeet
	if kind == spelledScrambled {
		name = ViewScrambled
	}
	w := &l.form
	w.begin(v.bytes)
	opened, next := -windowReach, 0
	for i := range c.swaps {
		s := &c.swaps[i]
		if s.kind != kind {
			continue
		}
		if s.opens {
			opened = s.end
		}
		for next = max(next, i); next < len(c.swaps) && !(c.swaps[next].opens && c.swaps[next].kind == kind); {
			next++
		}
		if s.start-opened > windowReach && (next == len(c.swaps) || c.swaps[next].start-s.end > windowReach) {
			continue
		}
		if s.word != "" {
			replace(w, s.word, s.span, name)
			continue
		}
		w.to(s.start)
		for at := s.start; at < s.end; at++ {
			if read := leetLetters[v.bytes[at]]; read != 0 {
				w.literal(read, span{at, at + 1}, name)
			} else {
				w.literal(v.bytes[at], span{at, at + 1}, name)
			}
		}
	}
	c.rewritten(v, l, readProse)
}

// around calls visit for the stretches of v around the swaps of one kind, merged where they meet.
func (c *scan) around(v *view, kind spelling, visit func(span)) {
	at := span{-1, -1}
	for i := range c.swaps {
		s := &c.swaps[i]
		if s.kind != kind || !s.opens {
			continue
		}
		from := wordStart(v.bytes, max(0, s.start-windowReach))
		to := wordEnd(v.bytes, s.end+windowReach)
		if at.start >= 0 && from <= at.end {
			at.end = max(at.end, to)
			continue
		}
		if at.start >= 0 {
			visit(at)
		}
		at = span{from, to}
	}
	if at.start >= 0 {
		visit(at)
	}
}

// rotated judges v with all letters around rotated words rotated.
func (c *scan) rotated(v *view, l *level) {
	w := &l.form
	w.begin(v.bytes)
	c.around(v, spelledRotated, func(at span) {
		w.stretch(at)
		for i := at.start; i < at.end; i++ {
			w.literal(rotated(v.bytes[i]), span{i, i + 1}, ViewRot13)
		}
	})
	c.rewritten(v, l, readProse)
}

// backwards judges v with each word around a reversed one reversed, and with the whole stretch read from its end.
func (c *scan) backwards(v *view, l *level) {
	w := &l.form
	w.begin(v.bytes)
	c.around(v, spelledReversed, func(at span) {
		w.stretch(at)
		for i := at.start; i < at.end; {
			if !letter(v.bytes[i]) {
				w.literal(v.bytes[i], span{i, i + 1}, ViewReversed)
				i++
				continue
			}
			end := i
			for end < at.end && letter(v.bytes[end]) {
				end++
			}
			for from := i; i < end; i++ {
				w.literal(v.bytes[end-1-(i-from)], span{i, i + 1}, ViewReversed)
			}
		}
	})
	c.rewritten(v, l, readProse)
	c.around(v, spelledReversed, func(at span) { c.mirrored(v, at, ViewReversed) })
}

// mirrored judges a stretch of v read from its end. Its findings are turned round again.
func (c *scan) mirrored(v *view, at span, name string) {
	if v.index < 0 || !c.take(at.end-at.start) {
		return
	}
	c.mirror = reversed(c.mirror[:0], v.bytes[at.start:at.end])
	found := len(c.findings)
	c.match(&view{name: name, bytes: c.mirror, index: v.index, whole: v.whole, limit: len(c.mirror), reads: readProse})
	if v.whole != nil {
		return
	}
	for i := found; i < len(c.findings); i++ {
		f := &c.findings[i]
		f.Start, f.End = source(v.anchors, at.end-f.End, v.limit), source(v.anchors, at.end-f.Start, v.limit)
		f.LastEnd = f.End
	}
}

// reversed appends the characters of b from the last to the first.
func reversed(dst, b []byte) []byte {
	for len(b) > 0 {
		_, n := utf8.DecodeLastRune(b)
		dst = append(dst, b[len(b)-n:]...)
		b = b[:len(b)-n]
	}
	return dst
}
