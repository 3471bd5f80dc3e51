package inspect

import (
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
	// name is that it is the name of a file, and tail that the middle of its text is left out before it.
	name, tail bool
}

// heard is where in scan.heard the literals stand that were found in a piece while its text was judged alone. Without known
// nobody has listened.
type heard struct {
	from, to int
	known    bool
}

// cutPieces takes the pieces of all texts that say something, and of what was said before.
func (c *scan) cutPieces(texts []a2a.Text, opts Options) {
	for prior := opts.Prior; prior != ""; {
		var said string
		said, prior, _ = strings.Cut(prior, apart)
		c.piece(piece{seam: seam{index: priorText}, value: said[max(0, len(said)-seamBytes):]})
	}
	for i := range texts {
		t := &texts[i]
		if !said(t) {
			continue
		}
		p := piece{seam: seam{index: i, whole: len(t.Value), place: place(opts.Direction, t)}, name: t.Kind == a2a.KindName}
		if len(t.Value) <= 2*seamBytes {
			p.value = t.Value
			c.piece(p)
			continue
		}
		head, tail := strings.TrimLeftFunc(t.Value, silent), trimTail(t.Value)
		p.offset, p.value = len(t.Value)-len(head), head[:min(len(head), seamBytes)]
		c.piece(p)
		p.offset, p.tail = max(0, len(tail)-seamBytes), true
		p.value = tail[p.offset:]
		c.piece(p)
	}
}

func (c *scan) piece(p piece) {
	if p.length = len(p.value); p.length > 0 {
		c.pieces = append(c.pieces, p)
	}
}

// listen has the literals that are found in a text kept for its pieces, if these are read as they stand.
func (c *scan) listen(index int) {
	for c.next < len(c.pieces) && c.pieces[c.next].index < index {
		c.next++
	}
	from := c.next
	for c.next < len(c.pieces) && c.pieces[c.next].index == index {
		c.next++
	}
	c.listening = c.pieces[from:c.next]
	if n := len(c.listening); n == 2 && c.listening[0].offset+c.listening[0].length > c.listening[1].offset {
		c.listening = nil
	}
	for i := range c.listening {
		c.listening[i].heard = heard{len(c.heard), len(c.heard), true}
	}
}

// hear keeps what was found inside of the pieces. What touches the end of one is looked for again, with what stands there.
func (c *scan) hear() {
	for i := c.kept; i < len(c.seen); i++ {
		o := &c.seen[i]
		for j := range c.listening {
			p := &c.listening[j]
			if from, to := int(o.start)-p.offset, int(o.end)-p.offset; from > 0 && to < p.length {
				inside := *o
				inside.start, inside.end = uint32(from), uint32(to)
				if p.heard.from == p.heard.to {
					p.heard.from = len(c.heard)
				}
				c.heard = append(c.heard, inside)
				p.heard.to = len(c.heard)
			}
		}
	}
}
