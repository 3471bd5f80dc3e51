package task

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// record is what is known about one task. A revision of 0 says that the store does not have it yet.
type record struct {
	owner    Owner
	state    State
	expires  time.Time
	revision uint64
}

// document is a record as the store keeps it.
type document struct {
	Agent    agent.ID  `json:"agent,omitempty"`
	For      agent.ID  `json:"for,omitempty"`
	DID      string    `json:"did,omitempty"`
	Context  string    `json:"context,omitempty"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	Finished bool      `json:"finished,omitempty"`
}

func (r record) encode() ([]byte, error) {
	data, err := json.Marshal(document{
		Agent: r.owner.Agent, For: r.owner.For, DID: r.owner.DID, Context: r.owner.Context,
		Created: r.owner.Created.UTC(), Expires: r.expires.UTC(), Finished: r.state == Finished,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the owner of a task: %w", err)
	}
	return data, nil
}

// errUnreadable marks an entry of the store that says nothing. It is never replaced by a guess: whom it named
// would lose the task to whoever came next.
var errUnreadable = errors.New("the stored owner of the task cannot be read")

func decodeRecord(data []byte, revision uint64) (record, error) {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return record{}, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	for _, name := range []agent.ID{d.Agent, d.For} {
		if _, err := agent.ParseID(string(name)); name != "" && err != nil {
			return record{}, fmt.Errorf("%w: the name of an agent %w", errUnreadable, err)
		}
	}
	if d.Created.IsZero() || d.Expires.IsZero() {
		return record{}, fmt.Errorf("%w: it has no time", errUnreadable)
	}
	r := record{
		owner:   Owner{Agent: d.Agent, For: d.For, DID: d.DID, Context: d.Context, Created: d.Created},
		expires: d.Expires, revision: revision,
	}
	if d.Finished {
		r.state = Finished
	}
	return r, nil
}
