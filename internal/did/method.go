package did

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/base64url"
	"ringfence.dev/ringfence/internal/strictjson"
)

// maxFragment bounds the fragment of a key's DID URL, in bytes.
const maxFragment = 256

// method is a verification method (DID Core section 5.2): a key, or why it is none.
type method struct {
	key     Key
	problem string
	entry   string // where it stands first
}

// mark adds what the key is for.
func (m *method) mark(which relation) {
	switch which {
	case authentication:
		m.key.Authentication = true
	case assertionMethod:
		m.key.Assertion = true
	}
}

// Members that hold a key, by the types of method whose keys they hold, and members that no document may have.
var (
	materialOf = map[string]string{
		"Multikey":                   "publicKeyMultibase",
		"Ed25519VerificationKey2020": "publicKeyMultibase",
		"JsonWebKey":                 "publicKeyJwk",
		"JsonWebKey2020":             "publicKeyJwk",
	}
	materials = []string{"publicKeyMultibase", "publicKeyJwk", "publicKeyBase58", "publicKeyBase64", "publicKeyHex", "publicKeyPem"}
	secrets   = []string{"secretKeyMultibase", "privateKeyMultibase", "secretKeyJwk", "privateKeyJwk", "privateKeyBase58"}
)

// readMethod reads one method of the DID's document.
func readMethod(given map[string]strictjson.Value, did string) method {
	text, _ := given["id"].Text()
	id, problem := absolute(text, did)
	m := method{key: Key{ID: id}, problem: problem}
	if problem != "" {
		return m
	}
	if controller, ok := given["controller"].Text(); !ok || controller != did {
		m.problem = "is controlled by somebody else"
		return m
	}
	if m.key.Until, m.problem = end(given); m.problem != "" {
		return m
	}
	public, problem := publicKey(given)
	if problem != "" {
		m.problem = problem
		return m
	}
	m.key.DID, m.key.Public = public.DID, public.Public
	return m
}

// absolute returns the DID URL that a method's id or a reference to it means, or why it means none of the document's.
func absolute(text, did string) (id, problem string) {
	base, fragment, ok := strings.Cut(text, "#")
	switch {
	case !ok || base != "" && base != did:
		return "", "has an id that is not a DID URL of the document"
	case fragment == "" || len(fragment) > maxFragment || strings.ContainsFunc(fragment, notInFragment):
		return "", "has an id whose fragment cannot be used"
	}
	return did + "#" + fragment, ""
}

// notInFragment reports whether c cannot stand in a fragment (RFC 3986 section 3.5).
func notInFragment(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"#<>[\\]^`{|}", c)
}

// end returns when a method ends by its own word (Controlled Identifiers 1.0 section 2.2).
func end(given map[string]strictjson.Value) (time.Time, string) {
	var until time.Time
	for _, name := range []string{"expires", "revoked"} {
		value, ok := given[name]
		if !ok {
			continue
		}
		text, _ := value.Text()
		at, err := time.Parse(time.RFC3339, text)
		if err != nil || at.IsZero() {
			return time.Time{}, "has a time of expiry or revocation that cannot be read"
		}
		if until.IsZero() || at.Before(until) {
			until = at.UTC()
		}
	}
	return until, ""
}

// publicKey returns the key of a method, or why it has none that can be used.
func publicKey(given map[string]strictjson.Value) (agent.Key, string) {
	if slices.ContainsFunc(secrets, func(name string) bool { return given[name] != nil }) {
		return agent.Key{}, "publishes a secret key"
	}
	kind, _ := given["type"].Text()
	material, ok := materialOf[kind]
	if !ok {
		return agent.Key{}, "has a type that is not accepted"
	}
	for _, other := range materials {
		if (given[other] != nil) != (other == material) {
			return agent.Key{}, "does not have its key in the one member that its type asks for"
		}
	}
	if material == "publicKeyJwk" {
		return jwk(given[material])
	}
	multibase, _ := given[material].Text()
	key, err := agent.ParseKeyDID("did:key:" + multibase)
	if err != nil {
		return agent.Key{}, "is no Ed25519 key that can be used"
	}
	return key, ""
}

// jwk reads an Ed25519 key as RFC 8037 section 2 has it.
func jwk(value strictjson.Value) (agent.Key, string) {
	given := membersOf(value)
	text := func(name string) string { s, _ := given[name].Text(); return s }
	switch {
	case given["d"] != nil:
		return agent.Key{}, "publishes a secret key"
	case text("kty") != "OKP" || text("crv") != "Ed25519":
		return agent.Key{}, "is no Ed25519 key"
	case given["alg"] != nil && text("alg") != "EdDSA" && text("alg") != "Ed25519", given["use"] != nil && text("use") != "sig":
		return agent.Key{}, "is not for signatures by Ed25519"
	}
	if operations := given["key_ops"]; operations != nil {
		verifies := func(v strictjson.Value) bool { name, _ := v.Text(); return name == "verify" }
		if !slices.ContainsFunc(operations.Elements(), verifies) {
			return agent.Key{}, "is not for verifying signatures"
		}
	}
	x, ok := base64url.Decode(text("x"))
	if !ok || len(x) != ed25519.PublicKeySize {
		return agent.Key{}, "has an x that is not 32 bytes in base64url"
	}
	key, err := agent.ParseKeyDID(agent.NewKey(ed25519.PublicKey(x)).DID)
	if err != nil {
		return agent.Key{}, "is no Ed25519 key that can be used"
	}
	return key, ""
}
