package inspect

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

const (
	// minPayload is the shortest text in tag characters or variation selectors that counts as a hidden payload.
	minPayload = 4
	// maxInWord is how many invisible characters may stand inside words: copied web pages have a few.
	maxInWord = 4
	// maxMixed is how many words may mix Latin letters with look-alikes of other scripts: a name with a foreign ending is
	// one, and so is a slip of the keyboard.
	maxMixed = 2
	// minMixed is the shortest such word, in letters that are read as ASCII.
	minMixed = 4
	// maxStacks is how many Latin letters may carry maxMarks marks; no language puts as many on one.
	maxStacks = 3
	maxMarks  = 3
	// maxOverrides is how many stretches of turned reading direction are looked at.
	maxOverrides = 64
	// minTurned is how many letters upside down make a text worth turning round.
	minTurned = 5
)

const (
	rightToLeftOverride = '\u202E'
	leftToRightOverride = '\u202D'
	popDirection        = '\u202C'
	softHyphen          = '\u00AD'
	blackFlag           = '\U0001F3F4'
)

// conceals is what a text hides from those who look at it, as its canonical form was written.
type conceals struct {
	// payload is what tag characters and variation selectors spell, and where the first of them stands.
	payload              []byte
	payloadAt, payloadTo int
	// inWord counts invisible characters that stand between two ASCII letters.
	inWord int
	// mixed counts words of letters of several scripts that are read as one, and mixedAt is where the last was seen.
	mixed, mixedAt int
	// stacks counts letters that carry many marks; marks are those on the last letter, up to markEnd.
	stacks, marks, markEnd int
	// overrides are the stretches of the canonical form that are shown from right to left, and override where one began
	// that is open, or -1.
	overrides []span
	override  int
	// turns says that one of them holds letters that are not shown so anyway.
	turns bool
	// turned counts letters upside down.
	turned int
}

func (k *conceals) reset() {
	*k = conceals{payload: k.payload[:0], overrides: k.overrides[:0], payloadAt: -1, override: -1, mixedAt: -1}
}

// hide notes the invisible character r of n bytes at src[i].
func (k *skeleton) hide(src []byte, i, n int, r rune) {
	b, ok := smuggled(r)
	if ok && !k.flagEmoji(src, i, r) {
		// One selector after a character picks its drawing; from the second on, a run spells bytes.
		if !selector(r) || k.selectorBefore(src, i) || selectorAfter(src[i+n:]) {
			if k.payloadAt < 0 {
				k.payloadAt = i
			}
			k.payloadTo = i + n
			k.payload = append(k.payload, b)
		}
		return
	}
	switch r {
	case rightToLeftOverride:
		k.closeOverride()
		k.override = len(k.text)
	case popDirection, leftToRightOverride:
		k.closeOverride()
	}
	if r != softHyphen && i > 0 && i+n < len(src) && letter(src[i-1]) && letter(src[i+n]) {
		k.inWord++
	}
}

// closeOverride ends a stretch that is shown from right to left. A line break ends it as well.
func (k *skeleton) closeOverride() {
	if k.override < 0 {
		return
	}
	at := span{k.override, len(k.text)}
	if n := bytes.IndexByte(k.text[at.start:], '\n'); n >= 0 {
		at.end = at.start + n
	}
	k.override = -1
	if len(k.overrides) < maxOverrides && at.end-at.start > 1 {
		k.overrides = append(k.overrides, at)
		k.turns = k.turns || bytes.ContainsFunc(k.text[at.start:at.end], leftToRight)
	}
}

// leftToRight reports whether r is a letter that an override turns round.
func leftToRight(r rune) bool {
	return unicode.IsLetter(r) && !unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko)
}

// smuggled returns the byte that a tag character or variation selector stands for in the known encodings.
func smuggled(r rune) (byte, bool) {
	switch {
	case r >= 0xE0020 && r <= 0xE007E:
		return byte(r - 0xE0000), true
	case r >= 0xFE00 && r <= 0xFE0F:
		return byte(r - 0xFE00), true
	case r >= 0xE0100 && r <= 0xE01EF:
		return byte(r - 0xE0100 + 16), true
	}
	return 0, false
}

func selector(r rune) bool { return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF }

func (k *skeleton) selectorBefore(src []byte, i int) bool {
	r, _ := utf8.DecodeLastRune(src[:i])
	return selector(r)
}

