package inspect

import (
	"bytes"
	"slices"
)

const (
	// near is how far before and behind a match its rule's unless words are looked for, in bytes.
	near = 24
	// openingReach is how far into a sentence the word that makes it a question may stand.
	openingReach = 48
	// quoteReach bounds the search for quotation marks and for the ends of a sentence.
	quoteReach = 320
	// cueReach is how far from a quotation the words that introduce or explain it may stand.
	cueReach = 120
	// obedienceReach is how far behind a quotation the words may stand that ask for what it says.
	obedienceReach = 64
	// maxLinkTarget is how far before its title the target of a link may begin.
	maxLinkTarget = 160
	// demandReach is how far before a verb the words may stand that demand it of the reader.
	demandReach = 24
	// negationReach is how far before a match its negation may begin.
	negationReach = 40
	// statementReach is how far before a match the head of a whole SQL statement may stand.
	statementReach = 512
)

// cued reports whether a word of the cue group stands in b[from:to].
func (c *scan) cued(b []byte, from, to int, group uint16) bool { return c.cue(b, from, to, group) >= 0 }

// cue returns where the first word of the cue group in b[from:to] begins, or -1.
func (c *scan) cue(b []byte, from, to int, group uint16) int {
	from, to = max(0, from), min(len(b), to)
	cues := c.set.cues
	for pos, state := cues.next(b[:to], from, 0); pos >= 0; pos, state = cues.next(b[:to], pos, state) {
		if c.set.cueStates[state-cues.accept]>>(group&63)&1 == 0 {
			continue
		}
		for _, id := range cues.ends(state) {
			if !slices.Contains(c.set.cueUses[id], group) {
				continue
			}
			l := &c.set.cueLiterals[id]
			if start, ok := l.start(b, pos); ok && start >= from && !labels(b, start) {
				return start
			}
		}
	}
	return -1
}

// lastIndex is bytes.LastIndex, which looks at each byte in turn, for pieces that are hardly ever there.
func lastIndex(b, piece []byte) int {
	if !bytes.Contains(b, piece) {
		return -1
	}
	return bytes.LastIndex(b, piece)
}

// redactedLabel is how what stands in the place of something that was taken out begins.
var redactedLabel = []byte("[redacted:")

// labels reports whether the word at pos names what was taken out of a text. Such a name says nothing of what the text is
// about, and anyone can write one.
func labels(b []byte, pos int) bool {
	if pos > 0 && bytes.HasPrefix(b[pos-1:], redactedLabel) {
		return true
	}
	before := b[max(0, pos-maxLiteral):pos]
	i := lastIndex(before, redactedLabel)
	return i >= 0 && bytes.IndexByte(before[i:], ']') < 0
}

// excused reports whether one of the rule's unless words stands in the match or near it, or what begins with
// a value is presented with one.
func (c *scan) excused(r *rule, v *view, at span) bool {
	return c.cued(v.bytes, at.start-near, at.end+near, uint16(r.unless)) || at.start == 0 && c.beginningOf(v) && c.presented(r)
}

// excepted reports whether the match stands in one of the contexts in which the rule means nothing. head is where
// its first group stands: the verb that is negated or commanded.
func (c *scan) excepted(r *rule, b []byte, at span, head int) bool {
	switch {
	case r.except&exceptQuoted != 0 && (c.quoted(b, at) || r.action != Redact && c.exhibited(b, at)):
		return true
	case r.except&exceptNegated != 0 && (c.cued(b, clauseStart(b, head, negationReach), head, cueNegation) || c.barred(b, head)):
		return true
	case r.except&exceptStatement != 0 && c.cued(b, at.start-statementReach, at.start, cueStatement):
		return true
	case r.except&exceptStudied != 0 && c.studied(b, at):
		return true
	}
	if r.except&exceptDescribed != 0 && c.enumerated(b, head) {
		return true
	}
	if r.except&(exceptDiscussed|exceptQuestion|exceptDescribed) == 0 || c.commanded(b, head) {
		return false
	}
	if r.except&exceptDescribed != 0 && follows(b, head) && !c.cued(b, head-demandReach, head, cueDemand) {
		return true
	}
	s := sentence(b, at)
	if r.except&exceptDiscussed != 0 &&
		(c.cued(b, s.start, at.start, cueDiscussion) || c.cued(b, at.end, s.end, cueDiscussion)) {
		return true
	}
	return r.except&exceptQuestion != 0 && s.end < len(b) && b[s.end] == '?' &&
		c.cued(b, s.start, min(s.start+openingReach, at.start), cueInterrogative)
}

