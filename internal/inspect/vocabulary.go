package inspect

import (
	"slices"
	"strings"
)

const (
	// minVocabulary is the shortest word of the rules that is recognised in another spelling, and minSuspect the shortest
	// that is a reason to look closer when it is turned or rotated. Of scrambled words that is minScrambled: too many
	// shorter ones are words themselves, such as three for there.
	minVocabulary = 4
	minSuspect    = 5
	minScrambled  = 6
	// maxWord is the longest word that is looked up.
	maxWord = 24
)

// vocabulary is the words that the rules about prose are written in, by what is left of them when their letters change
// places.
type vocabulary struct {
	// sums holds a number for each letter. What the letters of a word add up to is its name in anagrams.
	sums [26]uint32
	// filter has the bit of the shape of each word.
	filter [1 << shapeBits / 64]uint64
	words  []string
	known  map[string]bool
	// prints are those of the words themselves.
	prints   prints
	anagrams map[uint32][]uint16
	// leet holds the words by how they look when a digit may be one of several letters.
	leet map[string]uint16
	// segments finds the words in letters that run together; borders are the words by its ids.
	segments *automaton
	borders  []string
	// bonus is what each of them counts more, because it stands in every text.
	bonus []int32
}

// twins are words of their own that another word's scrambled letters make up.
var twins = []string{
	"bolster", "lobster", "calvary", "cavalry", "casual", "causal", "conservation", "conversation", "deposit", "dopiest", "expect",
	"except", "marital", "martial", "parental", "paternal", "perfect", "prefect", "reserve", "reserved", "reserves", "reverse",
	"reversed", "reverses", "sacred", "scared", "silver", "sliver", "united", "untied",
}

// connectives are the words of English that stand between the words of the rules. They only help to put words apart.
const connectives = `the of and to in is you that it was for on are as with they at be this have from or one had by but not what all were we
when your can said there use an each which do how their if will up other about out many then them these so some would make like into
time has look two more write go see no way could people my than first been who its now find long down day did get come made may part
please want need am me us should must shall any anything everything nothing give tell take put keep let just only also very even here
after before again always never every whole most much such own same both between under over because while where why text words answer
question page user customer message file name list word sentence conversation report table row note code email`

const (
	// maxWords is how many words are recognised in another spelling; further ones are found as they stand alone.
	maxWords = printSlots / 2
)

// newVocabulary collects the words of the literals that rules about prose use, and of those that excuse a match.
func newVocabulary(s *Set) (*vocabulary, error) {
	v := &vocabulary{known: map[string]bool{}, anagrams: map[uint32][]uint16{}, leet: map[string]uint16{}}
	for i := range v.sums {
		v.sums[i] = letterSum('a' + byte(i))
	}
	words := map[string]bool{}
	for id := range s.literals {
		if l := &s.literals[id]; s.prose(id) {
			v.literal(l, words)
		}
	}
	for id := range s.cueLiterals {
		v.literal(&s.cueLiterals[id], words)
	}
	for _, w := range twins {
		if !v.known[w] {
			v.know(w)
		}
	}
	between := map[string]int32{}
	for w := range strings.FieldsSeq(connectives) {
		words[w], between[w] = true, common
	}
	for w := range words {
		if !compound(w, words) {
			v.borders = append(v.borders, w)
		}
	}
	slices.Sort(v.borders)
	for _, w := range v.borders {
		v.bonus = append(v.bonus, between[w])
	}
	var err error
	if v.segments, err = newAutomaton(v.borders); err != nil {
		return nil, err
	}
	return v, nil
}

// literal adds the words of one literal; words get all of two letters or more.
func (v *vocabulary) literal(l *literal, words map[string]bool) {
	if !isASCII(l.text) {
		return
	}
	parts := strings.FieldsFunc(l.text, func(r rune) bool { return r < 'a' || r > 'z' })
	for i, w := range parts {
		v.add(w)
		if len(w) < 2 || len(w) > maxWord {
			continue
		}
		words[w] = true
		if i == len(parts)-1 && !l.right {
			v.add(w + "s")
			words[w+"s"] = true
		}
	}
}

// minPart is the shortest word that a compound is made of, in letters: shorter ones make up others by chance.
const minPart = 6

// compound reports whether w is two other words written as one.
func compound(w string, words map[string]bool) bool {
	for i := minPart; i <= len(w)-minPart; i++ {
		if words[w[:i]] && words[w[i:]] {
			return true
		}
	}
	return false
}

// prose reports whether a rule about prose uses the literal.
func (s *Set) prose(id int) bool {
	for _, u := range s.uses[DirectionUnknown].list(s.literals[id].role) {
		if s.gates[u.rule].reads&traitProse != 0 {
			return true
		}
	}
	return false
}

func (v *vocabulary) add(w string) {
	if len(w) < minVocabulary || len(w) > maxWord || v.known[w] || len(v.known) == maxWords {
		return
	}
	id := uint16(len(v.words))
	v.words = append(v.words, w)
	v.know(w)
	sum := v.sum([]byte(w))
	v.anagrams[sum] = append(v.anagrams[sum], id)
	l := lettersOf([]byte(w), span{0, len(w)})
	bit := l.shape()
	v.filter[bit/64] |= 1 << (bit % 64)
	var key [maxWord]byte
	for i := range len(w) {
		key[i] = leetKey(w[i])
	}
	if _, ok := v.leet[string(key[:len(w)])]; !ok {
		v.leet[string(key[:len(w)])] = id
	}
}

