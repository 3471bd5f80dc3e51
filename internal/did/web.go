// Package did knows the keys of did:web identifiers. Requests never wait for it: documents are fetched in the
// background from hosts that an operator lists, kept in the store for all processes of the mesh, and read as an image
// in memory. What the host of a document can do to an agent ends where continuity does: a document that shares no key
// with the one before it is not believed until a person says so.
package did

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// MaxDID is the longest did:web that is read, in bytes.
const MaxDID = 512

const (
	webMethod   = "did:web:"
	defaultPort = "443"
	wellKnown   = ".well-known"
	maxHost     = 253 // bytes, RFC 1035 section 2.3.4 without the root
)

// Web is a did:web identifier. The zero value names nothing; ParseWeb makes all others.
type Web struct {
	// host is a DNS name in lower case; port is empty for that of https; path has its segments as a URL has them,
	// with slashes between them and none around.
	host, port, path string
}

// ParseWeb reads a did:web (did:web method, section 2.2) in the one form that it has: a DNS name of at least two
// labels in lower case, a port behind %3A unless it is 443, then path segments. It refuses everything that two readers
// could take for different places, so the host that is asked for the document is always the one that the DID shows.
func ParseWeb(did string) (Web, error) {
	id, ok := strings.CutPrefix(did, webMethod)
	switch {
	case !ok:
		return Web{}, errors.New("must begin with did:web and a colon")
	case len(did) > MaxDID:
		return Web{}, fmt.Errorf("must have at most %d bytes", MaxDID)
	}
	authority, path, hasPath := strings.Cut(id, ":")
	host, port, hasPort := strings.Cut(authority, "%3A")
	if err := checkHost(host); err != nil {
		return Web{}, err
	}
	if hasPort && (!isPort(port) || port == defaultPort) {
		return Web{}, errors.New("must have a port from 1 to 65535 behind %3A; 443 is left out")
	}
	if hasPath {
		if path == wellKnown {
			return Web{}, errors.New("must not name .well-known, where the document is without a path")
		}
		for segment := range strings.SplitSeq(path, ":") {
			if err := checkSegment(segment); err != nil {
				return Web{}, err
			}
		}
	}
	return Web{host: host, port: port, path: strings.ReplaceAll(path, ":", "/")}, nil
}

// String returns the DID.
func (w Web) String() string {
	did := webMethod + w.host
	if w.port != "" {
		did += "%3A" + w.port
	}
	if w.path != "" {
		did += ":" + strings.ReplaceAll(w.path, "/", ":")
	}
	return did
}

// Host is the DNS name of the host that has the document.
func (w Web) Host() string { return w.host }

// Port is the port of that host in decimal, 443 where the DID names none.
func (w Web) Port() string {
	if w.port == "" {
		return defaultPort
	}
	return w.port
}

// URL is where the document is (did:web method, section 2.5.2).
func (w Web) URL() string {
	url := "https://" + w.host
	if w.port != "" {
		url += ":" + w.port
	}
	if w.path == "" {
		return url + "/" + wellKnown + "/did.json"
	}
	return url + "/" + w.path + "/did.json"
}

// keyOf returns the store's key for a DID, in which neither colon nor percent sign may stand. Two did:web never share
// one; another text may have that of a did:web.
func keyOf(did string) string {
	key := []byte(strings.TrimPrefix(did, webMethod))
	for i, c := range key {
		switch c {
		case ':':
			key[i] = '/'
		case '%':
			key[i] = '='
		}
	}
	return string(key)
}

// checkHost accepts DNS names (RFC 1123) that no reader takes for an address: the WHATWG URL standard reads one where
// the last label begins with a digit in some way or other, and no top-level domain does.
func checkHost(host string) error {
	switch {
	case host == "":
		return errors.New("must have a host")
	case len(host) > maxHost:
		return fmt.Errorf("must have a host of at most %d bytes", maxHost)
	}
	labels, punycode := strings.Split(host, "."), false
	for _, label := range labels {
		if !isLabel(label) {
			return errors.New("must have a host in lower case, without user information, escapes and a dot at its end")
		}
		punycode = punycode || strings.HasPrefix(label, "xn--")
	}
	if last := labels[len(labels)-1]; len(labels) < 2 || last[0] >= '0' && last[0] <= '9' {
		return errors.New("must have a host with a domain, not a single label or an address")
	}
	if punycode {
		if ascii, err := idna.Lookup.ToASCII(host); err != nil || ascii != host {
			return errors.New("must have a host whose xn-- labels are valid")
		}
	}
	return nil
}

func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	// Hyphens in these places mark encodings of names; xn-- is the only one there is (RFC 5891 section 4.2.3.1).
	return len(label) < 4 || label[2:4] != "--" || strings.HasPrefix(label, "xn--")
}

// isPort reports whether s is a port from 1 to 65535 in the one way to write it.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s == strconv.FormatUint(n, 10)
}

// checkSegment accepts one segment of the path: the letters of DID Core section 3.1, and other bytes percent-encoded
// in upper case. Dots that servers fold, separators and percent signs, which some servers decode twice, are refused.
func checkSegment(segment string) error {
	if segment == "" {
		return errors.New("must not have an empty path segment")
	}
	if segment == "." || strings.Contains(segment, "..") || strings.HasSuffix(segment, ".") {
		return errors.New("must not have a path segment with two dots in a row or a dot at its end")
	}
	decoded := make([]byte, 0, len(segment))
	for i := 0; i < len(segment); i++ {
		c := segment[i]
		if c == '%' {
			var ok bool
			if c, ok = escaped(segment[i+1:]); !ok {
				return errors.New("must have only escapes that are needed in its path, in upper case, and none of a separator")
			}
			i += 2
		} else if !isIDChar(c) {
			return errors.New("must have only letters, digits, dots, hyphens, underscores and escapes in its path")
		}
		decoded = append(decoded, c)
	}
	if !utf8.Valid(decoded) {
		return errors.New("must have a path in UTF-8")
	}
	return nil
}

// escaped returns the byte whose two hexadecimal digits rest begins with, unless it may not be escaped.
func escaped(rest string) (byte, bool) {
	if len(rest) < 2 || rest[:2] != strings.ToUpper(rest[:2]) {
		return 0, false
	}
	n, err := strconv.ParseUint(rest[:2], 16, 8)
	c := byte(n)
	return c, err == nil && c >= ' ' && c != 0x7f && !isIDChar(c) && !strings.ContainsRune(`/\%`, rune(c))
}

// isIDChar reports whether c is an idchar of DID Core section 3.1, other than an escape.
func isIDChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
}
