package cards

import (
	"errors"
	"fmt"
	"slices"

	"ringfence.dev/ringfence/internal/base64url"
	"ringfence.dev/ringfence/internal/strictjson"
)

// Bounds of the signatures of one card.
const (
	maxSignatures = 8
	maxProtected  = 8 << 10 // bytes of base64url
	maxSignature  = 2 << 10 // bytes of base64url
)

// signature is one element of a card's signatures (A2A 1.0 section 8.4.2), a flattened JWS without its payload.
type signature struct {
	protected     string // as sent
	bytes         []byte
	kid, alg, jku string
	problem       error // why it cannot be verified, whatever the key
}

// parseSignatures reads the signatures of a card. A signature that cannot be verified has a problem and does not
// keep others from being read.
func parseSignatures(card strictjson.Value) ([]signature, error) {
	var list strictjson.Value
	for _, member := range card.Members() {
		if member.Name == "signatures" {
			list = member.Value
		}
	}
	if kind := list.Kind(); kind != strictjson.Array && kind != strictjson.Null {
		return nil, errors.New("the card's signatures are no array")
	}
	elements := list.Elements()
	if len(elements) > maxSignatures {
		return nil, fmt.Errorf("the card has more than %d signatures", maxSignatures)
	}
	signatures := make([]signature, len(elements))
	for i, element := range elements {
		signatures[i].problem = signatures[i].read(element)
	}
	return signatures, nil
}

func (s *signature) read(element strictjson.Value) error {
	var encoded string
	var header strictjson.Value
	for _, member := range element.Members() {
		switch text, _ := member.Value.Text(); member.Name {
		case "protected":
			s.protected = text
		case "signature":
			encoded = text
		case "header":
			header = member.Value
		}
	}
	if s.protected == "" || encoded == "" || len(s.protected) > maxProtected || len(encoded) > maxSignature {
		return errors.New("the signature lacks protected or signature, or is too long")
	}
	var ok bool
	if s.bytes, ok = base64url.Decode(encoded); !ok {
		return errors.New("the signature is not base64url")
	}
	decoded, ok := base64url.Decode(s.protected)
	if !ok {
		return errors.New("the signature's protected header is not base64url")
	}
	return s.readProtected(decoded, header)
}

// readProtected reads the protected header. Nothing is taken from the unprotected one, which anyone can change.
func (s *signature) readProtected(decoded []byte, header strictjson.Value) error {
	protected, err := strictjson.Parse(decoded)
	if err != nil || protected.Kind() != strictjson.Object {
		return errors.New("the signature's protected header is not a JSON object that can be read in one way only")
	}
	if kind := header.Kind(); kind != strictjson.Object && kind != strictjson.Null {
		return errors.New("the signature's header is no object")
	}
	unprotected := header.Members()
	if slices.ContainsFunc(unprotected, func(m strictjson.Member) bool { return m.Name == "crit" }) {
		return errors.New("the signature uses an extension of JWS that is not understood")
	}
	for _, member := range protected.Members() {
		if slices.ContainsFunc(unprotected, func(m strictjson.Member) bool { return m.Name == member.Name }) {
			return errors.New("the signature names a header parameter both protected and unprotected")
		}
		text, isText := member.Value.Text()
		switch member.Name {
		case "alg":
			s.alg = text
		case "kid":
			s.kid = text
		case "jku":
			s.jku = text
		case "crit", "b64":
			return errors.New("the signature uses an extension of JWS that is not understood")
		default:
			continue
		}
		if !isText {
			return fmt.Errorf("the signature's %s is no string", member.Name)
		}
	}
	switch {
	case s.alg == "" || s.kid == "":
		return errors.New("the signature's protected header lacks alg or kid")
	case len(s.kid) > maxKeyIDName || len(s.alg) > 32 || len(s.jku) > 2048:
		s.kid, s.alg = "", ""
		return errors.New("the signature's protected header is too long")
	}
	return nil
}
