package agent

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Capability grants a verb on a resource, both globs in which `*` stands for any run of characters:
// `read:*`, `write:ledger`, `GetTask:weather`. An operation asks for the verbs that describe it (its effect, its
// canonical method and `call`) on the callee's name. A2A messages name no skill that could be trusted, so a
// resource with a skill in it (`ledger/transfer`) grants no call.
type Capability string

// maxCapability bounds the work of matching, which grows with the length of the pattern.
const maxCapability = 256

func unprintable(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }

// ParseCapability returns s as a Capability, or an error when it is not `verb:resource`.
func ParseCapability(s string) (Capability, error) {
	verb, resource, ok := strings.Cut(s, ":")
	if !ok || verb == "" || resource == "" {
		return "", errors.New("must be verb:resource, such as read:* or write:ledger")
	}
	if len(s) > maxCapability {
		return "", fmt.Errorf("must have at most %d bytes", maxCapability)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unprintable) {
		return "", errors.New("must not contain white space or control characters")
	}
	return Capability(s), nil
}

// Grants reports whether the capability covers any of the verbs on the resource.
func (c Capability) Grants(resource string, verbs ...string) bool {
	verb, pattern, ok := strings.Cut(string(c), ":")
	if !ok || !glob(pattern, resource) {
		return false
	}
	for _, v := range verbs {
		if glob(verb, v) {
			return true
		}
	}
	return false
}

// glob matches s against a pattern in which `*` is any run of characters. It backtracks only to the last
// star, so its cost is bounded by len(pattern) * len(s).
func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			p = star + 1
			mark++
			i = mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
