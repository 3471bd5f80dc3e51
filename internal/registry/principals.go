package registry

import (
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/shards"
)

// entry is a record with the principals it claims, read once. A principal is what evidence may prove the caller to
// be. Their forms do not overlap: did:key and did:mesh of each key, did:web, SPIFFE ID, and the subject of tokens.
type entry struct {
	record *agent.Record
	keys   []held
	others []string // principals that are no keys
}

// held is a key of a record.
type held struct {
	agent.Key
	fragment string
	role     agent.KeyRole
	until    time.Time
}

func newEntry(record *agent.Record) *entry {
	e := &entry{record: record}
	// A key that were listed in both roles would have the one that proves less.
	for _, did := range record.Sidecars {
		e.hold(did, agent.SidecarKey)
	}
	for _, did := range record.DIDs {
		e.hold(did, agent.AgentKey)
		if strings.HasPrefix(did, agent.WebMethod) {
			e.others = append(e.others, did)
		}
	}
	e.others = append(e.others, record.Workloads...)
	for _, subject := range record.Subjects {
		e.others = append(e.others, subjectPrincipal(subject.Issuer, subject.Name))
	}
	return e
}

// hold adds the key of a did:key. A did:mesh is known by the did:key it was minted from.
func (e *entry) hold(did string, role agent.KeyRole) {
	key, err := agent.ParseKeyDID(did)
	if err != nil || slices.ContainsFunc(e.keys, func(h held) bool { return h.DID == key.DID }) {
		return
	}
	// Each stands in the record too: there is no need to hold it twice.
	key.DID = did
	if i := slices.Index(e.record.DIDs, key.Mesh); i >= 0 {
		key.Mesh = e.record.DIDs[i]
	}
	e.keys = append(e.keys, held{Key: key, fragment: key.Fragment(), role: role, until: e.record.Retiring[key.DID]})
}

// subjectPrincipal names the subject of an issuer's tokens. Registered subjects have no control characters, so that
// no two have one name.
func subjectPrincipal(issuer, name string) string { return issuer + "\x00" + name }

// principals calls yield for each principal of the entry, with the key if it is one.
func (e *entry) principals(yield func(string, *held)) {
	for i := range e.keys {
		yield(e.keys[i].DID, &e.keys[i])
		yield(e.keys[i].Mesh, &e.keys[i])
	}
	for _, principal := range e.others {
		yield(principal, nil)
	}
}

// claim is who holds a principal. A principal with rivals belongs to nobody until one claim is left.
type claim struct {
	entry  *entry
	key    *held // nil when the principal is no key
	rivals []claim
}

func (c claim) by(name agent.ID) bool { return c.entry.record.Name == name }

func (e *entry) claim(table *shards.Edit[claim]) {
	e.principals(func(principal string, key *held) {
		mine := claim{entry: e, key: key}
		first, taken := table.Table().Get(principal)
		switch {
		case !taken:
			table.Set(principal, mine)
		case !first.by(e.record.Name):
			first.rivals = append(slices.Clone(first.rivals), mine)
			table.Set(principal, first)
		}
	})
}

func (e *entry) withdraw(table *shards.Edit[claim]) {
	mine := func(c claim) bool { return c.by(e.record.Name) }
	e.principals(func(principal string, _ *held) {
		first, ok := table.Table().Get(principal)
		if !ok {
			return
		}
		rivals := slices.DeleteFunc(slices.Clone(first.rivals), mine)
		switch {
		case !mine(first):
			first.rivals = rivals
			table.Set(principal, first)
		case len(rivals) == 0:
			table.Remove(principal)
		default:
			heir := rivals[0]
			heir.rivals = rivals[1:]
			table.Set(principal, heir)
		}
	})
}

// undisputed returns the only claim to a principal.
func (s *Snapshot) undisputed(principal string) (claim, bool) {
	if s == nil {
		return claim{}, false
	}
	c, ok := s.principals.Get(principal)
	if !ok || len(c.rivals) > 0 {
		return claim{}, false
	}
	return c, true
}

// claimed reports whether an agent other than the named one claims the principal, in dispute or not.
func (s *Snapshot) claimed(principal string, name agent.ID) bool {
	first, ok := s.principals.Get(principal)
	if !ok {
		return false
	}
	return !first.by(name) || slices.ContainsFunc(first.rivals, func(c claim) bool { return !c.by(name) })
}

// holders returns every agent that claims the key with the fragment.
func (s *Snapshot) holders(fragment string) []*agent.Record {
	first, ok := s.principals.Get(agent.KeyMethod + fragment)
	if !ok {
		return nil
	}
	records := []*agent.Record{first.entry.record}
	for _, rival := range first.rivals {
		records = append(records, rival.entry.record)
	}
	return records
}
