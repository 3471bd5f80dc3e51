package governance

import (
	"crypto/sha256"
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

const (
	// maxStrands bounds how many strands of a stream are told apart: those that went on last. A phrase that is cut over
	// events is lost where pieces of so many other strands stand between its parts.
	maxStrands = 256
	// maxStrandName is the length, in bytes, above which a digest stands for an id. An id may be as long as an event.
	maxStrandName = 64
)

// strands are what an agent says in one stream: the pieces of each artifact, and its messages about each task. A caller puts
// pieces of one strand together, so what is said in them is judged together. Nil keeps none.
type strands struct {
	said map[a2a.Strand]*strand
	// last are the names of all of them, those that went on last behind the others.
	last []a2a.Strand
}

// strand is the end of what was said in one of them.
type strand struct{ end string }

// piece is what one answer adds to a strand: texts of the answer, by their indices.
type piece struct {
	*strand
	texts []int
}

// pieces returns what the answer adds to each strand, in the order in which they begin in it.
func (s *strands) pieces(a *a2a.Answer) []piece {
	if s == nil {
		return nil
	}
	var all []piece
	places := map[*strand]int{}
	for i, name := range a.Pieces() {
		of := s.named(name)
		at, ok := places[of]
		if !ok {
			at = len(all)
			places[of], all = at, append(all, piece{strand: of})
		}
		all[at].texts = append(all[at].texts, i)
	}
	return all
}

// named returns the strand of a name, which goes on now.
func (s *strands) named(name a2a.Strand) *strand {
	name.TaskID, name.ContextID, name.ArtifactID = short(name.TaskID), short(name.ContextID), short(name.ArtifactID)
	if one, ok := s.said[name]; ok {
		at := slices.Index(s.last, name)
		name = s.last[at]
		s.last = append(slices.Delete(s.last, at, at+1), name)
		return one
	}
	if s.said == nil {
		s.said = map[a2a.Strand]*strand{}
	}
	if len(s.last) >= maxStrands {
		delete(s.said, s.last[0])
		s.last = slices.Delete(s.last, 0, 1)
	}
	name.TaskID, name.ContextID, name.ArtifactID = strings.Clone(name.TaskID), strings.Clone(name.ContextID), strings.Clone(name.ArtifactID)
	one := &strand{}
	s.said[name] = one
	s.last = append(s.last, name)
	return one
}

// short returns what stands for an id.
func short(id string) string {
	if len(id) <= maxStrandName {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return string(sum[:])
}

// add notes what of the texts is the piece's.
func (p piece) add(texts []a2a.Text) { p.end = inspect.Tail(p.end, p.of(texts)) }

// all reports whether nothing that is said in the texts is beside the piece.
func (p piece) all(texts []a2a.Text) bool {
	next := 0
	for i := range texts {
		if next < len(p.texts) && p.texts[next] == i {
			next++
		} else if kind := texts[i].Kind; (kind == a2a.KindFree || kind == a2a.KindText || kind == a2a.KindName) && !texts[i].Key && texts[i].Value != "" {
			return false
		}
	}
	return true
}

// of returns the texts that are the piece's.
func (p piece) of(texts []a2a.Text) []a2a.Text {
	said := make([]a2a.Text, len(p.texts))
	for i, at := range p.texts {
		said[i] = texts[at]
	}
	return said
}

// among returns findings in the piece's texts as such in all texts.
func (p piece) among(findings []inspect.Finding) []inspect.Finding {
	for i := range findings {
		if f := &findings[i]; f.Text >= 0 && f.Text <= f.Last && f.Last < len(p.texts) {
			f.Text, f.Last = p.texts[f.Text], p.texts[f.Last]
		}
	}
	return findings
}
