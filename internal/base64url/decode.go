// Package base64url reads base64url without padding (RFC 7515 section 2) in its only spelling: what is compared, signed or
// hashed as text must not have a second one.
package base64url

import (
	"encoding/base64"
	"strings"
)

// strict refuses pad bits that are set.
var strict = base64.RawURLEncoding.Strict()

// Decode returns what the text stands for, and reports whether it is one spelling and that of at least one byte.
func Decode(text string) (data []byte, ok bool) {
	// The library's decoder skips line ends.
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	data, err := strict.DecodeString(text)
	return data, err == nil && len(data) > 0
}
