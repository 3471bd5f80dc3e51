package rulebook

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/store"
)

// maxPerson bounds the name of who writes, in bytes.
const maxPerson = 256

// Errors that callers branch on, beside those of the store.
var (
	// ErrNotFound: the store has no document of this name.
	ErrNotFound = errors.New("no such policy")
	// ErrChanged: the document is not, or no longer, what the write was meant for.
	ErrChanged = errors.New("the policy has changed")
	// ErrInFile: the document is one of the directory, and changes there alone.
	ErrInFile = errors.New("the policy is in a file of the policy directory")
)

// Refused is the error of a document that cannot be in force.
type Refused struct{ Problems []policy.Problem }

// Error returns the first problem.
func (r *Refused) Error() string {
	if len(r.Problems) == 0 {
		return "the policy is refused"
	}
	return fmt.Sprintf("the policy is refused: %s (%d problems)", r.Problems[0], len(r.Problems))
}

// Change is a document that is to be written. The zero condition lets it replace whatever there is.
type Change struct {
	// Name is the document's name, and Source its text.
	Name   string
	Source []byte
	// By is who writes it, in their own words: at most 256 bytes, or nothing.
	By string
	// Absent has it written only if there is none of the name, Revision only if that of the one there is is this one;
	// Present only if there is any.
	Absent, Present bool
	Revision        uint64
	// DryRun has nothing written.
	DryRun bool
}

// Receipt is what came of a change, or would come of it.
type Receipt struct {
	// Entry is the document as it is held then. Created reports that there was none before, Unchanged that there was this
	// very one.
	Entry              Entry
	Created, Unchanged bool
	// Set is the one with the document; nil while problems elsewhere keep it from being in force, which Elsewhere tells.
	Set       *policy.Set
	Elsewhere []policy.Problem
}

// Put stores a document once it was found that it can be in force, and returns when this process has judged by it. A
// document that is fine by itself is stored also while others are refused, and waits with them. The error is a *Refused, an
// agent.FieldError of By, ErrChanged, ErrInFile, or one of the store.
func (b *Book) Put(ctx context.Context, c Change) (Receipt, error) {
	if len(c.By) > maxPerson || !utf8.ValidString(c.By) {
		return Receipt{}, agent.FieldError{Path: "by", Problem: fmt.Sprintf("must name a person, in at most %d bytes", maxPerson)}
	}
	if !validName(c.Name) {
		return Receipt{}, &Refused{[]policy.Problem{{File: place(c.Name), Reason: "a policy has a name of lower-case letters, digits and hyphens, as agents have"}}}
	}
	present, err := b.config.Bucket.Get(ctx, c.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Receipt{}, fmt.Errorf("reading policy: %w", err)
	}
	switch known := present.Revision > 0; {
	case !known && b.inFile(c.Name):
		return Receipt{}, ErrInFile
	case known && c.Absent, !known && c.Present, c.Revision != 0 && c.Revision != present.Revision:
		b.counts.conflicts.Add(1)
		return Receipt{}, ErrChanged
	}
	document, problems := parseOne(c.Name, c.Source)
	if len(problems) > 0 {
		return Receipt{}, &Refused{problems}
	}
	next := stored{note: note{string(c.Source), 1, c.By, b.config.Now().UTC().Truncate(time.Second)}, name: c.Name, document: document}
	receipt := Receipt{Created: present.Revision == 0}
	if present.Revision > 0 {
		before := decode(present)
		next.Version = before.Version + 1
		if receipt.Unchanged = before.Source == next.Source; receipt.Unchanged {
			next = before
		}
	}
	if err := b.try(next, &receipt); err != nil {
		return Receipt{}, err
	}
	revision := present.Revision
	if !c.DryRun && !receipt.Unchanged {
		if revision, err = b.write(ctx, next, revision); err != nil {
			return Receipt{}, err
		}
	}
	receipt.Entry = storedEntry(next, revision, acceptedIn(b.Image()))
	return receipt, nil
}

