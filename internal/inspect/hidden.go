package inspect

import "unicode/utf8"

const (
	// minPayload is the shortest text in tag characters or variation selectors that counts as a hidden payload.
	minPayload = 4
	// maxInWord is how many invisible characters may stand inside words: copied web pages have a few.
	maxInWord = 4
)

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
	if r != '\u00AD' && i > 0 && i+n < len(src) && letter(src[i-1]) && letter(src[i+n]) {
		k.inWord++
	}
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
		if before == 0x1F3F4 {
			return true
		}
		if before < 0xE0020 || before > 0xE007E {
			return false
		}
		at -= n
	}
	return false
}

// printable reports whether b is valid UTF-8 that is nearly all text: at most one control character in 32 bytes.
func printable(b []byte) bool {
	controls := 0
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return false
		}
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7F {
			controls++
		}
		i += n
	}
	return controls*32 <= len(b)
}

// hidesPayload reports whether invisible characters spelled a text.
func (k *skeleton) hidesPayload() bool { return len(k.payload) >= minPayload && printable(k.payload) }