func selectorAfter(src []byte) bool {
	r, _ := utf8.DecodeRune(src)
	return selector(r)
}

// flagEmoji reports whether the tag character at src[i] belongs to a flag such as Scotland's: a black flag, at
// most six tags and a cancel tag.
func (k *skeleton) flagEmoji(src []byte, i int, r rune) bool {
	if r < 0xE0020 || r > 0xE007E {
		return false
	}
	at := i
	for tags := 0; tags <= 6; tags++ {
		before, n := utf8.DecodeLastRune(src[:at])
		if before == blackFlag {
			return true
		}
		if before < 0xE0020 || before > 0xE007E {
			return false
		}
		at -= n
	}
	return false
}

// note notes what the character r of n bytes at src[i], which is drawn, says about the word that it stands in.
func (k *skeleton) note(src []byte, i, n int, r rune, t treatment) {
	switch {
	case t == dropped:
		if k.markEnd != i {
			k.marks = 0
		}
		k.markEnd = i + n
		if k.marks++; k.marks == maxMarks && len(k.text) > 0 && letter(k.text[len(k.text)-1]) {
			k.stacks++
		}
	case r >= 0x250 && r < 0x2B0 || r == 'ǝ':
		k.turned++
	case (i > 0 && letter(src[i-1]) || i+n < len(src) && letter(src[i+n])) && mixes(r):
		k.mix(src, i, n)
	}
}

// mixes reports whether r is a letter of another script that is drawn like a Latin one. Greek letters that science
// writes among Latin ones are not.
func mixes(r rune) bool {
	switch {
	case r >= 0x400 && r < 0x590, r >= 0x13A0 && r < 0x1400, r >= 0xA4D0 && r < 0xA500, r >= 0xAB70 && r < 0xABC0:
		return true
	case r >= 0x391 && r < 0x3AA:
		return r != 'Γ' && r != 'Δ' && r != 'Θ' && r != 'Λ' && r != 'Ξ' && r != 'Π' && r != 'Σ' && r != 'Φ' && r != 'Ψ' && r != 'Ω'
	}
	return r == 'ο' || r == 'ι' || r == 'υ'
}

// mix counts the word around src[i:i+n], once, if it is long enough.
func (k *skeleton) mix(src []byte, i, n int) {
	start, end := i, i+n
	for start > max(0, i-maxWord) && word(src[start-1]) {
		start--
	}
	for end < min(len(src), i+maxWord) && word(src[end]) {
		end++
	}
	if start <= k.mixedAt || utf8.RuneCount(src[start:end]) < minMixed {
		return
	}
	k.mixed++
	k.mixedAt = end
}

// hidesPayload reports whether invisible characters spelled a text.
func (k *skeleton) hidesPayload() bool { return len(k.payload) >= minPayload && printable(k.payload) }

// concealed judges what the canonical form of one text hides, and reports that it does.
func (c *scan) concealed(v *view) {
	k := &c.skeleton
	k.closeOverride()
	whole := span{0, v.limit}
	c.spelled(k, &view{index: v.index, limit: v.limit}, maxDepth-1)
	if k.mixed > maxMixed {
		c.signal(signalMixedScript, v.index, whole, ViewCanonical)
	}
	if k.stacks > maxStacks {
		c.signal(signalStackedMarks, v.index, whole, ViewCanonical)
	}
	if len(k.overrides) > 0 {
		c.overrides(v)
	}
	if k.turned >= minTurned {
		c.turned(v)
	}
	if endsFirst(v.bytes) {
		c.mirrored(v, span{0, len(v.bytes)}, ViewReversed)
	}
	if wordEndsFirst(v.bytes) {
		l := &c.levels[0]
		l.form.begin(v.bytes)
		c.turnWords(v, &l.form, span{0, len(v.bytes)})
		c.rewritten(v, l, true)
	}
}

// endsFirst reports whether b begins with the end of a sentence in another script than Latin, as when it is written
// backwards.
func endsFirst(b []byte) bool {
	return len(b) > 1 && (b[0] == '.' || b[0] == '!' || b[0] == '?') && b[1] >= utf8.RuneSelf
}

// wordEndsFirst reports whether the last word of b begins with the end of a sentence, as when each is written backwards.
func wordEndsFirst(b []byte) bool { return endsFirst(b[bytes.LastIndexByte(b, ' ')+1:]) }

