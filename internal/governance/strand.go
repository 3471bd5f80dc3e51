package governance

import (
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

// maxStrands bounds how many strands of a stream are told apart. All others are one: what an agent says in them is judged
// in the order in which it comes.
const maxStrands = 64

// strands are what an agent says in one stream: the pieces of each artifact, and its messages about each task. A caller puts
// pieces of one strand together, so what is said in them is judged together. Nil keeps none.
type strands struct{ said map[a2a.Strand]*strand }

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
next:
	for i, name := range a.Pieces() {
		of := s.named(name)
		for j := range all {
			if all[j].strand == of {
				all[j].texts = append(all[j].texts, i)
				continue next
			}
		}
		all = append(all, piece{of, []int{i}})
	}
	return all
}

func (s *strands) named(name a2a.Strand) *strand {
	if one, ok := s.said[name]; ok {
		return one
	}
	if len(s.said) >= maxStrands {
		name = a2a.Strand{}
	}
	one, ok := s.said[name]
	if !ok {
		if s.said == nil {
			s.said = map[a2a.Strand]*strand{}
		}
		one = &strand{}
		s.said[a2a.Strand{
			TaskID: strings.Clone(name.TaskID), ContextID: strings.Clone(name.ContextID),
			Artifact: name.Artifact, ArtifactID: strings.Clone(name.ArtifactID),
		}] = one
	}
	return one
}

// add notes what of the texts is the piece's.
func (p piece) add(texts []a2a.Text) {
	said := make([]a2a.Text, len(p.texts))
	for i, at := range p.texts {
		said[i] = texts[at]
	}
	p.end = inspect.Tail(p.end, said)
}

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

// of returns the texts with those that are not the piece's empty.
func (p piece) of(texts []a2a.Text) []a2a.Text {
	said := make([]a2a.Text, len(texts))
	for _, at := range p.texts {
		said[at] = texts[at]
	}
	return said
}
