package delegation

import (
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/base64url"
	"ringfence.dev/ringfence/internal/strictjson"
)

// What a link's header and claims say in every link.
const (
	tokenType     = "aat+jwt"
	algorithm     = "Ed25519" // RFC 9864
	algorithmOld  = "EdDSA"   // RFC 8037
	detailType    = "ringfence-capabilities"
	maxKeyID      = 512
	maxID         = 128
	maxDepthClaim = 255
	maxGrants     = 64
	maxAudience   = 16
	lastSecond    = 253402300799 // 9999-12-31T23:59:59Z
)

// link is one parsed link. It is immutable.
type link struct {
	Statement
	// compact is the whole link, signed what the signature is over, and digest the SHA-256 of the whole.
	compact   string
	signed    string
	signature []byte
	digest    [sha256.Size]byte
}

// length returns how many links a field has.
func length(field string) (int, *Refusal) {
	if len(field) > MaxField {
		return 0, refuse(TooLong, "begins a chain of more than %d bytes", MaxField)
	}
	n := strings.Count(field, separator) + 1
	if n > MaxLinks {
		return 0, refuse(TooLong, "begins a chain of more than %d links", MaxLinks)
	}
	return n, nil
}

// parse reads the compact form of one link (RFC 7515 section 7.1). Every member that is not in the profile is refused:
// a reader that passed over one might grant more than its author meant.
func parse(compact string) (*link, *Refusal) {
	header, rest, _ := strings.Cut(compact, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	l := &link{compact: compact, signed: compact[:max(len(compact)-len(signature)-1, 0)], digest: sha256.Sum256([]byte(compact))}
	var ok bool
	if l.signature, ok = base64url.Decode(signature); !ok || len(l.signature) != ed25519.SignatureSize {
		return nil, refuse(Malformed, "is not a JWT in compact form with an Ed25519 signature")
	}
	h, refusal := members(header, "header")
	if refusal != nil {
		return nil, refusal
	}
	if refusal := l.readHeader(h); refusal != nil {
		return nil, refusal
	}
	c, refusal := members(claims, "claims")
	if refusal != nil {
		return nil, refusal
	}
	return l, l.readClaims(c)
}

func members(text, part string) ([]strictjson.Member, *Refusal) {
	data, ok := base64url.Decode(text)
	if !ok {
		return nil, refuse(Malformed, "has a %s that is not canonical base64url", part)
	}
	value, err := strictjson.Parse(data)
	if err != nil || value.Kind() != strictjson.Object || len(value) != len(data) {
		return nil, refuse(Malformed, "has a %s that is not one JSON object without duplicates", part)
	}
	return value.Members(), nil
}

func (l *link) readHeader(header []strictjson.Member) *Refusal {
	var alg, typ string
	for _, m := range header {
		text, ok := m.Value.Text()
		switch m.Name {
		case "alg":
			alg = text
		case "typ":
			typ = text
		case "kid":
			l.KeyID = text
		default:
			ok = false
		}
		if !ok {
			return refuse(Malformed, "has a member in its header that the profile does not know")
		}
	}
	l.Issuer, _, _ = strings.Cut(l.KeyID, "#")
	switch {
	case alg != algorithm && alg != algorithmOld:
		return refuse(Malformed, "must have alg Ed25519 or EdDSA in its header")
	case typ != tokenType:
		return refuse(Malformed, "must have typ %s in its header", tokenType)
	case l.Issuer == "" || len(l.KeyID) > maxKeyID:
		return refuse(Malformed, "must have the DID URL of a key as kid in its header")
	}
	return nil
}

// reader reads one claim, and reports false when it is not as it must be.
type reader func(*link, strictjson.Value) bool

var claimReaders = map[string]reader{
	"iss": func(l *link, v strictjson.Value) bool { text, ok := v.Text(); return ok && text == l.Issuer },
	"jti": func(l *link, v strictjson.Value) (ok bool) {
		l.ID, ok = v.Text()
		return ok && l.ID != "" && len(l.ID) <= maxID
	},
	"iat":                   func(l *link, v strictjson.Value) (ok bool) { l.Issued, ok = date(v); return ok },
	"exp":                   func(l *link, v strictjson.Value) (ok bool) { l.Expires, ok = date(v); return ok },
	"del_depth":             func(l *link, v strictjson.Value) (ok bool) { l.Position, ok = v.Int(); return ok },
	"del_max_depth":         func(l *link, v strictjson.Value) (ok bool) { l.MaxDepth, ok = v.Int(); return ok },
	"cnf":                   (*link).readConfirmation,
	"authorization_details": (*link).readDetails,
}

var optionalReaders = map[string]reader{
	"aud": (*link).readAudience,
	"par_hash": func(l *link, v strictjson.Value) bool {
		text, _ := v.Text()
		hash, ok := base64url.Decode(text)
		l.rooted = len(hash) == copy(l.parent[:], hash) && len(hash) == sha256.Size
		return ok && l.rooted
	},
}

func (l *link) readClaims(claims []strictjson.Member) *Refusal {
	read, subject := 0, ""
	for _, m := range claims {
		if m.Name == "sub" {
			subject, _ = m.Value.Text()
			if subject == "" {
				return refuse(Malformed, "has a sub that is no DID")
			}
			continue
		}
		take, required := claimReaders[m.Name]
		if required {
			read++
		} else if take = optionalReaders[m.Name]; take == nil {
			return refuse(Malformed, "has a claim that the profile does not know")
		}
		if !take(l, m.Value) {
			return refuse(Malformed, "has a claim %s that breaks the profile", m.Name)
		}
	}
	life := l.Expires.Sub(l.Issued)
	switch {
	case read != len(claimReaders):
		return refuse(Malformed, "lacks a claim that the profile requires")
	case l.Position < 0 || l.MaxDepth < 0 || l.MaxDepth > maxDepthClaim:
		return refuse(Malformed, "has a depth out of range")
	case l.rooted != (l.Position > 0):
		return refuse(Malformed, "must have par_hash exactly when del_depth is not 0")
	case life <= 0 || life > MaxLifetime:
		return refuse(Malformed, "must live longer than nothing and at most %s", MaxLifetime)
	case subject != "" && !names(l.Holder, subject):
		return refuse(Malformed, "must have no sub but the did:key or the did:mesh of the key in cnf")
	}
	return nil
}

func names(key ed25519.PublicKey, did string) bool {
	k := agent.NewKey(key)
	return did == k.DID || did == k.Mesh
}

func date(v strictjson.Value) (time.Time, bool) {
	n, ok := v.Int()
	return time.Unix(int64(n), 0).UTC(), ok && n > 0 && n <= lastSecond
}

// readConfirmation reads the holder's key (RFC 7800 section 3.2, RFC 8037 section 2).
func (l *link) readConfirmation(v strictjson.Value) bool {
	confirmation := v.Members()
	if len(confirmation) != 1 || confirmation[0].Name != "jwk" {
		return false
	}
	jwk := confirmation[0].Value.Members()
	for _, m := range jwk {
		text, _ := m.Value.Text()
		switch {
		case m.Name == "kty" && text == "OKP", m.Name == "crv" && text == "Ed25519":
		case m.Name == "x":
			l.Holder, _ = base64url.Decode(text)
		default:
			return false
		}
	}
	return len(jwk) == 3 && usable(l.Holder)
}

// usable reports whether the key is an Ed25519 key with which not just anybody can sign.
func usable(key ed25519.PublicKey) bool {
	if len(key) != ed25519.PublicKeySize {
		return false
	}
	_, err := agent.ParseKeyDID(agent.NewKey(key).DID)
	return err == nil
}

// readDetails reads what is granted (RFC 9396 section 2): one detail of the one type that is known. An empty list grants
// nothing.
func (l *link) readDetails(v strictjson.Value) bool {
	details := v.Elements()
	if len(details) != 1 {
		return false
	}
	known := 0
	for _, m := range details[0].Members() {
		text, _ := m.Value.Text()
		switch {
		case m.Name == "type" && text == detailType:
		case m.Name == "capabilities" && m.Value.Kind() == strictjson.Array && l.readCapabilities(m.Value.Elements()):
		default:
			return false
		}
		known++
	}
	return known == 2
}

func (l *link) readCapabilities(elements []strictjson.Value) bool {
	l.Capabilities = make([]agent.Capability, 0, min(len(elements), maxGrants))
	for _, element := range elements {
		text, _ := element.Text()
		capability, err := agent.ParseCapability(text)
		if err != nil || len(l.Capabilities) == maxGrants {
			return false
		}
		l.Capabilities = append(l.Capabilities, capability)
	}
	return true
}

// readAudience reads callees, one or a list (RFC 7519 section 4.1.3). A list of none would be meant for nobody.
func (l *link) readAudience(v strictjson.Value) bool {
	elements := []strictjson.Value{v}
	if v.Kind() == strictjson.Array {
		elements = v.Elements()
	}
	for _, element := range elements {
		text, _ := element.Text()
		id, err := agent.ParseID(text)
		if err != nil || len(l.Audience) == maxAudience || slices.Contains(l.Audience, id) {
			return false
		}
		l.Audience = append(l.Audience, id)
	}
	return len(l.Audience) > 0
}
