package inspect

import "bytes"

// maxGap is how many bytes that are no word stand between two letters set apart.
const maxGap = 7

// compact appends the letters of words set letter by letter and of very long words, one stretch after another
// with a zero byte between, and one anchor a stretch.
func compact(dst []byte, anchors []anchor, v *view) ([]byte, []anchor) {
	b := v.bytes
	for i := 0; i < len(b); {
		if !letter(b[i]) || i > 0 && word(b[i-1]) {
			i++
			continue
		}
		end, letters := spaced(b, i)
		if letters < minSpaced {
			end = i
			for end < len(b) && letter(b[end]) {
				end++
			}
			if end-i < minRun {
				i = end
				continue
			}
		}
		if !v.touched(span{i, end}) {
			i = end
			continue
		}
		anchors = append(anchors, anchor{out: len(dst), src: i})
		for ; i < end; i++ {
			if letter(b[i]) {
				dst = append(dst, b[i])
			}
		}
		anchors = append(anchors, anchor{out: len(dst), src: end})
		dst = append(dst, 0)
	}
	return dst, anchors
}

// spaced returns the end of the letters set apart that begin at i, and how many they are.
func spaced(b []byte, i int) (end, letters int) {
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

// respace writes v with letters that stand apart put together to words, where the gaps between words differ from those
// between letters.
func respace(w *rewriting, v *view) {
	b := v.bytes
	w.begin(b)
	for i := 0; i < len(b); {
		if !letter(b[i]) || i > 0 && word(b[i-1]) {
			i++
			continue
		}
		end, letters := spaced(b, i)
		if letters < minSpaced || !v.touched(span{i, end}) {
			for i < len(b) && word(b[i]) {
				i++
			}
			continue
		}
		w.to(i)
		unit := gap(b[i+1 : end])
		for i < end {
			w.literal(b[i], span{i, i + 1}, ViewSpaced)
			i++
			between := gap(b[i:end])
			border := bytes.TrimSuffix(bytes.TrimPrefix(between, unit), unit)
			switch {
			case bytes.Equal(between, unit):
				w.skip(span{i, i + len(between)}, ViewSpaced)
			case len(bytes.TrimSpace(border)) == 0:
				w.literal(' ', span{i, i + len(between)}, ViewSpaced)
			default:
				for n, c := range border {
					w.literal(c, span{i, i + min(n+1, len(between))}, ViewSpaced)
				}
			}
			i += len(between)
			w.copied = i
		}
	}
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
