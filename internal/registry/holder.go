package registry

import (
	"crypto/ed25519"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Holder is an agent's key as a signature names it.
type Holder struct {
	// Agent holds the key.
	Agent *agent.Record
	// DID is the one that the signature named, without fragment.
	DID string
	// Public verifies the signature.
	Public ed25519.PublicKey
	// Role says who of the agent signs with the key.
	Role agent.KeyRole
	// Until is when the key stops being accepted; zero is never.
	Until time.Time
}

// Key returns the holder of the key that a keyid names: a did:key or did:mesh, with or without the fragment of its
// key, or the did:mesh of an agent's key with the fragment of one of the agent's sidecars, which the document of
// that DID lists. A key that two agents claim, in whichever role, and one that is revoked belong to nobody. Whether
// a retiring key is still accepted depends on the time, which the caller has.
func (s *Snapshot) Key(keyID string) (Holder, bool) {
	did, fragment, hasFragment := strings.Cut(keyID, "#")
	c, ok := s.key(did)
	if !ok {
		return Holder{}, false
	}
	if !hasFragment || fragment == c.key.fragment {
		return Holder{Agent: c.entry.record, DID: did, Public: c.key.Public, Role: c.key.role, Until: c.key.until}, true
	}
	return s.sidecar(c, did, fragment)
}

// sidecar returns the holder of the sidecar key that the document of an agent key's did:mesh lists.
func (s *Snapshot) sidecar(document claim, did, fragment string) (Holder, bool) {
	if document.key.role != agent.AgentKey || did != document.key.Mesh {
		return Holder{}, false
	}
	for i := range document.entry.keys {
		key := &document.entry.keys[i]
		if key.fragment != fragment || key.role != agent.SidecarKey {
			continue
		}
		if _, ok := s.key(key.DID); !ok {
			break
		}
		until := sooner(document.key.until, key.until)
		return Holder{Agent: document.entry.record, DID: did, Public: key.Public, Role: key.role, Until: until}, true
	}
	return Holder{}, false
}

// key returns the claim to a did:key or did:mesh whose key is accepted.
func (s *Snapshot) key(did string) (claim, bool) {
	c, ok := s.undisputed(did)
	if !ok || c.key == nil {
		return claim{}, false
	}
	if _, revoked := s.Revoked(c.key.fragment); revoked {
		return claim{}, false
	}
	return c, true
}

// sooner returns the earlier of two ends, of which zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Workload returns the agent whose connections are authenticated by a SPIFFE ID. One that two agents claim belongs
// to nobody.
func (s *Snapshot) Workload(spiffeID string) (*agent.Record, bool) {
	return s.principal("spiffe://", spiffeID)
}

// Web returns the agent that signs with the keys of a did:web. One that two agents claim belongs to nobody.
func (s *Snapshot) Web(did string) (*agent.Record, bool) { return s.principal(agent.WebMethod, did) }

// Subject returns the agent for which bearer tokens of an issuer speak that are about the named subject. One that
// two agents claim belongs to nobody.
func (s *Snapshot) Subject(issuer, name string) (*agent.Record, bool) {
	return s.principal("", subjectPrincipal(issuer, name))
}

func (s *Snapshot) principal(prefix, principal string) (*agent.Record, bool) {
	c, ok := s.undisputed(principal)
	if !ok || c.key != nil || !strings.HasPrefix(principal, prefix) {
		return nil, false
	}
	return c.entry.record, true
}

// Hosted returns what the document of a registered key's did:key or did:mesh says. Keys that are revoked, in dispute
// or have retired at the moment now have none and are in none, and those of revoked agents neither.
func (s *Snapshot) Hosted(did string, now time.Time) (agent.Hosted, bool) {
	c, ok := s.key(did)
	if !ok || c.entry.record.Status == agent.Revoked || c.key.retired(now) {
		return agent.Hosted{}, false
	}
	hosted := agent.Hosted{Key: c.key.Key, Role: c.key.role}
	if c.key.role != agent.AgentKey {
		return hosted, true
	}
	for i := range c.entry.keys {
		key := &c.entry.keys[i]
		if _, ok := s.key(key.DID); ok && key.role == agent.SidecarKey && !key.retired(now) {
			hosted.Sidecars = append(hosted.Sidecars, key.Key)
		}
	}
	for _, web := range c.entry.others {
		if _, ok := s.Web(web); ok {
			hosted.Webs = append(hosted.Webs, web)
		}
	}
	return hosted, true
}

func (h *held) retired(now time.Time) bool { return !h.until.IsZero() && !now.Before(h.until) }
