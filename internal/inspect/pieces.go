package inspect

import (
	"bytes"
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
)

const (
	// seamBytes is how much of a text is looked at on each side of the border to its neighbours.
	seamBytes = 512
	// priorText is the index of what was said before the texts.
	priorText = -1
	// skipped stands for the middle of a long text. It counts as a blank line: no match of words that reach over it is a short
	// one.
	skipped = "\n\n"
)

// piece is a stretch of a text that is judged together with those of others: it says something, and stands near a border.
type piece struct {
	seam
	value string
	// name is that it is the name of a file, tail that the middle of its text is left out before it, and goesOn that its text
	// is one part of a message and goes on from the part that the piece before is of.
	name, tail, goesOn bool
}

// heard is where in scan.heard the literals stand that were found in a piece while its text was judged alone. Without known
// nobody has listened. at is where the piece stood in the view of the text, and form where in scan.forms the canonical form
// is of one that is not ASCII.
type heard struct {
	from, to int
	known    bool
	at, form span
	// early is where in scan.early the places near its start stand at which literals may end that begin before it.
	early span
}

// cutPieces takes the pieces of all texts that say something, and of what was said before.
func (c *scan) cutPieces(texts []a2a.Text, opts Options) {
	for prior := opts.Prior; prior != ""; {
		var said string
		said, prior, _ = strings.Cut(prior, apart)
		c.piece(piece{seam: seam{index: priorText}, value: said[max(0, len(said)-seamBytes):]})
	}
	part := -1 // the text of the part before, in the same message
	for i := range texts {
		t := &texts[i]
		if !said(t) {
			if separates(t) {
				part = -1
			}
			continue
		}
		goesOn := t.Kind == a2a.KindText && part >= 0 && len(c.pieces) > 0 && c.pieces[len(c.pieces)-1].index == part && texts[part].Author == t.Author
		if t.Kind == a2a.KindText {
			part = i
		}
		p := piece{seam: seam{index: i, whole: len(t.Value), place: place(opts.Direction, t)}, name: t.Kind == a2a.KindName, goesOn: goesOn}
		if len(t.Value) <= 2*seamBytes {
			p.value = t.Value
			c.piece(p)
			continue
		}
		head, tail := strings.TrimLeftFunc(t.Value, silent), trimTail(t.Value)
		p.offset, p.value = len(t.Value)-len(head), head[:min(len(head), seamBytes)]
		c.piece(p)
		p.offset, p.tail, p.goesOn = max(0, len(tail)-seamBytes), true, false
		p.value = tail[p.offset:]
		c.piece(p)
	}
}

func (c *scan) piece(p piece) {
	if p.length = len(p.value); p.length > 0 {
		c.pieces = append(c.pieces, p)
	}
}

// listen has the literals that are found in a text, of which v is the first view, kept for its pieces.
func (c *scan) listen(v *view) {
	for c.next < len(c.pieces) && c.pieces[c.next].index < v.index {
		c.next++
	}
	from := c.next
	for c.next < len(c.pieces) && c.pieces[c.next].index == v.index {
		c.next++
	}
	c.listening, c.own = c.pieces[from:c.next], span{from, c.next}
	if len(c.listening) == 2 && c.listening[0].offset+c.listening[0].length > c.listening[1].offset {
		c.listening = nil // They have something in common.
	}
	for i := range c.listening {
		p := &c.listening[i]
		p.heard = heard{from: len(c.heard), to: len(c.heard), known: true, at: span{target(v, p.offset), target(v, p.offset+p.length)}}
		p.heard.early = span{len(c.early), len(c.early)}
		if len(v.anchors) > 0 || v.name == ViewCanonical {
			form := len(c.forms)
			c.forms = append(c.forms, v.bytes[p.heard.at.start:p.heard.at.end]...)
			p.heard.form = span{form, len(c.forms)}
		}
	}
}

