package agent

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of a SPIFFE ID, in bytes (SPIFFE-ID section 2.3 and 2.1).
const (
	maxWorkload    = 2048
	maxTrustDomain = 255
)

const spiffeScheme = "spiffe://"

// ParseWorkload returns s when it is the SPIFFE ID of a workload in its only form: `spiffe://`, a trust domain of
// lower-case letters, digits, dots, hyphens and underscores, and a path of non-empty segments of letters, digits,
// dots, hyphens and underscores, none of which is `.` or `..` (SPIFFE-ID section 2). It has at most 2048 bytes and
// neither user, port, query, fragment nor percent-encoding. Schemes and trust domains with upper-case letters name
// the same workload, and are refused: what is compared byte for byte must have one spelling. So is an ID without
// path, which names a trust domain and no workload in it.
func ParseWorkload(s string) (string, error) {
	if len(s) > maxWorkload {
		return "", fmt.Errorf("must have at most %d bytes", maxWorkload)
	}
	rest, ok := strings.CutPrefix(s, spiffeScheme)
	if !ok {
		return "", errors.New("must begin with spiffe://")
	}
	domain, path, ok := strings.Cut(rest, "/")
	switch {
	case domain == "" || len(domain) > maxTrustDomain:
		return "", fmt.Errorf("must have a trust domain of 1 to %d bytes", maxTrustDomain)
	case strings.ContainsFunc(domain, notInTrustDomain):
		return "", errors.New("must have a trust domain of lower-case letters, digits, dots, hyphens and underscores alone")
	case !ok:
		return "", errors.New("must have a path: a trust domain alone is no workload")
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "":
			return "", errors.New("must not have an empty path segment")
		case segment == "." || segment == "..":
			return "", errors.New("must not have a path segment of one or two dots")
		case strings.ContainsFunc(segment, notInPathSegment):
			return "", errors.New("must have a path of letters, digits, dots, hyphens and underscores alone")
		}
	}
	return s, nil
}

func notInTrustDomain(c rune) bool { return notInPathSegment(c) || c >= 'A' && c <= 'Z' }

func notInPathSegment(c rune) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
		return false
	default:
		return true
	}
}
