package inspect

const (
	// maxDepth is how often one view is made of another: a code in a code is read, one in that is not.
	maxDepth = 2
	// roomShare and roomFloor bound the bytes of all views of a scan but the texts themselves: roomShare times those of the
	// texts, and roomFloor for short ones.
	roomShare = 4
	roomFloor = 4096
)

// view is one reading of a text.
type view struct {
	name    string
	bytes   []byte
	anchors []anchor
	// index is the text, or -1 for the joined view, which has segments instead.
	index int
	// folded is the text that the bytes are the canonical form of, if they are, and folds leads from them to it.
	folded []byte
	folds  []anchor
	// whole is the span that every finding gets, for views decoded from one.
	whole *span
	limit int
	// changes are the stretches that differ from the parent view, in order, if only they are to be judged: what does not
	// touch one of them was judged in the parent.
	changes []change
	// words says that the view puts words right, so that only rules about prose mean anything in it.
	words bool
	// inner says that the view is a value in a text, so that only rules about values mean anything in it that they did not
	// mean before.
	inner bool
	// own says that it is the text itself, in its canonical form.
	own bool
	// heard says that the view is made of pieces in which literals were heard.
	heard bool
}

// touched reports whether a match touches a stretch that the view reads in another way than its parent.
func (v *view) touched(at span) bool { return v.changes == nil || v.changed(at) != nil }

// changed returns the first change that the range touches or stands next to: where words end matters as well.
func (v *view) changed(at span) *change {
	lo, hi := 0, len(v.changes)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if v.changes[mid].end < at.start {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(v.changes) {
		return nil
	}
	c := &v.changes[lo]
	if c.start > at.end || c.closed && (at.start < c.start || at.end > c.end) {
		return nil
	}
	return c
}

// label returns the name of the view that a finding at the range is of.
func (v *view) label(at span) string {
	if c := v.changed(at); c != nil {
		return c.name
	}
	return v.name
}

// level is the memory for the views that are made of one view.
type level struct {
	survey  survey
	form    rewriting
	decoded []byte
	anchors []anchor
	// shifted are the anchors of the value under judgement.
	shifted []anchor
	// view is the one under judgement, and whole the range of the text that it was decoded from.
	view  view
	whole span
}

// views judges v in every reading that it deserves. depth is how many readings v itself is away from the text.
func (c *scan) views(v *view, depth int) {
	if depth == maxDepth {
		return
	}
	l := &c.levels[depth]
	l.survey.read(v.bytes, c.set.vocabulary)
	if len(l.survey.apart)+len(l.survey.joined) > 0 {
		c.respace(v, l)
	}
	if len(l.survey.runs) > 0 {
		c.encoded(v, l, depth)
	}
	if l.survey.pairs {
		c.pairs(v, l, depth)
	}
	if l.survey.escaped {
		c.unescape(v, l)
		c.decoded(v, l, depth)
	}
	if l.survey.quoted {
		unquote(v, &l.form)
		c.decoded(v, l, depth)
	}
	if len(l.survey.suspects) > 0 || len(l.survey.leets) > 0 {
		c.respell(v, l)
	}
	if v.changes == nil {
		c.inner(v, depth)
	}
}

// take claims room for a view of n bytes and reports whether there was enough.
func (c *scan) take(n int) bool {
	if c.room < n {
		c.starved = true
		return false
	}
	c.room -= n
	return true
}

// anchored ends the form of the level, and returns the anchors that lead from it to where v leads. It reports false if there
// is nothing in the form, or no room for it.
func (c *scan) anchored(v *view, l *level) ([]anchor, bool) {
	w := &l.form
	if !w.end() || !c.take(len(w.text)) {
		return nil, false
	}
	if len(v.anchors) == 0 {
		return w.anchors, true
	}
	l.anchors = compose(l.anchors[:0], w.anchors, v.anchors, len(w.text))
	return l.anchors, true
}

// rewritten judges the view that l.form holds, and returns it. words says that it puts words right.
func (c *scan) rewritten(v *view, l *level, words bool) *view {
	w := &l.form
	anchors, ok := c.anchored(v, l)
	if !ok {
		return nil
	}
	l.view = view{
		name: v.name, bytes: w.text, anchors: anchors, index: v.index, whole: v.whole, limit: v.limit,
		changes: w.changes, words: words, inner: v.inner,
	}
	if v.whole == nil {
		l.view.folded, l.view.folds = v.folded, anchors
	}
	c.respelled = true
	c.match(&l.view)
	return &l.view
}

// decoded judges the view that l.form holds and what is made of it in turn.
func (c *scan) decoded(v *view, l *level, depth int) {
	child := c.rewritten(v, l, false)
	if child == nil {
		return
	}
	c.spelled(&l.form.skeleton, v, depth+1)
	c.views(child, depth+1)
}

const (
	// maxTries is how many lines in a row are each tried as the first of a code that goes on as far as it can. Behind them,
	// one goes on for triedReach bytes at most: texts can be all lines of a code that spells nothing.
	maxTries   = 4
	triedReach = 1024
)

// encoded judges the runs of v that spell text in base64, base32 or hex.
func (c *scan) encoded(v *view, l *level, depth int) {
	runs := l.survey.runs
	tried, tries := 0, 0
	for i := 0; i < len(runs); {
		run := runs[i]
		if run.start >= tried {
			tries = 0
		}
		b := v.bytes
		if tries >= maxTries {
			b = b[:min(len(b), max(run.end, run.start+triedReach))]
		}
		if end, next := wrapped(b, runs, i); end > run.end {
			if c.inside(v, l, span{run.start, end}, depth) {
				i = next
				continue
			}
			tried, tries = max(tried, end), tries+1
		}
		i++
		if c.inside(v, l, run, depth) {
			continue
		}
		pieces(v.bytes, run, func(piece span) bool { return c.inside(v, l, piece, depth) })
	}
}

// inside judges what the run of v spells, if that is text, and reports whether it is.
func (c *scan) inside(v *view, l *level, run span, depth int) bool {
	if !v.touched(run) {
		return true
	}
	var name string
	if l.decoded, name = decodeRun(l.decoded[:0], v.bytes[run.start:run.end]); name == "" {
		return false
	}
	c.whole(v, l, run, name, depth)
	return true
}

// pairs judges what pairs of hex digits spell.
func (c *scan) pairs(v *view, l *level, depth int) {
	for at := 0; at < len(v.bytes); {
		var run span
		l.decoded, run = decodePairs(l.decoded[:0], v.bytes, at)
		if run.end == 0 {
			return
		}
		at = run.end
		if len(l.decoded) >= minPairs && readable(l.decoded) && v.touched(run) {
			c.whole(v, l, run, ViewHex, depth)
		}
	}
}

// whole judges l.decoded, which run of v spells, and what is made of it in turn.
func (c *scan) whole(v *view, l *level, run span, name string, depth int) {
	whole := v.whole
	if whole == nil {
		l.whole = span{source(v.anchors, run.start, v.limit), source(v.anchors, run.end, v.limit)}
		whole = &l.whole
	}
	l.form.write(l.decoded)
	if !c.take(len(l.form.text)) {
		return
	}
	l.view = view{
		name: name, bytes: l.form.text, folded: l.decoded, folds: l.form.anchors, index: v.index, whole: whole, limit: v.limit,
	}
	c.respelled = true
	c.match(&l.view)
	c.spelled(&l.form.skeleton, &l.view, depth+1)
	c.views(&l.view, depth+1)
}
