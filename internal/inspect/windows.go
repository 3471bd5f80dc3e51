package inspect

import (
	"slices"
	"unicode/utf8"

	"ringfence.dev/ringfence/internal/a2a"
)

const (
	// windowTokens is how many words a window has at most, and windowStep how many lie between two beginnings.
	windowTokens = 40
	windowStep   = windowTokens / 2
	// tokenBytes is the longest run that counts as one word: scripts without spaces have longer ones, and so has padding.
	tokenBytes = 32
	// maxWindows is how many windows of one message are classified.
	maxWindows = 1024
	// keyTokens is from how many words on the name of a member says something.
	keyTokens = 3
)

// windows collects the windows of a message while it is scanned.
type windows struct {
	texts []a2a.Text
	all   []Window
	// over is that there were more than are classified.
	over bool
	// starts and ends are those of the words of one view.
	starts, ends []int
}

// worth reports whether the words of a view are worth classifying.
func (w *windows) worth(v *view) bool {
	switch {
	case len(w.starts) == 0:
		return false
	case v.index < 0 || v.name != ViewText && v.name != ViewCanonical:
		return true
	}
	t := &w.texts[v.index]
	if t.Key {
		return len(w.starts) >= keyTokens
	}
	return said(t)
}

// collect cuts a view into windows.
func (c *scan) collect(v *view) {
	w := c.windows
	w.tokens(v.bytes)
	if !w.worth(v) {
		return
	}
	in := reading{fixed: v.whole != nil, limit: v.limit}
	if !in.fixed {
		in.anchors = slices.Clone(v.anchors)
	}
	if v.index < 0 {
		in.seams = slices.Clone(c.seams)
	}
	for first := 0; ; first += windowStep {
		last := min(first+windowTokens, len(w.starts)) - 1
		at := span{w.starts[first], w.ends[last]}
		if v.touched(at) && (v.index >= 0 || c.seams.crosses(c.origin(v, at))) {
			if len(w.all) == maxWindows {
				w.over = true
				return
			}
			place := c.placed(v, at)
			w.all = append(w.all, Window{
				Text: place.Text, Start: place.Start, End: place.End, View: place.View, Canonical: string(v.bytes[at.start:at.end]),
				place: place, from: at.start, in: &in,
			})
		}
		if last == len(w.starts)-1 {
			return
		}
	}
}

// placed returns a finding that has nothing but its place.
func (c *scan) placed(v *view, at span) Finding {
	f := Finding{Text: v.index, View: v.label(at)}
	origin := c.origin(v, at)
	switch {
	case v.name == ViewNamed:
		c.seams.value(&f, origin)
		return f
	case v.index < 0:
		c.seams.locate(&f, origin)
		return f
	}
	f.Start, f.End = origin.start, origin.end
	f.Last, f.LastEnd = f.Text, f.End
	return f
}

// tokens notes where the words of b are. A run that is too long is several, and so is what stands between two words
// where that is.
func (w *windows) tokens(b []byte) {
	w.starts, w.ends = w.starts[:0], w.ends[:0]
	for i := 0; i < len(b); {
		inWord, end := word(b[i]), i+1
		for end < len(b) && end < i+tokenBytes && word(b[end]) == inWord {
			end++
		}
		for end < len(b) && end > i+1 && !utf8.RuneStart(b[end]) && end > i+tokenBytes-utf8.UTFMax {
			end--
		}
		if inWord || end-i >= tokenBytes {
			w.starts, w.ends = append(w.starts, i), append(w.ends, end)
		}
		i = end
	}
}

// reading is what all windows of one view need to say where a part of them stands.
type reading struct {
	anchors []anchor
	seams   seams // of a joined view
	limit   int
	// fixed is that every part of the view stands where all of it does.
	fixed bool
}

// at returns where a part of the window stands. Of a joined view only what lies in several texts is told, since the rest
// is in windows of its own.
func (w *Window) at(start, end int) (Finding, bool) {
	f := w.place
	if w.in.fixed || start == 0 && end == 0 {
		return f, true
	}
	at := span{source(w.in.anchors, w.from+start, w.in.limit), source(w.in.anchors, w.from+end, w.in.limit)}
	if w.in.seams != nil {
		w.in.seams.locate(&f, at)
		return f, w.in.seams.crosses(at)
	}
	f.Start, f.End, f.LastEnd = at.start, at.end, at.end
	return f, true
}
