package callback

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// MaxURL is the longest callback URL, in bytes.
const MaxURL = 2048

const maxName = 253

// target is where a URL leads: a scheme in lower case, a host in lower case without brackets, a port that is never
// empty, and the address when the host is one.
type target struct {
	scheme, host, port string
	addr               netip.Addr
}

// parse reads the part of a URL that says where it leads. It accepts what RFC 3986, the WHATWG URL standard and Go
// read alike, and nothing else: the agent that will connect may use any of them.
func parse(raw string) (target, *Refusal) {
	if raw == "" || len(raw) > MaxURL {
		return target{}, malformed("has to have 1 to " + strconv.Itoa(MaxURL) + " bytes")
	}
	if refusal := checkBytes(raw); refusal != nil {
		return target{}, refusal
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !ok || !isWord(scheme) {
		return target{}, malformed("has to be absolute, such as https://host.example/path")
	}
	if defaultPort(scheme) == "" {
		return target{}, refuse(SchemeRefused, "the callback URL has to begin with https:// or http://")
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	switch {
	case strings.Contains(authority, "@"):
		return target{}, malformed("must not contain user information")
	case strings.HasPrefix(path, "?"):
		// Some readers look for the end of the authority at the first slash alone.
		return target{}, malformed("needs a slash before its query")
	}
	t := target{scheme: scheme}
	if refusal := t.setAuthority(authority); refusal != nil {
		return target{}, refusal
	}
	if !readAlike(raw, authority, t) {
		return target{}, malformed("cannot be read without doubt")
	}
	return t, nil
}

// checkBytes refuses what no URL has (RFC 3986 section 2) and readers repair in ways of their own: white space and
// control characters, backslashes, text outside ASCII, and percent signs that begin no escape. A fragment never
// reaches a server.
func checkBytes(raw string) *Refusal {
	for i := range len(raw) {
		switch c := raw[i]; {
		case c == '#':
			return malformed("must not have a fragment")
		case c == '\\':
			return malformed("must not contain backslashes")
		case c <= ' ' || c == 0x7f:
			return malformed("must not contain white space or control characters")
		case c > 0x7f:
			return malformed("must be ASCII: write host names in their xn-- form and escape the rest")
		case strings.IndexByte("\"<>^`{|}", c) >= 0:
			return malformed("contains a character that has to be escaped")
		case c == '%' && (i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2])):
			return malformed("has a percent sign that begins no escape")
		}
	}
	return nil
}

func (t *target) setAuthority(authority string) *Refusal {
	host, port, hasPort := splitPort(authority)
	if !hasPort {
		port = defaultPort(t.scheme)
	}
	if !isPort(port) {
		return malformed("has to have a port from 1 to 65535, or none")
	}
	t.port = port
	return t.setHost(host)
}

// splitPort cuts a port off. What is left of an IPv6 address has its brackets.
func splitPort(authority string) (host, port string, hasPort bool) {
	if end := strings.LastIndexByte(authority, ']'); end >= 0 && strings.HasPrefix(authority, "[") {
		port, hasPort = strings.CutPrefix(authority[end+1:], ":")
		if !hasPort {
			return authority, "", false
		}
		return authority[:end+1], port, true
	}
	return strings.Cut(authority, ":")
}

// setHost takes a DNS name, an IPv6 address in brackets, or an IPv4 address in its usual form. Where the last label is
// a number, the WHATWG standard and the C library read an address, with fewer parts and in octal or hexadecimal too.
func (t *target) setHost(host string) *Refusal {
	if strings.HasPrefix(host, "[") {
		inside, ok := strings.CutSuffix(host[1:], "]")
		addr, err := netip.ParseAddr(inside)
		if !ok || err != nil || !addr.Is6() || addr.Zone() != "" {
			return malformed("has a host in brackets that is no IPv6 address")
		}
		t.addr, t.host = addr, addr.Unmap().String()
		return nil
	}
	host = strings.ToLower(host)
	if !isName(host) {
		return malformed("has to have a host: a DNS name without a dot at its end, or an IP address")
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if isNumber(last) {
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is4() {
			return malformed("has a number as its host; write an IPv4 address as four decimal numbers")
		}
		t.addr = addr
	}
	t.host = host
	return nil
}

// readAlike compares the reading with Go's own, which the mesh and many agents use.
func readAlike(raw, authority string, t target) bool {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Opaque != "" || u.Host != authority || u.Scheme != t.scheme {
		return false
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" {
		port = defaultPort(t.scheme)
	}
	if t.addr.IsValid() {
		addr, err := netip.ParseAddr(host)
		return err == nil && addr == t.addr && port == t.port
	}
	return host == t.host && port == t.port
}

// isName reports whether a host in lower case is a DNS name or looks like one, as IPv4 addresses do.
func isName(host string) bool {
	if host == "" || len(host) > maxName {
		return false
	}
	punycode := false
	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(label) {
			return false
		}
		punycode = punycode || strings.HasPrefix(label, "xn--")
	}
	if !punycode {
		return true
	}
	ascii, err := idna.Lookup.ToASCII(host)
	return err == nil && ascii == host
}

func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	// Hyphens in these places mark encodings of names; xn-- is the only one there is (RFC 5891 section 4.2.3.1).
	return len(label) < 4 || label[2:4] != "--" || strings.HasPrefix(label, "xn--")
}

// isNumber reports whether a label makes a host an IPv4 address for the WHATWG standard (section 3.5).
func isNumber(label string) bool {
	digits, hex := strings.CutPrefix(label, "0x")
	for i := range len(digits) {
		if c := digits[i]; c < '0' || c > '9' && !(hex && isHex(c)) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isWord(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return s != ""
}

// isPort reports whether s is a port from 1 to 65535 in the one way to write it.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s == strconv.FormatUint(n, 10)
}