// overhear keeps where literals may end that reach from the start of a piece on into what a joined view has before it.
func (c *scan) overhear(hits []hit) {
	if len(hits) == 0 {
		return
	}
	for i := range c.listening {
		h := &c.listening[i].heard
		first, last := uint32(h.at.start+c.set.words.tail+1), uint32(min(h.at.end, h.at.start+maxLiteral))
		if hits[len(hits)-1].pos <= first || hits[0].pos > last {
			continue
		}
		if h.early.start == h.early.end {
			h.early.start = len(c.early)
		}
		for _, one := range hits {
			if one.pos > last {
				break
			}
			if one.pos -= min(one.pos, uint32(h.at.start)); one.pos > first-uint32(h.at.start) && one.pos <= uint32(c.set.longest[one.state-c.set.words.accept]) {
				c.early = append(c.early, one)
			}
		}
		h.early.end = len(c.early)
	}
}

// hear keeps what was found inside of the pieces. What touches the end of one is looked for again, with what stands there.
func (c *scan) hear() {
	for i := c.kept; i < len(c.seen); i++ {
		o := &c.seen[i]
		for j := range c.listening {
			h := &c.listening[j].heard
			if int(o.start) <= h.at.start || int(o.end) >= h.at.end {
				continue
			}
			if h.from == h.to {
				h.from = len(c.heard)
			}
			inside := *o
			inside.start, inside.end = o.start-uint32(h.at.start), o.end-uint32(h.at.start)
			c.heard = append(c.heard, inside)
			h.to = len(c.heard)
		}
	}
}

// nearness is how far from a border a literal may stand that is of a match over it: so many words, or, where more than words
// decides, about as far as that looks.
type nearness struct {
	words int32
	looks bool
	// prose is that a rule about prose has the role, and other that one does which is not about prose or looks at more than words.
	prose, other bool
}

// reaches returns the nearness of each role in texts of a direction.
func (s *Set) reaches(d Direction) []nearness {
	uses := &s.uses[d]
	all := make([]nearness, len(uses.pairs))
	for role := range all {
		for _, u := range uses.list(uint16(role)) {
			r := &s.rules[u.rule]
			if r.reads&traitJoined == 0 {
				continue
			}
			if r.groups > 1 {
				// Between the two halves of a word one is counted that is none there.
				all[role].words = max(all[role].words, r.distance+1)
			}
			more, prose := r.expression != nil || r.verify.holds != nil, r.reads&traitProse != 0
			all[role].looks = all[role].looks || more
			all[role].prose, all[role].other = all[role].prose || prose, all[role].other || more || !prose
			if r.groups > 1 && r.verify.holds != nil {
				all[role].words = maxOffset
			}
		}
	}
	return all
}

// recalls reports whether a piece that stands at a range of a joined view is in it as it was heard: what stands beside it can
// have its characters read in another way.
func (c *scan) recalls(h *heard, v *view, at span) bool {
	if !h.known || at.end-at.start != h.at.end-h.at.start {
		return false
	}
	return h.form.start == h.form.end || bytes.Equal(v.bytes[at.start:at.end], c.forms[h.form.start:h.form.end])
}

// heardOut forgets what is too far from the borders of its piece to be of a match over them.
func (c *scan) heardOut() {
	reaches := c.set.reach[c.direction&3]
	n := 0
	for i := range c.listening {
		p := &c.listening[i]
		all, size := c.heard[p.heard.from:p.heard.to], p.heard.at.end-p.heard.at.start
		if i == 0 {
			n = p.heard.from
		}
		p.heard.from = n
		for j := range all {
			o, r := &all[j], reaches[all[j].role]
			// What stands before the first literal and behind the last are words, too.
			near := o.token-all[0].token <= r.words || all[len(all)-1].token-o.token <= r.words
			if near || r.looks && (int(o.start) <= window || size-int(o.end) <= window) {
				c.heard[n] = *o
				n++
			}
		}
		p.heard.to = n
	}
	if len(c.listening) > 0 {
		c.heard = c.heard[:n]
	}
	c.listening = nil
}
