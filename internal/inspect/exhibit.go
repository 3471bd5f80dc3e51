package inspect

import "bytes"

const (
	// blockReach is how far from a match the ends of the block that shows it may stand, in bytes, and exhibitReach how far
	// those of its line.
	blockReach   = 4096
	exhibitReach = 2048
	// leadReach is how far before an exhibit the words may stand that say what it is.
	leadReach = 240
	// maxItems is how many lines of a list or table may stand between an item and the line that leads in.
	maxItems = 40
	// actorReach is how far into a sentence its subject may stand.
	actorReach = 72
	// priceExhibit is the price of the search for an exhibit, in units of fuel.
	priceExhibit = 12
)

// exhibited reports whether the match stands in something that a document shows as a piece of an attack, and that no
// words order to be followed: a block of code, a template, cells of a table, or marks in a line of a list or table. The
// words that say what is shown must stand before it and speak of attacks or their detection: an example alone is open to
// everybody, and so is a list.
func (c *scan) exhibited(b []byte, at span) bool {
	if !c.spend(priceExhibit) {
		return false
	}
	if e, ok := block(b, at); ok && c.shows(b, e, max(0, e.start-leadReach)) {
		return true
	}
	if cells(b, at) && c.shows(b, at, leadIn(b, at.start)) {
		return true
	}
	first, ok := marked(b, at.start)
	if !ok {
		return false
	}
	last := first
	if at.end > first.end {
		if last, ok = marked(b, at.end-1); !ok {
			return false
		}
	}
	return c.shows(b, span{first.start, last.end}, leadIn(b, first.start))
}

// shows reports whether the words from lead to the exhibit say that it is one, and none ask for what it says.
func (c *scan) shows(b []byte, e span, lead int) bool {
	return c.cued(b, lead, e.start, cueExhibit) && !c.obeyed(b, e)
}

// block returns the block of code or the template around the match.
func block(b []byte, at span) (span, bool) {
	before, behind := b[max(0, at.start-blockReach):at.start], b[at.end:min(len(b), at.end+blockReach)]
	from := at.start - len(before)
	if bytes.Count(before, fence)%2 == 1 {
		if end := bytes.Index(behind, fence); end >= 0 {
			return span{from + bytes.LastIndex(before, fence), at.end + end + len(fence)}, true
		}
	}
	if i := lastIndex(before, templateOpens); i >= 0 && !bytes.Contains(before[i:], templateCloses) {
		if end := bytes.Index(behind, templateCloses); end >= 0 {
			return span{from + i, at.end + end + len(templateCloses)}, true
		}
	}
	return span{}, false
}

var (
	templateOpens  = []byte("{`")
	templateCloses = []byte("`}")
)

// cells reports whether the match goes over cells of one row of a table, and is no sentence therefore.
func cells(b []byte, at span) bool {
	match := b[at.start:at.end]
	return bytes.Contains(match, border) && bytes.IndexByte(match, '\n') < 0 && b[lineStart(b, at.start)] == '|'
}

var border = []byte(" | ")

// marked returns the marks around pos, both of which stand in its line. Marks behind a backslash stand in a string of their
// own.
func marked(b []byte, pos int) (span, bool) {
	from, to := lineStart(b, pos), pos
	for to < len(b) && to < pos+exhibitReach && b[to] != '\n' {
		to++
	}
	for _, mark := range []byte("\"`'") {
		for _, escaped := range []bool{true, false} {
			open := lastOpen(b, span{from, pos}, mark, escaped)
			if open < 0 || structural(b, open) {
				continue
			}
			for i := pos; i < to; i++ {
				if b[i] == mark && closes(b, i) && (b[i-1] == '\\') == escaped {
					return span{open, i + 1}, true
				}
			}
		}
	}
	return span{}, false
}

// lastOpen returns where the last mark that is still open at the end of the piece stands, or -1.
func lastOpen(b []byte, in span, mark byte, escaped bool) int {
	open := -1
	for i := in.start; i < in.end; i++ {
		switch {
		case b[i] != mark || (i > 0 && b[i-1] == '\\') != escaped || tripled(b, i):
		case open == i-1 && open >= 0 && !closes(b, i), open < 0 && opens(b, i):
			open = i
		case open >= 0 && closes(b, i):
			open = -1
		}
	}
	return open
}

// tripled reports whether the mark at pos is one of three, which open and close the comments of a program.
func tripled(b []byte, pos int) bool {
	from := pos
	for from > 0 && from > pos-2 && b[from-1] == b[pos] {
		from--
	}
	return from+2 < len(b) && b[from] == b[from+1] && b[from] == b[from+2]
}

func opens(b []byte, pos int) bool  { return pos == 0 || !word(b[pos-1]) }
func closes(b []byte, pos int) bool { return pos+1 == len(b) || !word(b[pos+1]) }

// lineStart returns where the line of pos begins, at most exhibitReach bytes before it.
func lineStart(b []byte, pos int) int {
	from := max(0, pos-exhibitReach)
	return from + bytes.LastIndexByte(b[from:pos], '\n') + 1
}

// leadIn returns where the words begin that lead in what stands at pos: in the line before the list or table that its line
// belongs to.
func leadIn(b []byte, pos int) int {
	at, end := lineStart(b, pos), pos
	for range maxItems {
		if line := bytes.TrimSpace(b[at:end]); at == 0 || len(line) > 0 && !item(line) {
			break
		}
		at, end = lineStart(b, at-1), at-1
	}
	return max(at, pos-exhibitReach/2)
}

// item reports whether the line, which is not empty, is one of a list or table, in prose or in a program.
func item(line []byte) bool {
	switch line[len(line)-1] {
	case '[', '{', '(':
		return true
	}
	switch line[0] {
	case '-', '*', '+', '|', '{', '<':
		return true
	}
	i := 0
	for i < len(line) && digit(line[i]) {
		i++
	}
	return i > 0 && i < len(line) && (line[i] == '.' || line[i] == ')')
}

// enumerated reports whether the verb at head is one of several that tell what somebody else does: attackers, flaws or
// hostile code are the subject of the sentence, and nothing in it speaks to the reader.
func (c *scan) enumerated(b []byte, head int) bool {
	s := sentence(b, span{head, head})
	actor := c.cue(b, s.start, min(head, s.start+actorReach), cueActor)
	return actor >= 0 && !c.cued(b, s.start, head, cueDemand) && !c.commanded(b, actor)
}

// follows reports whether a word stands right before pos in its line, so that what stands there does not begin anything.
func follows(b []byte, pos int) bool {
	for pos > 0 && b[pos-1] == ' ' {
		pos--
	}
	return pos > 0 && word(b[pos-1])
}

// barred reports whether the verb at head begins an item of a list that is led in by a negation and a colon: a list of what
// nobody may do. A negation behind a comma may be said by the way.
func (c *scan) barred(b []byte, head int) bool {
	at := lineStart(b, head)
	if mark := bytes.TrimSpace(b[at:head]); len(mark) == 0 || len(mark) > 3 || !item(mark) {
		return false
	}
	lead := leadIn(b, head)
	line := bytes.TrimRight(b[lead:lead+max(0, bytes.IndexByte(b[lead:head], '\n'))], " \t*_")
	end := lead + len(line) - 1
	if end <= lead || b[end] != ':' {
		return false
	}
	from := clauseStart(b, end, negationReach)
	return (from <= lead || b[from-1] != ',') && c.cued(b, from, end, cueNegation)
}
