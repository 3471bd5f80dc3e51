package token

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Bearer returns the token of an Authorization field (RFC 6750 section 2.1); ok reports that there is one.
func Bearer(authorization string) (raw string, ok bool) {
	scheme, rest, ok := strings.Cut(authorization, " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return "", false
	}
	raw = strings.Trim(rest, " ")
	return raw, raw != ""
}

// IsFor reports whether a token claims to be of a configured issuer: only then is it a claim of identity to the mesh,
// which has to verify. Others are for the callee. It reads as a lenient reader would, so that no claim is passed over
// because it is malformed, and it verifies nothing.
func (i *Issuers) IsFor(raw string) bool {
	if i == nil || len(i.byURL) == 0 || strings.Count(raw, ".") != 2 {
		return false
	}
	_, rest, _ := strings.Cut(raw, ".")
	body, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(body, "="))
	if err != nil {
		return false
	}
	decoder := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if open, err := decoder.ReadToken(); err != nil || open.Kind() != '{' {
		return false
	}
	for decoder.PeekKind() == '"' {
		name, err := decoder.ReadToken()
		if err != nil {
			return false
		}
		if name.String() != "iss" || decoder.PeekKind() != '"' {
			if decoder.SkipValue() != nil {
				return false
			}
			continue
		}
		value, err := decoder.ReadToken()
		if err != nil {
			return false
		}
		if _, ok := i.byURL[value.String()]; ok {
			return true
		}
	}
	return false
}
