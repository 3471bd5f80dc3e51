package rulebook

import (
	"cmp"
	"context"
	"encoding/hex"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/policy"
)

// Status is how the book stands. It does not change.
type Status struct {
	// Dir is the directory that is read; empty when none is.
	Dir string
	// Epoch names the set in force, Documents is how many documents it has, and Since when it came into force.
	Epoch     string
	Documents int
	Since     time.Time
	// Tried counts what directory and store held one after the other, and Generation is the number of what is in force: 0
	// while nothing is, less than Tried while something newer is refused.
	Generation, Tried uint64
	// Problems are why what is held now is refused. Warnings are what is doubtful about documents in force, and problems that came up since they
	// were accepted: their next change has to solve them.
	Problems, Warnings []policy.Problem
}

// Status returns how the book stands.
func (b *Book) Status() *Status { return b.status.Load() }

// Stats say how the book does. All but Documents, Problems, Warnings and Stale only grow.
type Stats struct {
	// Documents is how many documents are in force, Problems how many keep others from it, and Warnings how many came up
	// since.
	Documents, Problems, Warnings int
	// Stale is true while what is in force is older than what directory and store hold.
	Stale bool
	// Judged counts drafts that were compiled, Refused those of directory and store that were refused.
	Judged, Refused uint64
	// Written counts documents that were stored or deleted, Conflicts writes that somebody else came before.
	Written, Conflicts uint64
}

type counts struct{ judged, refused, written, conflicts atomic.Uint64 }

// Stats returns the present numbers.
func (b *Book) Stats() Stats {
	s, c := b.Status(), &b.counts
	return Stats{
		Documents: s.Documents, Problems: len(s.Problems), Warnings: len(s.Warnings), Stale: s.Generation < s.Tried,
		Judged: c.judged.Load(), Refused: c.refused.Load(), Written: c.written.Load(), Conflicts: c.conflicts.Load(),
	}
}

// State says whether a document is in force.
type State string

// The states.
const (
	// Live documents are in force as they are held.
	Live State = "live"
	// Waiting documents are held, and not in force: they, or others that are held, are refused. An older version of them
	// may be in force.
	Waiting State = "waiting"
	// Leaving documents are held no more, and stay in force as others that are held are refused.
	Leaving State = "leaving"
)

// Entry is one document.
type Entry struct {
	Name string
	// Document is nil for one in the store that cannot be read.
	Document *policy.Document
	State    State
	// Stored reports that it is kept in the store, where it can be changed; other documents are in files.
	Stored bool
	// Revision is that of the last write, Version counts writes, By is who made the last one and At when; 0 and empty for
	// documents in files.
	Revision, Version uint64
	By                string
	At                time.Time
	sum               []byte
}

// Tag returns a word that changes with the document: what an ETag quotes.
func (e Entry) Tag() string {
	if e.Stored {
		return strconv.FormatUint(e.Revision, 10)
	}
	return "file-" + hex.EncodeToString(e.sum)
}

// Entries returns every document that is held or in force, by name.
func (b *Book) Entries() []Entry {
	set := b.live.Load()
	live := acceptedIn(set)
	var entries []Entry
	held := map[string]bool{}
	for _, p := range *b.pages.Load() {
		for _, d := range p.documents {
			entries, held[d.Name] = append(entries, fileEntry(d, live)), true
		}
	}
	for name, value := range b.mirror.Image().Table().All() {
		entries, held[name] = append(entries, storedEntry(value.Value, value.Revision, live)), true
	}
	for _, d := range set.Documents() {
		if !held[d.Name] {
			e := fileEntry(d, live)
			e.State = Leaving
			entries = append(entries, e)
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries
}

// InForce returns the documents in force as they are in force, by name.
func (b *Book) InForce() []Entry {
	set := b.live.Load()
	live := acceptedIn(set)
	images := b.mirror.Image()
	entries := make([]Entry, 0, len(set.Documents()))
	for _, d := range set.Documents() {
		value, ok := images.Get(d.Name)
		if ok && value.Value.document != nil && live(value.Value.document) {
			entries = append(entries, storedEntry(value.Value, value.Revision, live))
			continue
		}
		entries = append(entries, fileEntry(d, live))
	}
	return entries
}

// Entry returns one document. Of two that have the name, which keeps both from coming into force, it is the one in the
// store.
func (b *Book) Entry(name string) (Entry, bool) {
	var found Entry
	for _, e := range b.Entries() {
		if e.Name == name && (found.Name == "" || e.Stored) {
			found = e
		}
	}
	return found, found.Name != ""
}

func fileEntry(d *policy.Document, live func(*policy.Document) bool) Entry {
	return Entry{Name: d.Name, Document: d, State: stateOf(d, live), sum: sumOf(d.Source)}
}

func storedEntry(s stored, revision uint64, live func(*policy.Document) bool) Entry {
	return Entry{
		Name: s.name, Document: s.document, State: stateOf(s.document, live), Stored: true,
		Revision: revision, Version: s.Version, By: s.By, At: s.At,
	}
}

func stateOf(d *policy.Document, live func(*policy.Document) bool) State {
	if d != nil && live(d) {
		return Live
	}
	return Waiting
}

// loggedProblems bounds how many problems of one draft the log has.
const loggedProblems = 100

// tell logs problems and warnings that are new.
func (b *Book) tell(before, now *Status) {
	if len(now.Problems) > 0 && !slices.Equal(before.Problems, now.Problems) {
		b.counts.refused.Add(1)
		what := "policies are refused; those before stay in force"
		if now.Generation == 0 {
			what = "policies are refused, and none are in force: every call is denied"
		}
		b.config.Logger.Error(what, slog.Int("problems", len(now.Problems)))
	}
	for _, l := range []struct {
		level       slog.Level
		text        string
		before, now []policy.Problem
	}{
		{slog.LevelError, "a policy is refused", before.Problems, now.Problems},
		{slog.LevelWarn, "a policy in force is doubtful", before.Warnings, now.Warnings},
	} {
		old := make(map[policy.Problem]bool, len(l.before))
		for _, p := range l.before {
			old[p] = true
		}
		for i, p := range l.now {
			if i == loggedProblems {
				break
			}
			if !old[p] {
				b.config.Logger.LogAttrs(context.Background(), l.level, l.text, slog.String("file", p.File), slog.Int("line", p.Line),
					slog.String("policy", p.Document), slog.String("reason", p.Reason))
			}
		}
	}
}
