package rulebook

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"ringfence.dev/ringfence/internal/policy"
)

// draft is all that directory and store hold, on its way to a set. Only one without problems becomes one.
type draft struct {
	documents []*policy.Document // by name, each name once
	stored    map[string]stored  // those of the documents that are in the store
	problems  []policy.Problem   // what stands in the way before anything is compiled
	key       [sha256.Size]byte  // the same for drafts of the same documents from the same places
}

// newDraft puts documents from both sources together. A name that is taken twice is a problem of the one in a file.
func newDraft(pages []page, entries map[string]stored) draft {
	d := draft{stored: make(map[string]stored, len(entries))}
	taken := make(map[string]*policy.Document, len(entries))
	for name, s := range entries {
		d.problems = append(d.problems, s.problems...)
		if s.document != nil {
			taken[name], d.stored[name] = s.document, s
		}
	}
	for _, p := range pages {
		d.problems = append(d.problems, p.problems...)
		for _, document := range p.documents {
			other, ok := taken[document.Name]
			if !ok {
				taken[document.Name] = document
				continue
			}
			d.problems = append(d.problems, twice(document, other, d.stored))
		}
	}
	for _, document := range taken {
		d.documents = append(d.documents, document)
	}
	slices.SortFunc(d.documents, func(a, b *policy.Document) int { return cmp.Compare(a.Name, b.Name) })
	sortProblems(d.problems)
	d.key = d.digest()
	return d
}

func twice(document, other *policy.Document, stored map[string]stored) policy.Problem {
	reason := fmt.Sprintf("a document named %q stands at %s:%d already", document.Name, other.File, other.Line)
	if _, ok := stored[document.Name]; ok {
		reason = fmt.Sprintf("a document named %q was written through the API: delete it there, or name this one otherwise", document.Name)
	}
	return policy.Problem{File: document.File, Line: document.Line, Document: document.Name, Reason: reason}
}

func (d *draft) digest() (key [sha256.Size]byte) {
	hash := sha256.New()
	var text []byte
	add := func(part []byte) { text = append(binary.BigEndian.AppendUint64(text, uint64(len(part))), part...) }
	for _, document := range d.documents {
		add([]byte(document.Name))
		add([]byte(document.File))
		text = binary.BigEndian.AppendUint64(text, uint64(document.Line))
		add(document.Source)
		hash.Write(text)
		text = text[:0]
	}
	for _, p := range d.problems {
		add(fmt.Append(nil, p))
	}
	hash.Write(text)
	hash.Sum(key[:0])
	return key
}

// verdict is what comes of a draft.
type verdict struct {
	key [sha256.Size]byte
	// set is nil when there are problems. Warnings are problems of documents that have been accepted before, which came up
	// since.
	set                *policy.Set
	problems, warnings []policy.Problem
	asked              *inquiry
}

// judge compiles a draft, and takes over from the live set what is in it already. What stands in the way of a document that
// was accepted before as it is, such as that an agent it names is gone, does not refuse the draft: its set is that of the
// agents there were.
func (d *draft) judge(agents policy.Agents, live *policy.Set, accepted func(*policy.Document) bool) verdict {
	v := verdict{key: d.key, asked: inquiryOf(agents)}
	set, problems := policy.Recompile(live, d.documents, v.asked)
	v.problems = slices.Concat(d.problems, problems)
	sortProblems(v.problems)
	if len(v.problems) == 0 {
		v.set = set
		return v
	}
	standing := map[string]bool{}
	for _, document := range d.documents {
		if accepted(document) {
			standing[document.Name] = true
		}
	}
	isNew := func(p policy.Problem) bool { return !standing[p.Document] }
	if len(d.problems) > 0 || slices.ContainsFunc(problems, isNew) {
		return v
	}
	// Tests may tell of agents, too. They have passed when the document was accepted.
	untested := slices.Clone(d.documents)
	for i, document := range untested {
		if standing[document.Name] {
			copied := *document
			copied.Tests = nil
			untested[i] = &copied
		}
	}
	if set, problems := policy.Recompile(live, untested, AnyAgents{Known: v.asked}); len(problems) == 0 {
		v.set, v.warnings, v.problems = set, v.problems, nil
	}
	return v
}

// Judge compiles documents by themselves, as a Book does that holds nothing else.
func Judge(documents []*policy.Document, agents policy.Agents) (*policy.Set, []policy.Problem) {
	d := newDraft([]page{{documents: documents}}, nil)
	v := d.judge(agents, nil, acceptedIn(nil))
	return v.set, v.problems
}

// acceptedIn returns whether a document is one of the set, as it is.
func acceptedIn(set *policy.Set) func(*policy.Document) bool {
	sources := map[string][]byte{}
	for _, document := range set.Documents() {
		sources[document.Name] = document.Source
	}
	return func(document *policy.Document) bool {
		source, ok := sources[document.Name]
		return ok && bytes.Equal(source, document.Source)
	}
}

func sortProblems(problems []policy.Problem) {
	slices.SortStableFunc(problems, func(a, b policy.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Reason, b.Reason))
	})
}