// spelled judges what the invisible characters of k spell, where k is a form of v, and reports that they do. depth is how
// many readings away from the text that is; the memory of k is that of another depth.
func (c *scan) spelled(k *skeleton, v *view, depth int) {
	if k.hidesPayload() {
		whole := span{source(v.anchors, k.payloadAt, v.limit), source(v.anchors, k.payloadTo, v.limit)}
		if v.whole != nil {
			whole = *v.whole
		}
		c.signal(signalHiddenText, v.index, whole, ViewHidden)
		if c.take(len(k.payload)) {
			payload := view{name: ViewHidden, bytes: k.payload, index: v.index, whole: &whole, limit: v.limit}
			c.match(&payload)
			c.views(&payload, depth)
		}
	}
	if k.inWord > maxInWord {
		whole := span{0, v.limit}
		if v.whole != nil {
			whole = *v.whole
		}
		c.signal(signalHiddenSpacing, v.index, whole, ViewHidden)
	}
}

// overrides judges v as it is shown, with the stretches turned round that are shown from right to left, and reports each
// of them.
func (c *scan) overrides(v *view) {
	l := &c.levels[0]
	w := &l.form
	w.begin(v.bytes)
	for _, at := range c.skeleton.overrides {
		if c.skeleton.turns {
			c.signal(signalBidiOverride, v.index, original(v, at), ViewReversed)
		}
		c.mirror = reversed(c.mirror[:0], v.bytes[at.start:at.end])
		replace(w, c.mirror, at, ViewReversed)
	}
	found := len(c.findings)
	c.rewritten(v, l, true)
	for i := found; i < len(c.findings); i++ {
		// Inside a stretch that was turned round no offset is exact: the finding takes the whole of it.
		for f, j := &c.findings[i], 0; j < len(c.skeleton.overrides); j++ {
			if at := original(v, c.skeleton.overrides[j]); at.start < f.End && f.Start < at.end {
				f.Start, f.End = min(f.Start, at.start), max(f.End, at.end)
				f.LastEnd = f.End
			}
		}
	}
}

// original returns the range of the text that a range of the view stands for.
func original(v *view, at span) span {
	return span{source(v.anchors, at.start, v.limit), source(v.anchors, at.end, v.limit)}
}

// turned judges the text upside down, as it stands and from its end: who turns a page reads it from there.
func (c *scan) turned(v *view) {
	k := &c.levels[0].form.skeleton
	k.reset()
	// Who turns no full stops turns no other signs of ASCII.
	signs := bytes.ContainsRune(c.raw, '˙')
	for i := 0; i < len(c.raw); {
		r, n := utf8.DecodeRune(c.raw[i:])
		switch t := k.plane.of(r); {
		case flips[r] != 0 && (signs || r >= utf8.RuneSelf || letter(byte(r)) || digit(byte(r))):
			k.anchor(i)
			k.text = append(k.text, flips[r])
		case t != hidden:
			k.anchor(i)
			k.fold(c.raw[i:i+n], r, t)
		}
		i += n
	}
	if !c.take(len(k.text)) {
		return
	}
	flipped := view{name: ViewTurned, bytes: k.text, anchors: k.anchors, index: v.index, limit: v.limit, words: true}
	c.match(&flipped)
	c.mirrored(&flipped, span{0, len(k.text)}, ViewTurned)
}

// flips pairs characters with the ones that they are upside down.
var flips = func() map[rune]byte {
	t := map[rune]byte{}
	for latin, turned := range map[byte]string{
		'a': "ɐ∀", 'b': "q", 'c': "ɔƆ", 'd': "pԀ", 'e': "ǝƎ", 'f': "ɟℲ", 'g': "ƃᵷɓ⅁", 'h': "ɥ", 'i': "ᴉıᵎ", 'j': "ɾſ", 'k': "ʞ",
		'l': "ןʃ˥⅂", 'm': "ɯW", 'n': "u", 'p': "dԁ", 'q': "b", 'r': "ɹᴚ", 't': "ʇ┴⊥", 'u': "n∩", 'v': "ʌΛɅ", 'w': "ʍM", 'y': "ʎ⅄",
		'.': "˙", ',': "'", '\'': ",", '?': "¿", '!': "¡", '1': "Ɩ", '2': "ᄅ", '3': "Ɛ", '4': "ㄣ", '5': "ϛ", '6': "9", '7': "ㄥ", '9': "6",
		'(': ")", ')': "(",
	} {
		for _, r := range turned {
			t[r] = latin
		}
	}
	return t
}()
