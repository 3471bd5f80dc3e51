package cards

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/gowebpki/jcs"

	"ringfence.dev/ringfence/internal/strictjson"
)

// Names of the canonical forms that signers of cards are met with, in the order they are tried. Each is RFC 8785
// over the card without its signatures.
const (
	// Specified leaves out what the presence rules of A2A 1.0 section 8.4.1 leave out.
	Specified = "specified"
	// Stripped leaves out every empty string, list and object too, even where A2A requires the member: the SDKs
	// for Python and JavaScript sign this form.
	Stripped = "stripped"
	// Verbatim has every member as the card was sent.
	Verbatim = "verbatim"
)

var forms = []struct {
	name  string
	shape func(strictjson.Value) strictjson.Value
}{
	{Specified, cardMessage.present},
	{Stripped, func(card strictjson.Value) strictjson.Value {
		kept, _ := stripped(cardMessage.present(card))
		return kept
	}},
	{Verbatim, func(card strictjson.Value) strictjson.Value { return card }},
}

// readable returns the form in which the SDKs for Python and JavaScript verify a card: as their types hold it, so
// without the members that 1.0 does not have, such as those of 0.3, and stripped. It covers what such a client reads.
// A card that anyone reads whole is not verified by it: members could have been added.
func readable(card strictjson.Value) strictjson.Value {
	kept, _ := stripped(cardMessage.projected(card))
	return kept
}

// unsigned returns the card without its signatures.
func unsigned(card strictjson.Value) strictjson.Value {
	var kept []strictjson.Member
	for _, member := range card.Members() {
		if member.Name != "signatures" {
			kept = append(kept, member)
		}
	}
	return strictjson.ObjectOf(kept)
}

// canonical returns RFC 8785 of a value.
func canonical(value strictjson.Value) ([]byte, error) {
	out, err := jcs.Transform(value)
	if err != nil {
		return nil, fmt.Errorf("canonicalising card: %w", err)
	}
	return out, nil
}

// Digest names what a card says and who its signatures name as signers: sha256: and the SHA-256 of that in RFC 8785
// form, in hexadecimal. Cards that differ in white space, in the order of members, in how strings are escaped or in
// the bytes of signatures have one digest: some agents sign anew for every answer.
func Digest(raw []byte) (string, error) {
	document, err := strictjson.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("reading card: %w", err)
	}
	var names []strictjson.Value
	for _, name := range signers(document) {
		names = append(names, strictjson.Quote(name))
	}
	form, err := canonical(strictjson.ArrayOf([]strictjson.Value{unsigned(document), strictjson.ArrayOf(names)}))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(form)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
