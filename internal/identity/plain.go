package identity

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
)

// signatureText is how many characters of base64 an Ed25519 signature has.
var signatureText = base64.StdEncoding.EncodedLen(ed25519.SignatureSize)

// strictBase64 refuses pad bits that are set.
var strictBase64 = base64.StdEncoding.Strict()

// readPlain reads the one spelling that signers send: a single signature of the profile, canonical, with no character
// escaped. What it reads, readInput and readValue read just the same, at ten times the cost; whatever else there is
// (ok is false, and s holds nothing of use) they read or refuse.
func (s *signature) readPlain(inputs, values string) (ok bool) {
	*s = signature{alg: algorithm}
	label, list, ok := strings.Cut(inputs, "=")
	if !ok || !labelKey(label) {
		return false
	}
	encoded, ok := strings.CutPrefix(values, label)
	if !ok || len(encoded) != signatureText+3 || encoded[:2] != "=:" || encoded[len(encoded)-1] != ':' {
		return false
	}
	s.params = list
	rest, ok := s.plainComponents(list)
	if !ok || !s.plainParams(rest) || s.complete() != nil {
		return false
	}
	// The decoder skips line ends, which would leave too few bytes.
	var value [(ed25519.SignatureSize + 2) / 3 * 3]byte // what the decoder writes at most
	n, err := strictBase64.Decode(value[:], []byte(encoded[2:len(encoded)-1]))
	return err == nil && s.setValue(value[:n])
}

// plainComponents takes the inner list of components, and returns what comes after it.
func (s *signature) plainComponents(list string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(list, "(")
	if !ok {
		return "", false
	}
	for {
		var name string
		if name, rest, ok = plainString(rest); !ok || s.list(name) != nil {
			return "", false
		}
		switch {
		case strings.HasPrefix(rest, " "):
			rest = rest[1:]
		case strings.HasPrefix(rest, ")"):
			return rest[1:], true
		default:
			return "", false
		}
	}
}

// plainParams takes the parameters of the profile, each once, and tells whether there is nothing else and the tag is
// that of the profile.
func (s *signature) plainParams(rest string) (ok bool) {
	var taken struct{ created, expires, nonce, keyID, alg, tag bool }
	once := func(seen *bool) bool {
		first := !*seen
		*seen = true
		return first
	}
	for rest != "" {
		name, value, found := strings.Cut(rest, "=")
		if !found {
			return false
		}
		var text string
		switch name {
		case ";created":
			s.created, rest, ok = plainInteger(value)
			ok = ok && once(&taken.created)
		case ";expires":
			s.expires, rest, ok = plainInteger(value)
			ok = ok && once(&taken.expires)
		case ";nonce":
			s.nonce, rest, ok = plainString(value)
			ok = ok && once(&taken.nonce)
		case ";keyid":
			s.keyID, rest, ok = plainString(value)
			ok = ok && once(&taken.keyID) && len(s.keyID) <= maxKeyID
		case ";alg":
			s.alg, rest, ok = plainString(value)
			ok = ok && once(&taken.alg)
		case ";tag":
			text, rest, ok = plainString(value)
			ok = ok && once(&taken.tag) && text == Tag
		default:
			return false
		}
		if !ok {
			return false
		}
	}
	return taken.tag
}

// plainString reads a string (RFC 9651 section 3.3.3) in which nothing is escaped.
func plainString(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", "", false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[1:i], s[i+1:], true
		case c < ' ' || c > '~' || c == '\\':
			return "", "", false
		}
	}
	return "", "", false
}

// plainInteger reads a positive integer (RFC 9651 section 3.3.1) of at most 15 digits, none of them a leading zero.
func plainInteger(s string) (n int64, rest string, ok bool) {
	i := 0
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		if i == 15 {
			return 0, "", false
		}
		n = n*10 + int64(s[i]-'0')
	}
	if i == 0 || s[0] == '0' || (i < len(s) && s[i] != ';') {
		return 0, "", false
	}
	return n, s[i:], true
}

// labelKey reports whether s is a dictionary key (RFC 9651 section 3.1.2).
func labelKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', c == '*':
		case i > 0 && ('0' <= c && c <= '9' || c == '_' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}
