package delegation

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
)

// follows returns why the link cannot stand below its parent, which is nil for the root: their hashes, places and
// bounds, each as the draft's invariants I2 to I5 have them. Whose key signed is for others to say.
func (l *link) follows(parent *link) *Refusal {
	if parent == nil {
		if l.rooted {
			return refuse(BrokenHash, "is the first, and says there is one before it")
		}
		return l.fits()
	}
	switch {
	case !l.rooted || l.parent != parent.digest:
		return refuse(BrokenHash, "does not name the link before it in par_hash")
	case l.Position != parent.Position+1:
		return refuse(TooDeep, "must have a del_depth one above that of the link before it")
	case l.MaxDepth > parent.MaxDepth:
		return refuse(Widened, "has a del_max_depth above that of the link before it")
	case l.Expires.After(parent.Expires):
		return refuse(Widened, "has an exp after that of the link before it")
	case l.Issued.Before(parent.Issued):
		return refuse(NotYetValid, "has an iat before that of the link before it; check its issuer's clock")
	case !authority.ScopeWithin(l.Capabilities, parent.Capabilities):
		return refuse(Widened, "grants a capability that the link before it does not grant")
	}
	return l.fits()
}

func (l *link) fits() *Refusal {
	if l.Position > l.MaxDepth {
		return refuse(TooDeep, "has a del_depth above its del_max_depth")
	}
	return nil
}

// current returns why the link does not count at the moment now.
func (l *link) current(now time.Time) *Refusal {
	switch {
	case !now.Before(l.Expires):
		return refuse(Expired, "has expired")
	case l.Issued.After(now.Add(maxSkew)):
		return refuse(NotYetValid, "has an iat in the future; check its issuer's clock")
	}
	return nil
}

func (l *link) meant(callee agent.ID) *Refusal {
	if len(l.Audience) > 0 && !slices.Contains(l.Audience, callee) {
		return refuse(WrongAudience, "is not meant for this callee")
	}
	return nil
}

// signedBy reports whether the key made the link's signature.
func (l *link) signedBy(key ed25519.PublicKey) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, []byte(l.signed), l.signature)
}

func (l *link) heldBy(key ed25519.PublicKey) bool { return bytes.Equal(l.Holder, key) }

// Inspect returns what the links of a field say, and as an error the first fault that shows without knowing any key of
// an agent. It proves nothing: whoever reads the statements of a field believes whoever wrote it.
func Inspect(field string) ([]Statement, error) {
	links, refusal := read(field)
	if refusal != nil {
		return nil, refusal
	}
	statements := make([]Statement, len(links))
	for i, l := range links {
		statements[i] = l.Statement
	}
	if refusal := consistent(links); refusal != nil {
		return statements, refusal
	}
	return statements, nil
}

func read(field string) ([]*link, *Refusal) {
	n, refusal := length(field)
	if refusal != nil {
		return nil, refusal
	}
	links := make([]*link, 0, n)
	for compact := range strings.SplitSeq(field, separator) {
		l, refusal := parse(compact)
		if refusal != nil {
			refusal.Link = len(links)
			return nil, refusal
		}
		links = append(links, l)
	}
	return links, nil
}

// consistent returns the first fault that links have among themselves. Every signature but the root's can be checked
// with the key that the link before it names.
func consistent(links []*link) *Refusal {
	var parent *link
	for i, l := range links {
		refusal := l.follows(parent)
		if refusal == nil && parent != nil && !l.signedBy(parent.Holder) {
			refusal = refuse(BadSignature, "is not signed by the key that the link before it was given to")
		}
		if refusal != nil {
			refusal.Link = i
			return refusal
		}
		parent = l
	}
	return nil
}