// know notes that w is a word as it stands.
func (v *vocabulary) know(w string) {
	v.known[w] = true
	l := lettersOf([]byte(w), span{0, len(w)})
	v.prints.add(l.print())
}

// letterSum scatters the letters over 20 bits, so that the sum of a word fits into 25.
func letterSum(c byte) uint32 {
	h := uint32(c) * 0x9E3779B1
	h = (h ^ h>>15) * 0x85EBCA6B
	h = (h ^ h>>13) * 0xC2B2AE35
	return h>>12 | 1
}

func rotated(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z':
		return 'a' + (c-'a'+13)%26
	case c >= 'A' && c <= 'Z':
		return 'A' + (c-'A'+13)%26
	}
	return c
}

func (v *vocabulary) sum(w []byte) uint32 {
	var sum uint32
	for _, c := range w {
		sum += v.sums[c|0x20-'a']
	}
	return sum
}

// suspects reports whether the letters at at can be a word of the vocabulary in another spelling: they have the shape of
// one, and are none as they stand.
func (v *vocabulary) suspects(b []byte, at span) bool {
	n := at.end - at.start
	if n > maxWord {
		return false
	}
	if n <= 8 {
		return v.suspected(lettersAt(b, at.start, n), n)
	}
	l := lettersOf(b, at)
	return v.shaped(l.shape(), l.print())
}

// suspected is suspects for n letters, at most eight.
func (v *vocabulary) suspected(w uint64, n int) bool { return v.shaped(shapeOf(w, n), printOf(w)) }

// shaped reports whether a word of the vocabulary has the shape, and none the print.
func (v *vocabulary) shaped(shape, print uint32) bool {
	// Most words are of no shape, or stand in the first slot. Neither can be foreseen, but both together can.
	if v.filter[shape/64]>>(shape%64)&1*uint64(v.prints[print%printSlots]^print) == 0 {
		return false
	}
	return !v.prints.has(print)
}

// has reports whether w, of four letters or more, is a word of the vocabulary as it stands.
func (v *vocabulary) has(w []byte) bool {
	if len(w) > maxWord {
		return false
	}
	l := lettersOf(w, span{0, len(w)})
	return v.prints.has(l.print())
}

// spelling says how a word of a text stands for one of the vocabulary.
type spelling uint8

const (
	spelledOut spelling = iota
	spelledScrambled
	spelledReversed
	spelledRotated
	spelledLeet
)

// resolve returns the word that w stands for, if w is no word of the vocabulary itself.
func (v *vocabulary) resolve(w []byte) (string, spelling) {
	if len(w) < minVocabulary || len(w) > maxWord {
		return "", spelledOut
	}
	var lower, turned [maxWord]byte
	for i, c := range w {
		lower[i] = c | 0x20
		turned[i] = rotated(c | 0x20)
	}
	n := len(w)
	if v.known[string(lower[:n])] {
		return "", spelledOut
	}
	if v.known[string(turned[:n])] {
		return "", spelledRotated
	}
	for _, id := range v.anagrams[v.sum(w)] {
		known := v.words[id]
		switch {
		case len(known) != n:
		case backwards(lower[:n], known):
			return known, spelledReversed
		case lower[0] == known[0] && lower[n-1] == known[n-1] && sameLetters(lower[:n], known):
			return known, spelledScrambled
		}
	}
	return "", spelledOut
}

func backwards(w []byte, known string) bool {
	for i, c := range w {
		if known[len(known)-1-i] != c {
			return false
		}
	}
	return true
}

func sameLetters(w []byte, known string) bool {
	var counts [26]int8
	for i, c := range w {
		counts[c-'a']++
		counts[known[i]-'a']--
	}
	return counts == [26]int8{}
}

// leetLetters is the letter that a digit or sign is read as; 1, ! and | can be an l as well.
var leetLetters = func() (t [256]byte) {
	for c, l := range map[byte]byte{
		'0': 'o', '1': 'i', '2': 'z', '3': 'e', '4': 'a', '5': 's', '6': 'g', '7': 't', '8': 'b', '9': 'g',
		'@': 'a', '$': 's', '!': 'i', '|': 'i',
	} {
		t[c] = l
	}
	return t
}()

// leetKey folds what stands for the same letters: i and l are one.
func leetKey(c byte) byte {
	if l := leetLetters[c]; l != 0 {
		return l
	}
	if c |= 0x20; c == 'l' {
		return 'i'
	}
	return c
}

// unleet returns the word that a token of letters, digits and signs stands for.
func (v *vocabulary) unleet(token []byte) (string, bool) {
	if len(token) < minVocabulary || len(token) > maxWord {
		return "", false
	}
	var key [maxWord]byte
	for i, c := range token {
		key[i] = leetKey(c)
	}
	id, ok := v.leet[string(key[:len(token)])]
	if !ok {
		return "", false
	}
	return v.words[id], true
}
