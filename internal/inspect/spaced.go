package inspect

import "bytes"

const (
	// maxGap is how many bytes that are no word stand between two letters set apart.
	maxGap = 12
	// maxGaps is how many kinds of gaps of one stretch are told apart.
	maxGaps = 4
	// segmentReach is how many letters without a border are put apart at once.
	segmentReach = 256
	// minHumps is how many capitals behind small letters make a word the name of something.
	minHumps = 2
	// minRunAmong is the shortest word that is put apart in a text with a longer one that runs together.
	minRunAmong = 8
	// uncovered is what a letter that no word covers costs, where a word of n letters counts (n-1)*(n-1), and common what a
	// word counts more that stands in every text.
	uncovered, common = 8, 2
	// minJoints is how many underscores make a name a sentence.
	minJoints = 4
)

// respace judges v with letters that stand apart put together to words, and with words that run together put apart.
func (c *scan) respace(v *view, l *level) {
	w, b := &l.form, v.bytes
	w.begin(b)
	shortest := minRun
	if l.survey.joined {
		shortest = minRunAmong
	}
	for i := 0; i < len(b); {
		if n := c.marked(w, v, i); n > 0 {
			i += n
			continue
		}
		if l.survey.joined && unspaced(b, i) && v.touched(span{i, i + 1}) {
			w.to(i + 1)
			w.literal(' ', span{i + 1, i + 1}, ViewCompact)
			i++
			continue
		}
		if !letter(b[i]) || i > 0 && word(b[i-1]) && !(l.survey.joined && digit(b[i-1])) {
			i++
			continue
		}
		end, letters := spaced(b, i)
		if letters >= minSpaced {
			if v.touched(span{i, end}) {
				c.together(w, span{i, end})
			}
			i = end
			continue
		}
		for end = i; end < len(b) && letter(b[end]); {
			end++
		}
		if end-i >= shortest && v.touched(span{i, end}) {
			c.partWords(w, span{i, end})
		}
		i = max(i+1, end)
	}
	c.rewritten(v, l, true)
}

// partWords writes the letters at at as words, if they are several that run together.
func (c *scan) partWords(w *rewriting, at span) {
	b, from := w.from, at.start
	if from > 0 && b[from-1] == '\'' {
		from += clitic(b[from:at.end])
	}
	letters := b[from:at.end]
	if len(letters) < minRun && camel(letters, 1) {
		return
	}
	c.letters = c.letters[:0]
	for i, letter := range letters {
		c.letters = append(c.letters, spot{letter, from + i})
	}
	several := c.segment(c.letters[:min(len(c.letters), segmentReach)])
	if !several && (from == at.start || !c.set.vocabulary.has(letters)) {
		return
	}
	w.to(from)
	if from > at.start || from > 0 && digit(b[from-1]) {
		w.literal(' ', span{from, from}, ViewCompact)
	}
	c.apart(w, at.end)
	// The names of programs are words of their own, and their neighbours do not go on with them.
	w.changes[len(w.changes)-1].closed = camel(letters, minHumps)
	if at.end < len(b) && digit(b[at.end]) {
		w.literal(' ', span{at.end, at.end}, ViewCompact)
	}
}

// clitic returns how long what stands behind an apostrophe is as the end of a word before it, with more letters behind.
func clitic(letters []byte) int {
	for _, end := range []string{"t", "s", "m", "d", "re", "ll", "ve"} {
		if len(letters) >= len(end)+minVocabulary && string(letters[:len(end)]) == end {
			return len(end)
		}
	}
	return 0
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

// unspaced reports whether the sign at b[i] ends a sentence or a part of one and the next begins right behind it.
func unspaced(b []byte, i int) bool {
	if i == 0 || i+1 >= len(b) || !letter(b[i-1]) || !letter(b[i+1]) {
		return false
	}
	switch b[i] {
	case ',', ';', ':', '!', '?':
		return true
	case '.':
		return b[i+1]-'A' < 26
	}
	return false
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

// camel reports whether at least so many words with a capital stand behind small letters, as in the names of programs.
func camel(w []byte, least int) bool {
	humps := 0
	for i := 1; i < len(w); i++ {
		if w[i]-'A' < 26 && w[i-1]-'a' < 26 && i+1 < len(w) && w[i+1]-'a' < 26 {
			humps++
		}
	}
	return humps >= least
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

// segment fills c.cuts: whether a word begins at each letter of the run. It chooses the words of the rules that cover most
// letters, longer ones first; what no word covers stays together. It reports whether the run is several words that run
// together: they cover three letters of four, and all of a short one that is just two.
func (c *scan) segment(run []spot) bool {
	n := len(run)
	c.joint = c.joint[:0]
	for _, p := range run {
		c.joint = append(c.joint, p.letter)
	}
	var best [segmentReach + 1]int32
	var last [segmentReach + 1]uint8
	words, done := c.set.vocabulary.segments, 0
	for pos, state := words.next(c.joint, 0, 0); ; pos, state = words.next(c.joint, pos, state) {
		end := pos
		if pos < 0 {
			end = n
		}
		for done++; done <= end; done++ {
			best[done], last[done] = best[done-1]-uncovered, 0
		}
		done = end
		if pos < 0 {
			break
		}
		for _, id := range words.ends(state) {
			size, ok := c.segmentEnds(int(id), pos)
			if !ok {
				continue
			}
			if score := best[pos-size] + int32((size-1)*(size-1)) + c.set.vocabulary.bonus[id]; score > best[pos] {
				best[pos], last[pos] = score, uint8(size)
			}
		}
	}
	c.cuts = append(c.cuts[:0], make([]bool, n+1)...)
	covered, parts := 0, 0
	for at := n; at > 0; {
		size := int(last[at])
		if size == 0 {
			at--
			continue
		}
		c.cuts[at] = true
		at -= size
		c.cuts[at] = true
		covered += size
		parts++
	}
	return parts > 1 && (covered == n || (n >= minRun || parts > 2) && covered*4 >= n*3)
}

// segmentEnds returns the length of a word that the automaton found to end at end of the joint letters, if it is there.
func (c *scan) segmentEnds(id, end int) (int, bool) {
	w := c.set.vocabulary.borders[id]
	if len(w) > end {
		return 0, false
	}
	for i, letter := range c.joint[end-len(w) : end] {
		if lowerCase[letter] != w[i] {
			return 0, false
		}
	}
	return len(w), true
}
