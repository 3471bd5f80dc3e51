package rulebook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/store"
)

// note is the value of an entry of the store, whose key is the document's name.
type note struct {
	// Source is the document as it was written.
	Source string `json:"source"`
	// Version counts the writes of the document since it was created.
	Version uint64 `json:"version"`
	// By is who wrote it, in their own words, and At when, in UTC.
	By string    `json:"by,omitempty"`
	At time.Time `json:"at"`
}

// stored is an entry of the store, read once. One that cannot be read has problems and no document, so that the whole
// set is refused rather than left without it.
type stored struct {
	note
	name     string
	document *policy.Document
	problems []policy.Problem
}

// place is what stands for a file in problems of documents in the store.
func place(name string) string { return BucketName + "/" + name }

func decode(e store.Entry) stored {
	s := stored{name: e.Key}
	if err := json.Unmarshal(e.Value, &s.note); err != nil {
		s.note, s.problems = note{}, []policy.Problem{{File: place(e.Key), Document: e.Key, Reason: "the stored document cannot be read"}}
		return s
	}
	s.document, s.problems = parseOne(e.Key, []byte(s.Source))
	return s
}

// parseOne reads the one document that the source has to hold, and that has to have the name.
func parseOne(name string, source []byte) (*policy.Document, []policy.Problem) {
	refused := func(line int, reason string) (*policy.Document, []policy.Problem) {
		return nil, []policy.Problem{{File: place(name), Line: line, Document: name, Reason: reason}}
	}
	documents, problems := policy.Parse(place(name), source)
	switch {
	case len(problems) > 0:
		for i := range problems {
			problems[i].Document = name
		}
		return nil, problems
	case len(documents) == 0:
		return refused(0, "it holds no document")
	case len(documents) > 1:
		return refused(documents[1].Line, "one document is stored at a time, and this is another one")
	case documents[0].Name != name:
		return refused(documents[0].Line, fmt.Sprintf("the document is named %q, not %q", documents[0].Name, name))
	}
	return documents[0], nil
}

// encode returns the value of an entry. It is at most twice as long as a document that YAML can be read from, and so
// never more than the store takes.
func (n note) encode() ([]byte, error) {
	var value bytes.Buffer
	encoder := json.NewEncoder(&value)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(n); err != nil {
		return nil, fmt.Errorf("encoding policy: %w", err)
	}
	return value.Bytes(), nil
}

// validName reports whether documents can have the name, and entries of the store with it.
func validName(name string) bool {
	_, err := agent.ParseID(name)
	return err == nil
}
