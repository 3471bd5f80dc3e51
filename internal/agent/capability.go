package agent

import (
	"errors"
	"strings"
)

// Capability grants a verb on a resource, both globs in which `*` stands for any run of characters:
// `read:*`, `write:ledger`, `call:weather/forecast`. An operation asks for the verbs that describe it (its
// effect, its canonical method and `call`) on the resource `<callee>` or `<callee>/<skill>`.
type Capability string

// ParseCapability returns s as a Capability, or an error when it is not `verb:resource`.
func ParseCapability(s string) (Capability, error) {
	verb, resource, ok := strings.Cut(s, ":")
	if !ok || verb == "" || resource == "" {
		return "", errors.New("must be verb:resource, such as read:* or write:ledger")
	}
	if strings.ContainsAny(s, " \t\r\n") {
		return "", errors.New("must not contain white space")
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
