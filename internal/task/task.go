// Package task remembers which caller started which task at which agent. A2A leaves it to each agent to check who may
// read, cancel or continue a task (A2A 1.0 section 13.1), and to one that does not check, the id of a task is all it
// takes. So the mesh keeps the owner of each id it has seen.
package task

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Errors that callers branch on. All but ErrUnowned mean that the owner could not be determined, which denies.
var (
	// ErrUnowned: nobody started the task through the mesh, or that was longer ago than tasks are remembered.
	ErrUnowned = errors.New("nobody is known to own the task")
	// ErrTooMany: the asker asked for more tasks that are not in memory than one may each second.
	ErrTooMany = errors.New("too many tasks were asked for that are not in memory; retry in a second")
	// ErrUnnamed: the agent or the id of the task is empty.
	ErrUnnamed = errors.New("no task is named")
)

// Ref names a task, or a context, which is what tasks and messages of one conversation share. Agents choose the ids of
// both, so an id means something only together with its agent.
type Ref struct {
	// Callee is the agent that runs the task.
	Callee agent.ID
	// Task is the id as the callee chose it, of any length and with any bytes.
	Task string
	// Context says that the id is that of a context.
	Context bool
}

// State says whether a task can still change. The zero value can.
type State uint8

// The states. A task in a terminal state (completed, failed, canceled, rejected) stays in it (A2A 1.0 section 4.1.3).
const (
	Running State = iota
	Finished
)

// Owner is who started a task. The zero value is nobody and admits nobody.
type Owner struct {
	// Agent is the caller that started the task; empty when it was anonymous.
	Agent agent.ID
	// For is the agent at the root of the delegation under which the caller acted; empty when it acted for itself.
	For agent.ID
	// DID is the identifier that the caller proved.
	DID string
	// Context is the task's context id. One longer than MaxContext bytes is replaced by its digest.
	Context string
	// Created is when the mesh saw the task start.
	Created time.Time
}

// MaxContext is the longest context id that is kept as it is, in bytes.
const MaxContext = 256

// maxSkew is how far the clocks of two processes of the mesh may be apart.
const maxSkew = 10 * time.Second

// Admits reports whether an agent may use the task in its own name: it started the task, or the task was started on
// its behalf. Registered is when the agent's record was created: a name that was given away after the task began
// belongs to somebody else. For a delegation, ask for each of its holders: a delegate of the owner may act too.
func (o Owner) Admits(name agent.ID, registered time.Time) bool {
	return name != "" && (name == o.Agent || name == o.For) && !registered.After(o.Created.Add(maxSkew))
}

// same reports whether two records name one owner. What else they say may differ between two views of one answer.
func (o Owner) same(other Owner) bool {
	return o.Agent == other.Agent && o.For == other.For && o.DID == other.DID
}

// kept returns the owner as it can be kept: with a context id of bounded length, and without a hold on the request whose
// memory its strings may share.
func (o Owner) kept() Owner {
	if len(o.Context) > MaxContext {
		sum := sha256.Sum256([]byte(o.Context))
		o.Context = "sha256:" + hex.EncodeToString(sum[:])
	}
	o.Agent, o.For = agent.ID(strings.Clone(string(o.Agent))), agent.ID(strings.Clone(string(o.For)))
	o.DID, o.Context = strings.Clone(o.DID), strings.Clone(o.Context)
	return o
}

// key names a task in memory and in the store. A digest, because ids are chosen by agents: it has a fixed length,
// fits every store's alphabet, and no choice of ids makes two keys meet or a map slow.
type key [sha256.Size]byte

func (r Ref) key() (key, error) {
	if r.Callee == "" || r.Task == "" {
		return key{}, ErrUnnamed
	}
	// The names of agents have no zero byte, so no two pairs make the same text.
	var room [192]byte
	text := room[:0]
	if r.Context {
		text = append(text, 0) // with which no name of an agent begins
	}
	text = append(append(append(text, r.Callee...), 0), canonical(r.Task)...)
	return sha256.Sum256(text), nil
}

// String returns the key as the store spells it.
func (k key) String() string { return hex.EncodeToString(k[:]) }

func parseKey(s string) (k key, ok bool) {
	n, err := hex.Decode(k[:], []byte(s[:min(len(s), 2*len(k))]))
	return k, err == nil && n == len(k) && len(s) == 2*len(k)
}
