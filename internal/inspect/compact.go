package inspect

const (
	// segmentReach is how many letters without a border are put apart at once.
	segmentReach = 256
	// minHumps is how many capitals behind small letters make a word the name of something.
	minHumps = 2
	// longWord is the longest word of a name that is made of several, in letters: most are shorter.
	longWord = 12
	// maxParts is in how many parts one is put apart by chance.
	maxParts = 2
	// minRunAmong is the shortest word that is put apart near a longer one that runs together.
	minRunAmong = 8
	// uncovered is what a letter that no word covers costs, where a word of n letters counts (n-1)*(n-1), and common what a
	// word counts more that stands in every text.
	uncovered, common = 8, 2
)

// gathering returns the stretches of v in which words may run together, in place of the runs of letters that are longer than most
// words: those that are several words, with what stands around them. The names of programs and addresses say nothing about what
// stands around them.
func (c *scan) gathering(v *view, runs []span) []span {
	near := runs[:0]
	for _, at := range runs {
		if n := len(near); !v.touched(at) || n > 0 && at.end+windowReach/2 <= near[n-1].end {
			// Where much is read behind it anyway, it would add little.
			continue
		}
		letters := v.bytes[at.start:at.end]
		c.lay(at.start, letters)
		if !c.segment(c.letters[:min(len(c.letters), segmentReach)]) {
			continue
		}
		if !c.identifies(v.bytes, at) {
			at = span{max(0, at.start-windowReach), at.end + windowReach}
		}
		for n := len(near); n > 0 && at.start <= near[n-1].end; n-- {
			at = span{min(at.start, near[n-1].start), max(at.end, near[n-1].end)}
			near = near[:n-1]
		}
		near = append(near, at)
	}
	return near
}

// identifies reports whether the letters at at, which were put apart last, are a name by how they are written: with a capital where
// each of few words begins, or enclosed in marks, or beside a sign of addresses and paths.
func (c *scan) identifies(b []byte, at span) bool {
	return c.camel(b[at.start:at.end]) || enclosing(b, at)
}

// camel reports whether capitals tell about where each word begins in the letters that were put apart last: what has none is
// short, and hardly more than one word.
func (c *scan) camel(letters []byte) bool {
	from, parts := 0, 1
	for i := 1; i < min(len(letters), segmentReach); i++ {
		switch {
		case letters[i]-'A' < 26 && letters[i-1]-'a' < 26:
			from, parts = i, 1
		case c.cuts[i]:
			parts++
		}
		if i-from >= longWord || parts > maxParts {
			return false
		}
	}
	return true
}

// enclosing reports whether what stands beside the letters at at encloses them, or is a sign of addresses and paths, and they
// are no more than a name can be.
func enclosing(b []byte, at span) bool {
	if at.start == 0 || at.end == len(b) || at.end-at.start > maxWord {
		return false
	}
	switch before, behind := b[at.start-1], b[at.end]; before {
	case '/', '\\', '@', '%', '&':
		return true
	case '"', '`', '*':
		return behind == before
	case '(':
		return behind == ')'
	case '.':
		return behind == '.' && b[at.start]-'a' < 26
	default:
		return behind == '/' || behind == '%' || behind == '&'
	}
}

// lay has c.letters be those that stand from an offset on.
func (c *scan) lay(from int, letters []byte) {
	c.letters = c.letters[:0]
	for i, letter := range letters {
		c.letters = append(c.letters, spot{letter, from + i})
	}
}

// partWords writes the letters at at as words, if they are several that run together.
func (c *scan) partWords(w *rewriting, at span) {
	b, from := w.from, at.start
	if from > 0 && b[from-1] == '\'' {
		from += clitic(b[from:at.end])
	}
	letters := b[from:at.end]
	if len(letters) < minRun && (humps(letters) > 0 || from == at.start && c.set.vocabulary.has(letters)) {
		return
	}
	c.lay(from, letters)
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
	w.changes[len(w.changes)-1].closed = humps(letters) >= minHumps
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

// humps returns how many words with a capital stand behind small letters, as in the names of programs.
func humps(w []byte) int {
	n := 0
	for i := 1; i < len(w); i++ {
		if w[i]-'A' < 26 && w[i-1]-'a' < 26 && i+1 < len(w) && w[i+1]-'a' < 26 {
			n++
		}
	}
	return n
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
	known, done := c.set.vocabulary.segments, 0
	for pos, state := known.next(c.joint, 0, 0); ; pos, state = known.next(c.joint, pos, state) {
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
		for _, id := range known.ends(state) {
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
