package policy

import (
	"bytes"
	"cmp"
	"slices"
)

// AllParties is every party.
const AllParties = Parties(1)<<OrganisationParty - 1

// set returns the set that holds the party alone, and an empty one for what is no party.
func (p Party) set() Parties {
	if p < CallerParty || p > OrganisationParty {
		return 0
	}
	return 1 << (p - 1)
}

// Has reports whether the party is one of the set.
func (s Parties) Has(p Party) bool { return s&p.set() != 0 }

// Set is a compiled set of documents. It never changes, and any number of goroutines may ask it. A nil set denies.
type Set struct {
	// members are sorted by party and name; the place of one in the slice is its order in outcomes.
	members []member
	index   index
	guards  guards
	epoch   string
}

// member is a document of a set with what it was compiled to, which sets share.
type member struct {
	document *Document
	body     *body
}

// Epoch identifies what the documents say: 32 hexadecimal digits, the same for the same documents in any order and
// format. It is empty for a nil set.
func (s *Set) Epoch() string {
	if s == nil {
		return ""
	}
	return s.epoch
}

// Documents returns the documents, sorted by name.
func (s *Set) Documents() []*Document {
	if s == nil {
		return nil
	}
	documents := make([]*Document, 0, len(s.members))
	for _, m := range s.members {
		documents = append(documents, m.document)
	}
	slices.SortFunc(documents, func(a, b *Document) int { return cmp.Compare(a.Name, b.Name) })
	return documents
}

// Cedar returns what the documents were compiled to, as Cedar reads it, sorted by document. Each policy says by @policy,
// @rule, @party, @mode and @kind where it comes from. One with @unless refuses calls that do not meet what it asks for:
// Cedar decides whether it speaks of a call, and what comes of that is counted, asked or searched afterwards.
func (s *Set) Cedar() []byte {
	var text bytes.Buffer
	for _, d := range s.Documents() {
		for i := range d.Rules {
			for _, p := range statements(d, i) {
				if text.Len() > 0 {
					text.WriteString("\n\n")
				}
				text.Write(p.MarshalCedar())
			}
		}
	}
	if text.Len() > 0 {
		text.WriteByte('\n')
	}
	return text.Bytes()
}
