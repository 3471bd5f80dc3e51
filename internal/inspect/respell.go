package inspect

import (
	"bytes"
	"unicode/utf8"
)

// swap is a place where a word of the rules stands in another spelling, and what it stands for, if its letters do not say.
type swap struct {
	span
	word string
	kind spelling
}

// opens says that the place is reason enough to read what is around it in another way.
func (s *swap) opens() bool {
	switch n := s.end - s.start; s.kind {
	case spelledLeet:
		return true
	case spelledScrambled:
		return n >= minScrambled
	default:
		return n >= minSuspect
	}
}

// respell judges v with the words that stand in another spelling put right: with their letters scrambled, rotated or
// written backwards, or as digits and signs.
func (c *scan) respell(v *view, l *level) {
	c.swaps = c.swaps[:0]
	var seen [spelledLeet + 1]bool
	for _, at := range l.survey.suspects {
		if !v.touched(at) {
			continue
		}
		if known, kind := c.set.vocabulary.resolve(v.bytes[at.start:at.end]); kind != spelledOut {
			s := swap{at, known, kind}
			c.swaps = append(c.swaps, s)
			seen[kind] = seen[kind] || s.opens()
		}
	}
	if seen[spelledScrambled] {
		c.unscrambled(v, l)
	}
	if seen[spelledRotated] {
		c.rotated(v, l)
	}
	if seen[spelledReversed] {
		c.backwards(v, l)
	}
	if len(l.survey.leets) > 0 {
		c.leets(v, l)
	}
}

// leets judges v with digits and signs as the letters that they stand for, around tokens that are words of the rules.
func (c *scan) leets(v *view, l *level) {
	c.swaps = c.swaps[:0]
	for end, n := 0, 0; n < len(l.survey.leets); n++ {
		i := l.survey.leets[n]
		if i < end {
			continue
		}
		at := leetToken(v.bytes, i, end)
		end = at.end
		if _, ok := c.set.vocabulary.unleet(v.bytes[at.start:at.end]); ok && v.touched(at) {
			c.swaps = append(c.swaps, swap{at, "", spelledLeet})
		}
	}
	if len(c.swaps) == 0 {
		return
	}
	w := &l.form
	w.begin(v.bytes)
	c.around(v, spelledLeet, func(at span) {
		for i := at.start; i < at.end; i++ {
			if leetLetters[v.bytes[i]] == 0 {
				continue
			}
			token := leetToken(v.bytes, i, max(at.start, w.copied))
			if known, ok := c.set.vocabulary.unleet(v.bytes[token.start:token.end]); ok {
				replace(w, known, token, ViewLeet)
				i = token.end - 1
				continue
			}
			w.literalAt(leetLetters[v.bytes[i]], span{i, i + 1}, ViewLeet)
		}
	})
	c.rewritten(v, l, true)
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

// unscrambled judges v with the letters of scrambled words put right that stand around one that is long enough.
func (c *scan) unscrambled(v *view, l *level) {
	w := &l.form
	w.begin(v.bytes)
	next := 0
	c.around(v, spelledScrambled, func(at span) {
		for ; next < len(c.swaps) && c.swaps[next].start < at.end; next++ {
			if s := &c.swaps[next]; s.kind == spelledScrambled && s.start >= at.start {
				replace(w, s.word, s.span, ViewScrambled)
			}
		}
	})
	c.rewritten(v, l, true)
}

// around calls visit for the stretches of v around the swaps of one kind, merged where they meet.
func (c *scan) around(v *view, kind spelling, visit func(span)) {
	at := span{-1, -1}
	for i := range c.swaps {
		s := &c.swaps[i]
		if s.kind != kind || !s.opens() {
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
			read := v.bytes[i]
			if !accented(v, i) {
				read = rotated(read)
			}
			w.literal(read, span{i, i + 1}, ViewRot13)
		}
	})
	c.rewritten(v, l, true)
}

// accented reports whether the letter of v at i is no ASCII letter where v was folded from: such are not rotated.
func accented(v *view, i int) bool {
	at := source(v.folds, i, len(v.folded))
	return at < len(v.folded) && v.folded[at] >= utf8.RuneSelf
}

// backwards judges v with each word around a reversed one reversed, and with the whole stretch read from its end.
func (c *scan) backwards(v *view, l *level) {
	w := &l.form
	w.begin(v.bytes)
	c.around(v, spelledReversed, func(at span) { c.turnWords(v, w, at) })
	c.rewritten(v, l, true)
	c.around(v, spelledReversed, func(at span) { c.mirrored(v, at, ViewReversed) })
}

// turnWords writes the stretch at at of v with each word in it read from its end.
func (c *scan) turnWords(v *view, w *rewriting, at span) {
	w.stretch(at)
	for i := at.start; i < at.end; {
		end := i
		for end < at.end && v.bytes[end] != ' ' {
			end++
		}
		if end == i {
			w.literal(v.bytes[i], span{i, i + 1}, ViewReversed)
			i++
			continue
		}
		c.mirror = turnedWord(c.mirror[:0], v.bytes[i:end])
		replace(w, c.mirror, span{i, end}, ViewReversed)
		i = end
	}
}

// turnedWord appends w read from its end. Signs before it stood behind it, and signs behind it stay there, but for those
// that open something.
func turnedWord(dst, w []byte) []byte {
	start, end := 0, len(w)
	for start < end && !word(w[start]) {
		start++
	}
	for end > start && !word(w[end-1]) {
		end--
	}
	if bytes.ContainsAny(w[end:], "[{(<") {
		return reversed(dst, w)
	}
	return append(append(reversed(dst, w[start:end]), w[:start]...), w[end:]...)
}

// mirrored judges a stretch of v read from its end. Its findings are turned round again.
func (c *scan) mirrored(v *view, at span, name string) {
	if v.index < 0 || !c.take(at.end-at.start) {
		return
	}
	c.mirror = reversed(c.mirror[:0], v.bytes[at.start:at.end])
	found := len(c.findings)
	c.match(&view{name: name, bytes: c.mirror, index: v.index, whole: v.whole, limit: len(c.mirror), words: true})
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
