package lineage

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/store"
)

// entryVersion changes whenever a field changes its meaning. Of an entry of another version nobody can say what it
// narrows.
const entryVersion = 1

// entry is one call in the shared memory.
type entry struct {
	Version int                  `json:"version"`
	Trace   string               `json:"trace,omitempty"`
	Holders []agent.ID           `json:"holders"`
	Ring    agent.Ring           `json:"ring"`
	Trust   agent.Trust          `json:"trust"`
	Scope   [][]agent.Capability `json:"scope"`
	Until   time.Time            `json:"until"`
	Depth   int                  `json:"depth"`
	// Many reports that the entry is that of calls which are not told apart.
	Many bool `json:"many,omitempty"`
	// Tasks are those that go on, once the call was answered.
	Tasks []string `json:"tasks,omitempty"`
	// Ends is when the call does not count any more, whatever has become of who wrote it.
	Ends time.Time `json:"ends"`
}

func encode(served Served, tasks []string, ends time.Time) ([]byte, error) {
	a := served.Authority
	value, err := json.Marshal(entry{
		Version: entryVersion, Trace: served.Trace, Holders: served.Holders, Ring: a.Ring, Trust: a.Trust, Scope: a.Scope,
		Until: a.Until, Depth: a.Depth, Many: served.Many, Tasks: tasks, Ends: ends.UTC(),
	})
	if err != nil {
		return nil, fmt.Errorf("encoding a served call: %w", err)
	}
	return value, nil
}

// elsewhere is a call as its entry tells of it. The zero value is that of an entry which cannot be read: a call without
// any authority, for as long as the entry stands.
type elsewhere struct {
	key      string
	revision uint64
	served   Served
	tasks    map[string]bool
	ends     time.Time
}

// read never fails: what cannot be read narrows to nothing.
func read(e store.Entry) (*elsewhere, error) {
	found := &elsewhere{key: e.Key, revision: e.Revision}
	known, err := parse(e.Value)
	if err != nil {
		return found, nil //nolint:nilerr // an entry that is skipped would widen
	}
	found.ends = known.Ends
	found.served = Served{Trace: known.Trace, Holders: known.Holders, Many: known.Many, Authority: authority.Authority{
		Ring: known.Ring, Trust: known.Trust, Scope: known.Scope, Until: known.Until, Depth: known.Depth,
	}}
	if len(known.Tasks) > 0 {
		found.tasks = make(map[string]bool, len(known.Tasks))
		for _, id := range known.Tasks {
			found.tasks[id] = true
		}
	}
	return found, nil
}

func parse(value []byte) (entry, error) {
	var e entry
	if err := json.Unmarshal(value, &e); err != nil {
		return entry{}, fmt.Errorf("decoding a served call: %w", err)
	}
	switch {
	case e.Version != entryVersion:
		return entry{}, errors.New("decoding a served call: it is of another version")
	case len(e.Holders) == 0 || e.Ends.IsZero():
		return entry{}, errors.New("decoding a served call: nothing says for whom or how long")
	case e.Ring > agent.Kernel || e.Trust < 0 || e.Trust > agent.MaxTrust || e.Depth < 0:
		return entry{}, errors.New("decoding a served call: there is no such authority")
	case e.Trace != "" && (e.Many || len(e.Trace) != traceLength || !hexadecimal(e.Trace)):
		return entry{}, errors.New("decoding a served call: its trace is none")
	}
	return e, nil
}

// readable reports whether the entry said what call it is.
func (e *elsewhere) readable() bool { return !e.ends.IsZero() }

// over reports whether the call does not count any more. Clocks differ: what has to be gone by now may stay for a while.
func (e *elsewhere) over(now time.Time) bool { return e.readable() && now.After(e.ends.Add(skew)) }

// keyOf returns the key of a process's call with the number.
func keyOf(callee agent.ID, process string, number uint64) string {
	return string(callee) + "." + process + "." + strconv.FormatUint(number, 36)
}

// owners returns whose an entry is, by its key: what agent serves the call, and what process wrote it. Of a key that no
// process makes nobody can say so.
func owners(key string) (callee agent.ID, process string) {
	name, rest, _ := strings.Cut(key, ".")
	process, number, ok := strings.Cut(rest, ".")
	id, err := agent.ParseID(name)
	if !ok || err != nil || number == "" {
		return "", ""
	}
	return id, process
}