// quoted reports whether the match ends in a quotation that the text speaks about. Quotation marks alone do not
// excuse: anyone can write them, and a format may ask for them. A text that goes on to ask for what it quotes does not
// speak about it either.
func (c *scan) quoted(b []byte, at span) bool {
	q, ok := quotation(b, span{at.end - 1, at.end})
	if !ok || structural(b, q.start) || c.obeyed(b, q) {
		return false
	}
	return c.cued(b, q.start-cueReach, q.start, cueMention) || c.cued(b, q.end, q.end+cueReach, cueMention) ||
		c.cued(b, q.start-cueReach, q.start, cueDiscussion) || c.cued(b, q.end, q.end+cueReach, cueDiscussion)
}

// studied reports whether a payload stands in a text on attacks: in a quotation, in code or in a question, and with words
// next to it that only such texts have. Neither is enough alone: who sends a payload can put it in quotation marks, ask
// about it or call it an attack, and it would still arrive. An apostrophe quotes nothing here, since payloads begin with one.
func (c *scan) studied(b []byte, at span) bool {
	if q, ok := quotation(b, span{at.end - 1, at.end}); ok && b[q.start] != '\'' {
		return !structural(b, q.start) && !c.obeyed(b, q) &&
			(c.cued(b, q.start-cueReach, q.start, cueStudy) || c.cued(b, q.end, q.end+cueReach, cueStudy))
	}
	s := sentence(b, at)
	return s.end < len(b) && b[s.end] == '?' && c.cued(b, s.start, min(s.start+openingReach, at.start), cueInterrogative) &&
		(c.cued(b, s.start, at.start, cueStudy) || c.cued(b, at.end, s.end, cueStudy))
}

// obeyed reports whether the text asks, right behind the quotation or right before it, for what it says.
func (c *scan) obeyed(b []byte, q span) bool {
	at := c.cue(b, q.end, q.end+obedienceReach, cueObedience)
	if at >= 0 && !c.cued(b, max(q.end, clauseStart(b, at, negationReach)), at, cueNegation) {
		return true
	}
	at = c.cue(b, q.start-obedienceReach, q.start, cueObedience)
	return at >= 0 && c.commanded(b, at) && !c.cued(b, clauseStart(b, at, negationReach), at, cueNegation)
}

// structural reports whether the quotation mark at pos is one of a format and not one of the writer: it opens the value
// of an attribute, the value of a member, the title of a link or, where the whole text is an object or a list, an element.
func structural(b []byte, pos int) bool {
	i := pos
	for i > 0 && white(b[i-1]) {
		i--
	}
	if i == 0 {
		return false
	}
	switch b[i-1] {
	case '=':
		return i == pos && i > 1 && word(b[i-2])
	case ':':
		return i > 1 && (b[i-2] == '"' || b[i-2] == '\'' || memberName(b, i-1))
	case '-':
		return b[pos] == '\'' && begins(b, i-1)
	case '[', '{', ',', '(':
		return container(b)
	}
	for i < pos && i > 1 && i > pos-maxLinkTarget && !white(b[i-1]) {
		if i--; b[i] == '(' && b[i-1] == ']' {
			return true
		}
	}
	return false
}

// memberName reports whether a line begins with a name in lower case that the colon at pos ends, as members do in YAML.
func memberName(b []byte, pos int) bool {
	i := pos
	for i > 0 && (b[i-1] >= 'a' && b[i-1] <= 'z' || b[i-1] == '_') {
		i--
	}
	return i < pos && begins(b, i)
}

// begins reports whether nothing but spaces and the dash of a list stands before pos in its line.
func begins(b []byte, pos int) bool {
	i := pos
	for i > 0 && (b[i-1] == ' ' || b[i-1] == '-' || b[i-1] == '\t') {
		i--
	}
	return i == 0 || b[i-1] == '\n'
}

// container reports whether the text is written as an object or a list.
func container(b []byte) bool {
	for _, c := range b {
		if !white(c) {
			return c == '{' || c == '['
		}
	}
	return false
}

