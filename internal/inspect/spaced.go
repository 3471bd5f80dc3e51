package inspect

import "bytes"

const (
	// maxGap is how many bytes that are no word stand between two letters set apart.
	maxGap = 12
	// maxGaps is how many kinds of gaps of one stretch are told apart.
	maxGaps = 4
	// minJoints is how many underscores make a name a sentence.
	minJoints = 4
)

// respace judges v with letters that stand apart put together to words, and with words that run together put apart.
func (c *scan) respace(v *view, l *level) {
	w, joined, apart := &l.form, c.gathering(v, l.survey.joined), l.survey.apart
	w.begin(v.bytes)
	for i := 0; i < len(v.bytes) && len(joined)+len(apart) > 0; {
		next, among, between := len(v.bytes), false, false
		if joined, among = upto(joined, i, &next); !among {
			apart, between = upto(apart, i, &next)
		}
		if !among && !between {
			i = next
			continue
		}
		i = c.respaceAt(w, v, i, among)
	}
	c.rewritten(v, l, true)
}

// upto drops the stretches that end in front of an offset, and reports whether it lies in the next one. If not, it moves next
// to where that begins.
func upto(stretches []span, at int, next *int) ([]span, bool) {
	for len(stretches) > 0 && stretches[0].end <= at {
		stretches = stretches[1:]
	}
	if len(stretches) == 0 {
		return nil, false
	}
	if stretches[0].start <= at {
		return stretches, true
	}
	*next = min(*next, stretches[0].start)
	return stretches, false
}

// respaceAt writes what stands at b[i], if letters stand apart there or words run together, and returns where to look on.
// among says that words run together near it.
func (c *scan) respaceAt(w *rewriting, v *view, i int, among bool) int {
	b := v.bytes
	if !letter(b[i]) {
		if n := c.marked(w, v, i); n > 0 {
			return i + n
		}
		if among && unspaced(b, i) && v.touched(span{i, i + 1}) {
			w.to(i + 1)
			w.literal(' ', span{i + 1, i + 1}, ViewCompact)
		}
		return i + 1
	}
	begins := i == 0 || !word(b[i-1]) || among && digit(b[i-1])
	if begins && (i+1 == len(b) || !word(b[i+1])) {
		end, letters := spaced(b, i)
		if letters < minSpaced {
			return i + 1
		}
		if v.touched(span{i, end}) {
			c.together(w, span{i, end})
		}
		return end
	}
	end := i + 1
	for end < len(b) && letter(b[end]) {
		end++
	}
	if begins && among && end-i >= minRunAmong && v.touched(span{i, end}) {
		c.partWords(w, span{i, end})
	}
	return end
}

// marked writes a space for the sign at b[i], if words are set apart there by signs instead: by the underscores of a name
// that is a whole sentence, by line breaks, or by the marks of emphasis that end with one word and begin with the next.
func (c *scan) marked(w *rewriting, v *view, i int) int {
	b := v.bytes
	switch b[i] {
	case '_':
		if i == 0 || i+1 == len(b) || !joint(b[i-1]) || !joint(b[i+1]) || !v.touched(span{i, i + 1}) || !sentenceOf(b, i) {
			return 0
		}
		w.to(i)
		w.literal(' ', span{i, i + 1}, ViewSpaced)
		return 1
	case '\n':
		if !wordsALine(b, i) || !v.touched(span{i, i + 1}) {
			return 0
		}
		w.to(i)
		w.literal(' ', span{i, i + 1}, ViewSpaced)
		return 1
	case '*', '~', '`':
		end := emphasisEnd(b, i)
		if end == 0 || !v.touched(span{i, end}) {
			return 0
		}
		w.to(i)
		w.literal(' ', span{i, end}, ViewSpaced)
		return end - i
	}
	return 0
}

// wordsALine reports whether the line break at b[i] stands between two lines that have one word each.
func wordsALine(b []byte, i int) bool {
	before := b[max(0, i-maxWord-1):i]
	if at := bytes.LastIndexByte(before, '\n'); at >= 0 {
		before = before[at+1:]
	}
	behind := b[i+1 : min(len(b), i+maxWord+2)]
	if at := bytes.IndexByte(behind, '\n'); at >= 0 {
		behind = behind[:at]
	}
	return oneWord(before) && oneWord(behind)
}

