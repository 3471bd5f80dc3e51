package inspect

import "bytes"

// grammatical reports whether b has at least n words that English sentences are made of and SQL is not.
func grammatical(b []byte, n int) bool { return hasWords(b, n, sqlGrammar) }

// hinted reports whether b has a word or a mark without which none of the long expressions on injections matches.
func hinted(b []byte) bool {
	for i := range len(b) - 1 {
		switch c, next := b[i], b[i+1]; {
		case c == '-' && next == '-', c == '/' && next == '*', c == '#', c == '=' && (next == '\'' || next == '"' || next == ' '),
			(c == '\'' || c == '"') && (next == '=' || next == ' ' && i+2 < len(b) && b[i+2] == '='), c == '@' && next == '@':
			return true
		}
	}
	return bytes.HasSuffix(b, []byte("#")) || hasWords(b, 1, sqlHints)
}

// hasWords reports whether b has at least n words of a set, the longest of which has 18 bytes.
func hasWords(b []byte, n int, set map[string]bool) bool {
	for i := 0; i < len(b); i++ {
		if !letter(b[i]) {
			continue
		}
		var low [18]byte
		from := i
		for ; i < len(b) && (letter(b[i]) || b[i] == '_' || digit(b[i])); i++ {
			if i-from < len(low) {
				low[i-from] = b[i]
				if letter(b[i]) {
					low[i-from] |= 0x20
				}
			}
		}
		if size := i - from; size <= len(low) && set[string(low[:size])] {
			if n--; n == 0 {
				return true
			}
		}
	}
	return false
}

// lastWord returns where the last word of a set begins in b, with words as in hasWords, or 0.
func lastWord(b []byte, set map[string]bool) int {
	for end := len(b); end > 0; {
		if !inWord(b[end-1]) {
			end--
			continue
		}
		from := end
		for from > 0 && inWord(b[from-1]) {
			from--
		}
		at := from
		for at < end && !letter(b[at]) {
			at++
		}
		if hasWords(b[at:end], 1, set) {
			return at
		}
		end = from
	}
	return 0
}

// linked returns where the marks in front of the first word or sign begin that joins a condition to the one before, or -1.
func linked(b []byte) int {
	for i, c := range b {
		size := 0
		switch c {
		case 'o', 'O':
			size = len("or")
		case 'a', 'A', 'x', 'X':
			size = len("and")
		case '|', '&':
			if i+1 < len(b) && b[i+1] == c {
				return linkFrom(b, i)
			}
			continue
		default:
			continue
		}
		if i > 0 && inWord(b[i-1]) || i+size > len(b) || i+size < len(b) && inWord(b[i+size]) {
			continue
		}
		if w := b[i : i+size]; bytes.EqualFold(w, []byte("or")) || bytes.EqualFold(w, []byte("xor")) || bytes.EqualFold(w, []byte("and")) {
			return linkFrom(b, i)
		}
	}
	return -1
}

// linkFrom returns where the marks begin that stand in front of a link.
func linkFrom(b []byte, at int) int {
	for at > 0 && bytes.IndexByte([]byte("'\") \t\n\f\r"), b[at-1]) >= 0 {
		at--
	}
	return at
}

// inWord reports whether expressions take c for a part of a word.
func inWord(c byte) bool { return alphanumeric(c) || c == '_' }