// quotation returns the quotation or code fence around the match.
func quotation(b []byte, at span) (span, bool) {
	from := max(0, at.start-quoteReach)
	to := min(len(b), at.end+quoteReach)
	before, behind := b[from:at.start], b[at.end:to]
	if bytes.Count(before, fence)%2 == 1 {
		if end := bytes.Index(behind, fence); end >= 0 {
			return span{from + bytes.LastIndex(before, fence), at.end + end}, true
		}
	}
	if i := lastIndex(before, blank); i >= 0 {
		from, before = from+i, before[i:]
	}
	if i := bytes.Index(behind, blank); i >= 0 {
		behind = behind[:i]
	}
	if container(b) {
		if start, ok := opening(before, '"', true); ok {
			if end := closing(behind, '"'); end >= 0 {
				return span{from + start, at.end + end}, true
			}
		}
	}
	for _, mark := range []byte("\"`'") {
		if start, ok := opening(before, mark, false); ok {
			if end := closing(behind, mark); end >= 0 {
				return span{from + start, at.end + end}, true
			}
		}
	}
	return span{}, false
}

var (
	fence = []byte("```")
	blank = []byte("\n\n")
)

// opening returns where the last mark that is still open begins. An apostrophe inside a word is none, and neither is a mark
// that members of an object have, if these are told apart.
func opening(b []byte, mark byte, members bool) (int, bool) {
	open, at := false, 0
	for i, c := range b {
		if c != mark || members && delimiting(b, i) || mark == '\'' && i > 0 && word(b[i-1]) && !open {
			continue
		}
		if mark == '\'' && open && i+1 < len(b) && word(b[i+1]) {
			continue
		}
		open, at = !open, i
	}
	return at, open
}

// delimiting reports whether the quotation mark at b[i] begins or ends a name or value of JSON, in a string or not.
func delimiting(b []byte, i int) bool {
	before := i - 1
	for before >= 0 && b[before] == '\\' {
		before--
	}
	if before < 0 {
		return true
	}
	switch b[before] {
	case '{', '[', ':', ',':
		return true
	}
	if i+1 == len(b) {
		return false
	}
	switch b[i+1] {
	case ':', '}', ']':
		return true
	case ',':
		return i+2 < len(b) && b[i+2] == '"'
	}
	return false
}

// closing returns where mark closes, or -1.
func closing(b []byte, mark byte) int {
	for i, c := range b {
		if c == mark && (mark != '\'' || i+1 == len(b) || !word(b[i+1])) {
			return i
		}
	}
	return -1
}

// clauseStart returns the start of the clause that holds pos, at most reach bytes before it.
func clauseStart(b []byte, pos, reach int) int {
	for i := pos - 1; i >= 0 && i >= pos-reach; i-- {
		switch b[i] {
		case ';', ':', ',':
			return i + 1
		}
		if stop(b, i) {
			return i + 1
		}
	}
	return max(0, pos-reach)
}

// stop reports whether a sentence ends at b[i]: at its mark, or at a line break that is no mere wrap. A wrapped
// line goes on in lower case.
func stop(b []byte, i int) bool {
	switch b[i] {
	case '.', '!', '?':
		return i+1 == len(b) || !word(b[i+1])
	case '\n':
		next := i + 1
		for next < len(b) && next < i+window && white(b[next]) {
			if b[next] == '\n' {
				return true
			}
			next++
		}
		return next == len(b) || b[next] < 'a' || b[next] > 'z'
	}
	return false
}

// sentence returns the sentence around the match, without the mark that ends it.
func sentence(b []byte, at span) span {
	s := span{max(0, at.start-quoteReach), min(len(b), at.end+quoteReach)}
	for i := at.start - 1; i >= s.start; i-- {
		if stop(b, i) {
			s.start = i + 1
			break
		}
	}
	for i := at.end; i < s.end; i++ {
		if stop(b, i) {
			s.end = i
			break
		}
	}
	return s
}

// commanded reports whether the words at pos begin a command: they open a clause, or a word that leads a command
// stands right before them.
func (c *scan) commanded(b []byte, pos int) bool {
	i := pos
	for i > 0 && (white(b[i-1]) && !stop(b, i-1) || b[i-1] == '"' || b[i-1] == '\'' || b[i-1] == '*') {
		i--
	}
	if i == 0 || stop(b, i-1) {
		return true
	}
	switch b[i-1] {
	case ';', ':', ',', '>', '(', '[', ']', '-', '#', '|':
		return true
	}
	from := i
	for from > 0 && word(b[from-1]) {
		from--
	}
	return c.cued(b, from, i, cueImperative)
}
