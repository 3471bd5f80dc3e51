package task

import "strings"

// Same reports whether two ids of tasks may name one task at an agent.
func Same(a, b string) bool { return a == b || canonical(a) == canonical(b) }

// canonical returns one spelling of the ids that an agent may take for one. Most ids are UUIDs, and an agent that reads
// them as such takes capital letters, braces, a prefix, missing hyphens and space around them too (RFC 9562 section 4):
// otherwise a task could be cancelled by a spelling that nobody is known to own. The spelling is the usual one. All other
// ids are what they are.
func canonical(id string) string {
	digits, ok := uuid(strings.TrimSpace(id))
	if !ok {
		return id
	}
	var out [36]byte
	text := append(out[:0], digits[:8]...)
	for at := 8; at < 20; at += 4 {
		text = append(append(text, '-'), digits[at:at+4]...)
	}
	return string(append(append(text, '-'), digits[20:]...))
}

// uuid returns the digits of a UUID in lower case.
func uuid(text string) (digits [32]byte, ok bool) {
	const prefix = "urn:uuid:"
	if len(text) > len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
		text = text[len(prefix):]
	}
	if inner, open := strings.CutPrefix(text, "{"); open {
		text, _ = strings.CutSuffix(inner, "}")
	}
	n := 0
	for i := range len(text) {
		c := text[i]
		if c >= 'A' && c <= 'F' {
			c |= 0x20
		}
		switch {
		case c == '-':
		case n == len(digits), c-'0' > 9 && c-'a' > 5:
			return digits, false
		default:
			digits[n] = c
			n++
		}
	}
	return digits, n == len(digits)
}