// inFile reports whether the directory has a document of the name.
func (b *Book) inFile(name string) bool {
	for _, p := range *b.pages.Load() {
		for _, d := range p.documents {
			if d.Name == name {
				return true
			}
		}
	}
	return false
}

// try judges what is held with the document in it.
func (b *Book) try(next stored, receipt *Receipt) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries := entriesOf(b.mirror.Image())
	entries[next.name] = next
	v := b.judge(newDraft(*b.pages.Load(), entries), &b.trial)
	var own []policy.Problem
	for _, p := range v.problems {
		if p.Document == next.name && p.File == place(next.name) {
			own = append(own, p)
		} else {
			receipt.Elsewhere = append(receipt.Elsewhere, p)
		}
	}
	if len(own) > 0 {
		return &Refused{own}
	}
	receipt.Set = v.set
	return nil
}

// write stores the document unless somebody else changed it meanwhile, and judges what is held then.
func (b *Book) write(ctx context.Context, next stored, revision uint64) (uint64, error) {
	value, err := next.encode()
	if err != nil {
		return 0, err
	}
	if revision == 0 {
		revision, err = b.config.Bucket.Create(ctx, next.name, value, 0)
	} else {
		revision, err = b.config.Bucket.CompareAndSet(ctx, next.name, value, revision)
	}
	if errors.Is(err, store.ErrConflict) {
		b.counts.conflicts.Add(1)
		return 0, ErrChanged
	}
	if err == nil {
		b.counts.written.Add(1)
		err = b.mirror.Await(ctx, revision)
	}
	if err != nil {
		return 0, fmt.Errorf("writing policy: %w", err)
	}
	b.refresh()
	b.config.Logger.Info("policy written", slog.String("policy", next.name), slog.Uint64("version", next.Version), slog.String("by", next.By))
	return revision, nil
}

// Delete removes a document from the store, that of the revision or, with 0, any, and returns when this process has judged
// by that. The error is ErrNotFound, ErrInFile, ErrChanged, or one of the store.
func (b *Book) Delete(ctx context.Context, name string, revision uint64) error {
	if !validName(name) {
		return ErrNotFound
	}
	present, err := b.config.Bucket.Get(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound) && b.inFile(name):
		return ErrInFile
	case errors.Is(err, store.ErrNotFound):
		return ErrNotFound
	case err != nil:
		return fmt.Errorf("reading policy: %w", err)
	case revision != 0 && revision != present.Revision:
		b.counts.conflicts.Add(1)
		return ErrChanged
	}
	err = b.config.Bucket.Delete(ctx, name, present.Revision)
	if errors.Is(err, store.ErrConflict) {
		b.counts.conflicts.Add(1)
		return ErrChanged
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("deleting policy: %w", err)
	}
	b.counts.written.Add(1)
	if err := b.mirror.Gone(ctx, name, present.Revision); err != nil {
		return fmt.Errorf("deleting policy: %w", err)
	}
	b.refresh()
	b.config.Logger.Info("policy deleted", slog.String("policy", name))
	return nil
}

// Try returns the set in force after documents have replaced those of their names, and others were removed. Nothing is
// stored. There is no set when there are problems.
func (b *Book) Try(changed []*policy.Document, removed ...string) (*policy.Set, []policy.Problem) {
	live := b.Image()
	d := newDraft([]page{{documents: changed}}, nil)
	taken := map[string]bool{}
	for _, name := range removed {
		taken[name] = true
	}
	for _, document := range d.documents {
		taken[document.Name] = true
	}
	together := slices.Clone(d.documents)
	for _, document := range live.Documents() {
		if !taken[document.Name] {
			together = append(together, document)
		}
	}
	whole := newDraft([]page{{documents: together, problems: d.problems}}, nil)
	v := whole.judge(b.Agents(), live, acceptedIn(live))
	return v.set, v.problems
}

func sumOf(source []byte) []byte {
	sum := sha256.Sum256(source)
	return sum[:8]
}
