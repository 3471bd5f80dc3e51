// Package held keeps messages whose callers wait for people to approve them, as tasks that the mesh stands in for, and which
// tasks of the agents came of them.
package held

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// BucketName is where a mesh keeps them.
const BucketName = "held"

// Prefix begins the ids of the tasks that the mesh stands in for.
const Prefix = "ringfence-"

// MaxMessage bounds, in bytes, what is kept of one message. Those that can be held have room, their bodies in base64 included,
// and the store takes more.
const MaxMessage = 384 << 10

// ErrTooLarge: the message is longer than MaxMessage.
var ErrTooLarge = errors.New("the message is too large to be kept")

// Call is one message that waits. Its task's id follows from the approval's, so that a message that is sent again is the
// same task.
type Call struct {
	// Approval is the id of the case that people are asked about.
	Approval string `json:"approval"`
	// Caller and Callee are whose message it is and for whom.
	Caller agent.ID `json:"caller"`
	Callee agent.ID `json:"callee"`
	// Since is from when on the caller has its name.
	Since time.Time `json:"since"`
	// Method is what the message was sent as.
	Method a2a.Method `json:"method"`
	// Context is the context that the caller gave, or the task's own.
	Context string `json:"context"`
	// Created is when it was sent, and Expires until when people can approve it, both in UTC.
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	// Message is what is sent when they have; its form is that of who keeps it.
	Message json.RawMessage `json:"message"`
	// Extensions are the fields of its request that have the agent activate extensions.
	Extensions map[string]string `json:"extensions"`
}

// Task returns the id of the task that the mesh stands in for.
func (c Call) Task() string { return TaskOf(c.Approval) }

// TaskOf returns the id of the task of a case.
func TaskOf(approval string) string { return Prefix + approval }

// Shelf keeps calls in a bucket that all processes of a mesh share. It is safe for concurrent use.
type Shelf struct {
	// Bucket is where they are kept.
	Bucket store.Bucket
	// Kept is for how long it is remembered, after a message was sent on, which task came of it.
	Kept time.Duration
}

// afterwards is for how long a message is kept when people can approve it no more, so that its caller learns of it.
const afterwards = time.Hour

// Put keeps a call, unless one of the same case is kept already.
func (s *Shelf) Put(ctx context.Context, c Call) error {
	if len(c.Message) > MaxMessage {
		return ErrTooLarge
	}
	key, ok := keyOf(c.Task())
	if !ok {
		return fmt.Errorf("keeping a message: %q is no id of a case", c.Approval)
	}
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("keeping a message: %w", err)
	}
	_, err = s.Bucket.Create(ctx, key, data, c.Expires.Sub(c.Created)+afterwards)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("keeping a message: %w", err)
	}
	return nil
}

// Get returns the call of a task; ok is false when there is none, or none any more.
func (s *Shelf) Get(ctx context.Context, task string) (c Call, ok bool, err error) {
	entry, ok, err := s.read(ctx, task, "")
	if err != nil || !ok {
		return Call{}, false, err
	}
	if err := json.Unmarshal(entry, &c); err != nil {
		return Call{}, false, fmt.Errorf("reading a message that is kept: %w", err)
	}
	return c, true, nil
}

// Claim reports whether nobody has claimed the message of a task before: who is the first sends it.
func (s *Shelf) Claim(ctx context.Context, task string) (first bool, err error) {
	key, ok := keyOf(task)
	if !ok {
		return false, fmt.Errorf("claiming a message: %q is no task of the mesh", task)
	}
	_, err = s.Bucket.Create(ctx, key+claimed, nil, s.Kept)
	switch {
	case errors.Is(err, store.ErrConflict):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("claiming a message: %w", err)
	}
	return true, nil
}

// Became is what came of a message that was sent on.
type Became struct {
	// Caller, Callee and Since are those of the message.
	Caller agent.ID  `json:"caller"`
	Callee agent.ID  `json:"callee"`
	Since  time.Time `json:"since"`
	// Task is the agent's own; empty when it answered with a message, and no task came of it.
	Task string `json:"task,omitempty"`
	// Failed reports that the agent answered with an error.
	Failed bool `json:"failed,omitempty"`
}

// Bind remembers what came of a call. What was remembered first counts.
func (s *Shelf) Bind(ctx context.Context, task string, b Became) error {
	key, ok := keyOf(task)
	if !ok {
		return fmt.Errorf("keeping what became of a message: %q is no task of the mesh", task)
	}
	data, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("keeping what became of a message: %w", err)
	}
	if _, err := s.Bucket.Create(ctx, key+became, data, s.Kept); err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("keeping what became of a message: %w", err)
	}
	return nil
}

// Became returns what came of the call of a task; ok is false when it was not sent on yet.
func (s *Shelf) Became(ctx context.Context, task string) (b Became, ok bool, err error) {
	entry, ok, err := s.read(ctx, task, became)
	if err != nil || !ok {
		return Became{}, false, err
	}
	if err := json.Unmarshal(entry, &b); err != nil {
		return Became{}, false, fmt.Errorf("reading what became of a message: %w", err)
	}
	return b, true, nil
}

// The ends of the keys beside a message.
const (
	claimed = "/claimed"
	became  = "/became"
)

func (s *Shelf) read(ctx context.Context, task, suffix string) ([]byte, bool, error) {
	key, ok := keyOf(task)
	if !ok {
		return nil, false, nil
	}
	entry, err := s.Bucket.Get(ctx, key+suffix)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("reading a message that is kept: %w", err)
	}
	return entry.Value, true, nil
}

// maxID is above the length of every id of a case.
const maxID = 128

// keyOf returns the key of a task that the mesh stands in for. Ids of cases have no slash, so that no task is named like
// what became of another.
func keyOf(task string) (string, bool) {
	id, ok := strings.CutPrefix(task, Prefix)
	if !ok || id == "" || len(id) > maxID || id[0] == '.' || id[len(id)-1] == '.' || strings.Contains(id, "..") {
		return "", false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return "", false
		}
	}
	return id, true
}