// joint reports whether c can stand next to an underscore that is a space.
func joint(c byte) bool { return c > ' ' && c != '_' }

// sentenceOf reports whether the underscore at b[i] is one of at least minJoints without a space between.
func sentenceOf(b []byte, i int) bool {
	joints := 0
	for at := i; at >= max(0, i-windowReach) && b[at] > ' '; at-- {
		if b[at] == '_' {
			joints++
		}
	}
	for at := i + 1; joints < minJoints && at < min(len(b), i+windowReach) && b[at] > ' '; at++ {
		if b[at] == '_' {
			joints++
		}
	}
	return joints >= minJoints
}

// emphasisEnd returns where the marks end that begin at b[i] with those behind a word, go on with a space and end with the
// same before the next word, or 0.
func emphasisEnd(b []byte, i int) int {
	n := 1
	for n < 3 && i+n < len(b) && b[i+n] == b[i] {
		n++
	}
	at := i + n
	for at < len(b) && at < i+n+2 && white(b[at]) {
		at++
	}
	if at == i+n || i == 0 || b[i-1] <= ' ' || at+n >= len(b) || !bytes.Equal(b[at:at+n], b[i:i+n]) || !word(b[at+n]) {
		return 0
	}
	return at + n
}

// spaced returns the end of the letters set apart that begin at i, and how many they are.
func spaced(b []byte, i int) (end, letters int) {
	end = i
	for i < len(b) && letter(b[i]) && (i+1 == len(b) || !word(b[i+1])) {
		letters++
		i++
		end = i
		for gap := 0; gap < maxGap && i < len(b) && !word(b[i]); gap++ {
			i++
		}
	}
	return end, letters
}

// spot is a letter and where it stands.
type spot struct {
	letter byte
	at     int
}

// together writes letters set apart as words. The gap that most of them have stands inside words, and any other between
// them; where there is no other, words are told by what they are.
func (c *scan) together(w *rewriting, at span) {
	b := w.from
	w.to(at.start)
	unit := commonGap(b[at.start:at.end])
	c.letters = c.letters[:0]
	for i := at.start; i < at.end; {
		c.letters = append(c.letters, spot{b[i], i})
		i++
		between := gap(b[i:at.end])
		end := i + len(between)
		if bytes.Equal(between, unit) || end == at.end {
			i = end
			continue
		}
		c.apart(w, i)
		border := bytes.TrimSuffix(bytes.TrimPrefix(between, unit), unit)
		if len(bytes.TrimSpace(border)) == 0 {
			w.literal(' ', span{i, end}, ViewSpaced)
		} else {
			replace(w, border, span{i, end}, ViewSpaced)
		}
		i = end
		w.copied = i
	}
	c.apart(w, at.end)
}

// commonGap returns the gap that stands most often between the letters of b.
func commonGap(b []byte) []byte {
	var gaps [maxGaps][]byte
	var counts [maxGaps]int
	best := 0
	for i := 1; i < len(b); {
		between := gap(b[i:])
		for n := range gaps {
			if counts[n] == 0 || bytes.Equal(gaps[n], between) {
				gaps[n] = between
				if counts[n]++; counts[n] > counts[best] {
					best = n
				}
				break
			}
		}
		i += len(between) + 1
	}
	return gaps[best]
}

// gap returns the bytes in front of the first letter of b.
func gap(b []byte) []byte {
	for i, c := range b {
		if word(c) {
			return b[:i]
		}
	}
	return b
}

// apart writes c.letters, which end at end in the parent, with spaces between the words of the rules in them.
func (c *scan) apart(w *rewriting, end int) {
	for from := 0; from < len(c.letters); from += segmentReach {
		run := c.letters[from:min(len(c.letters), from+segmentReach)]
		name := ViewSpaced
		if len(run) >= minRunAmong && c.segment(run) {
			name = ViewCompact
		}
		for i, p := range run {
			if name == ViewCompact && c.cuts[i] && i > 0 {
				w.literal(' ', span{p.at, p.at}, name)
			}
			w.literal(p.letter, span{p.at, p.at + 1}, name)
		}
	}
	w.copied = end
	c.letters = c.letters[:0]
}
