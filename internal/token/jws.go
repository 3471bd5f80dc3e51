package token

import (
	"strings"

	"ringfence.dev/ringfence/internal/base64url"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/strictjson"
)

// jws is a token, read but not verified.
type jws struct {
	raw       string
	signed    int // how many bytes of raw are signed: the first two parts
	algorithm string
	keyID     string
	claims    payload
	signature []byte
}

func parse(raw string) (jws, *identity.Refusal) {
	header, rest, ok := strings.Cut(raw, ".")
	body, signature, okBody := strings.Cut(rest, ".")
	if !ok || !okBody {
		return jws{}, refuse(identity.Malformed, "the token is not of three parts")
	}
	t := jws{raw: raw, signed: len(header) + 1 + len(body)}
	headerText, okHeader := base64url.Decode(header)
	bodyText, okBody := base64url.Decode(body)
	t.signature, ok = base64url.Decode(signature)
	if !okHeader || !okBody || !ok {
		return jws{}, refuse(identity.Malformed, "a part of the token is not canonical base64url")
	}
	if refusal := t.readHeader(headerText); refusal != nil {
		return jws{}, refusal
	}
	if t.claims, ok = readPayload(bodyText); !ok {
		return jws{}, refuse(identity.Malformed, "the claims of the token are no JSON object, or one that can be read in two ways")
	}
	return t, nil
}

// readHeader takes the members of the JOSE header whose meaning is known. Every other one could ask for something that
// is not done: a key from elsewhere (jku, jwk, x5u, x5c), an extension (crit), another payload (b64, zip).
func (t *jws) readHeader(text []byte) *identity.Refusal {
	value, err := strictjson.Parse(text)
	if err != nil || value.Kind() != strictjson.Object {
		return refuse(identity.Malformed, "the header of the token is no JSON object, or one that can be read in two ways")
	}
	for _, member := range value.Members() {
		text, ok := member.Value.Text()
		switch member.Name {
		case "alg":
			t.algorithm = normal(text)
		case "kid":
			t.keyID = text
			ok = ok && len(text) <= maxKeyID
		case "typ":
			ok = ok && mediaType(text)
		case "x5t", "x5t#S256": // hints at the key, which kid has named already
		default:
			return refuse(identity.Unsupported, "the header of the token has a member that is not supported")
		}
		if !ok {
			return refuse(identity.Malformed, "the header of the token has a member of the wrong type, or for another use")
		}
	}
	if t.algorithm == "" || t.keyID == "" {
		return refuse(identity.Malformed, "the header of the token needs alg and kid")
	}
	return nil
}

// mediaType reports whether a typ is one of an identity or access token (RFC 7519 section 5.1, RFC 9068 section 2.1),
// and not of one that was made for another use (RFC 8725 section 3.11).
func mediaType(typ string) bool {
	typ = strings.ToLower(typ)
	typ = strings.TrimPrefix(typ, "application/")
	return typ == "jwt" || typ == "at+jwt"
}
