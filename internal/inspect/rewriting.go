package inspect

import "unicode/utf8"

// windowReach is how much of a text stays around a place that a view reads in another way, in bytes: enough for the words
// of a match and for what may excuse it.
const windowReach = 320

// change is a stretch of a view that its parent spells in another way, and the name of that way. What is found in a
// closed one does not go on outside.
type change struct {
	start, end int
	name       string
	closed     bool
}

// rewriting is a view under construction: the parent's bytes around the places that it reads in another way, with what
// these places stand for. Where nothing is read in another way for long, text is left out.
type rewriting struct {
	skeleton
	changes []change
	from    []byte
	// copied is how far the parent was read.
	copied int
	// pending are bytes of a character that is not complete, from pendingAt on.
	pending     []byte
	pendingAt   int
	pendingName string
	// flag says that the last character drawn was a black flag: tags behind it name a region.
	flag bool
}

func (w *rewriting) begin(from []byte) {
	w.reset()
	w.changes, w.from, w.copied, w.pending, w.flag = w.changes[:0], from, 0, w.pending[:0], false
}

// to writes what the parent has in front of at, where something begins that is read in another way.
func (w *rewriting) to(at int) {
	if at == w.copied && len(w.changes)+len(w.pending) > 0 {
		return
	}
	w.flush()
	from, behind := w.copied, max(0, at-windowReach)
	switch {
	case len(w.changes) == 0:
		from = wordStart(w.from, behind)
	case behind > w.copied+windowReach:
		w.copy(w.copied, wordEnd(w.from, w.copied+windowReach))
		// A blank line stands for what is left out: a match of words around a change does not reach over it.
		w.text = append(w.text, "\n\n"...)
		from = max(w.copied, wordStart(w.from, behind))
	}
	w.copy(from, at)
}

func (w *rewriting) copy(from, to int) {
	if from < to {
		w.anchor(from)
		w.text = append(w.text, w.from[from:to]...)
	}
	w.copied = max(w.copied, to)
}

// end writes what follows on the last change and reports whether there was any.
func (w *rewriting) end() bool {
	if len(w.changes) == 0 {
		return false
	}
	w.flush()
	w.copy(w.copied, wordEnd(w.from, min(len(w.from), w.copied+windowReach)))
	w.anchor(w.copied)
	return true
}

// byte writes one byte that stands for the parent's bytes at at. Bytes of longer characters are put together.
func (w *rewriting) byte(b byte, at span, name string) {
	w.to(at.start)
	if b < utf8.RuneSelf {
		w.flush()
		w.literal(b, at, name)
		return
	}
	if len(w.pending) == 0 {
		w.pendingAt, w.pendingName = at.start, name
	}
	w.pending = append(w.pending, b)
	w.copied = at.end
	if utf8.FullRune(w.pending) {
		w.flush()
	}
}

// literal writes one ASCII character.
func (w *rewriting) literal(b byte, at span, name string) {
	w.anchor(at.start)
	start := len(w.text)
	w.text = append(w.text, b)
	w.copied = at.end
	w.mark(start, name)
}

// rune writes the canonical form of one character.
func (w *rewriting) rune(r rune, at span, name string) {
	w.to(at.start)
	w.flush()
	if r < utf8.RuneSelf {
		w.literal(byte(r), at, name)
		return
	}
	start := len(w.text)
	w.character(r, at.start)
	w.copied = at.end
	w.mark(start, name)
}

func (w *rewriting) character(r rune, at int) {
	var encoded [utf8.UTFMax]byte
	raw := utf8.AppendRune(encoded[:0], r)
	t := w.plane.of(r)
	if t != hidden {
		w.flag = r == blackFlag
		w.anchor(at)
		w.fold(raw, r, t)
		return
	}
	if b, ok := smuggled(r); ok && !selector(r) && !w.flag {
		if w.payloadAt < 0 {
			w.payloadAt = at
		}
		w.payloadTo = at + 1
		w.payload = append(w.payload, b)
	}
}

// skip leaves out the parent's bytes at at.
func (w *rewriting) skip(at span, name string) {
	w.to(at.start)
	w.copied = at.end
	w.mark(len(w.text), name)
}

// mark notes that what was written from start on was read in another way.
func (w *rewriting) mark(start int, name string) {
	if n := len(w.changes); n > 0 && w.changes[n-1].end == start && w.changes[n-1].name == name {
		w.changes[n-1].end = len(w.text)
		return
	}
	w.changes = append(w.changes, change{start: start, end: len(w.text), name: name})
}

// flush writes the bytes that make up no character, or just made one up.
func (w *rewriting) flush() {
	if len(w.pending) == 0 {
		return
	}
	start := len(w.text)
	for b := w.pending; len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n <= 1 {
			w.anchor(w.pendingAt)
			w.text = append(w.text, b[0])
			n = 1
		} else {
			w.character(r, w.pendingAt)
		}
		b = b[n:]
	}
	w.pending = w.pending[:0]
	w.mark(start, w.pendingName)
}

// wordStart moves at back to the start of a word, and wordEnd forward to the end of one, by a few bytes at most.
func wordStart(b []byte, at int) int {
	for limit := at - maxWord; at > 0 && at > limit && word(b[at-1]); {
		at--
	}
	return at
}

func wordEnd(b []byte, at int) int {
	at = min(at, len(b))
	for limit := at + maxWord; at < len(b) && at < limit && word(b[at]); {
		at++
	}
	return at
}

// compose appends the anchors of a view whose parent has anchors of its own, so that they lead to the original. length
// is that of the view.
func compose(dst, inner, outer []anchor, length int) []anchor {
	at, next := anchor{}, 0
	for i := -1; i < len(inner); i++ {
		if i >= 0 {
			at = inner[i]
		}
		end, limit := length, maxOffset
		if i+1 < len(inner) {
			end, limit = inner[i+1].out, inner[i+1].src
			if at.out >= end {
				continue
			}
		}
		dst = append(dst, anchor{out: at.out, src: source(outer, at.src, maxOffset)})
		for next < len(outer) && outer[next].out <= at.src {
			next++
		}
		// The parent's anchors inside this stretch stay.
		for ; next < len(outer) && outer[next].out < min(limit, at.src+end-at.out); next++ {
			dst = append(dst, anchor{out: at.out + outer[next].out - at.src, src: outer[next].src})
		}
	}
	return dst
}

const maxOffset = 1<<31 - 1

// literalAt writes one ASCII character where the parent was not read up to it yet.
func (w *rewriting) literalAt(b byte, at span, name string) {
	w.to(at.start)
	w.flush()
	w.literal(b, at, name)
}

// replace writes what stands for the parent's bytes at at.
func replace[T string | []byte](w *rewriting, s T, at span, name string) {
	w.to(at.start)
	w.flush()
	w.anchor(at.start)
	start := len(w.text)
	w.text = append(w.text, s...)
	w.copied = at.end
	w.mark(start, name)
}

// stretch leaves out the parent's bytes in front of at, where all that follows is written another way.
func (w *rewriting) stretch(at span) {
	if len(w.text) > 0 {
		w.text = append(w.text, "\n\n"...)
	}
	w.copied = at.start
}
