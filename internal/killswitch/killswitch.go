// Package killswitch holds the switches with which an operator stops an agent, all agents of an owner or the whole mesh
// at once. Every process of the mesh has their image in memory.
package killswitch

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

// Bucket is the name of the bucket that holds the switches.
const Bucket = "switches"

// Scope says whom a switch stops.
type Scope string

// The scopes.
const (
	// Mesh stops everybody.
	Mesh Scope = "mesh"
	// Owner stops every agent of one owner.
	Owner Scope = "owner"
	// Agent stops one agent, whether it is registered or not.
	Agent Scope = "agent"
)

// Switch is one that is pulled.
type Switch struct {
	// Scope is whom the switch stops, and Name which agent or owner; it is empty for the mesh.
	Scope Scope  `json:"scope"`
	Name  string `json:"name,omitempty"`
	// Reason is why, and By who pulled it, in the words of whoever did. At is when, in UTC.
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// Bounds of a switch's texts, in bytes.
const (
	MaxOwner = 256
	MaxText  = 1024
)

// Errors that callers branch on, beside those of the store.
var (
	// ErrInvalid: there is no such scope, no agent or owner can have the name, or a text is too long.
	ErrInvalid = errors.New("invalid switch")
	// ErrNotPulled: the switch that is to be lifted is not pulled.
	ErrNotPulled = errors.New("the switch is not pulled")
)

// Config says what a Board works with. All fields are required but Changed.
type Config struct {
	// Bucket keeps the switches.
	Bucket store.Bucket
	// Now is the clock.
	Now func() time.Time
	// Logger is told of entries that cannot be read, and of a lost store.
	Logger *slog.Logger
	// Changed is called after the image has changed. It must not block; nil is not called.
	Changed func()
}

// Board holds the switches of the mesh. Every method may be called by many goroutines at once.
type Board struct {
	config Config
	mirror *mirror.Mirror[Switch]
	image  atomic.Pointer[Image]
}

// Open loads the switches and follows them until Close. It returns when those that are pulled at the moment are in the
// image; ctx bounds that alone.
func Open(ctx context.Context, c Config) (*Board, error) {
	b := &Board{config: c}
	reflected := mirror.Config[Switch]{
		Bucket: c.Bucket, Kind: "kill switches", Now: c.Now, Logger: c.Logger,
		Decode: func(e store.Entry) (Switch, error) { return b.read(e), nil },
	}
	if c.Changed != nil {
		reflected.Changed = func([]string) { c.Changed() }
	}
	m, err := mirror.Open(ctx, reflected)
	if err != nil {
		return nil, err
	}
	b.mirror = m
	return b, nil
}

// read returns the switch of an entry: whatever stands in it, it is pulled.
func (b *Board) read(e store.Entry) Switch {
	s, err := decode(e)
	if err != nil {
		b.config.Logger.Error("a kill switch cannot be read and counts as pulled", slog.String("key", e.Key),
			slog.String("scope", string(s.Scope)), slog.String("name", s.Name), slog.Any("error", err))
	}
	return s
}

// Close stops following the switches. The last image stays readable.
func (b *Board) Close() { b.mirror.Close() }

// Healthy returns nil while the switches are followed.
func (b *Board) Healthy() error { return b.mirror.Healthy() }

// Behind returns for how long the image may have missed a switch at the moment now: zero while they are followed.
func (b *Board) Behind(now time.Time) time.Duration { return b.mirror.Behind(now) }

// Image returns the switches as far as they are known now. It is never nil.
func (b *Board) Image() *Image {
	source := b.mirror.Image()
	if known := b.image.Load(); known != nil && known.source == source {
		return known
	}
	compiled := compile(source)
	b.image.Store(compiled)
	return compiled
}

// List returns the switches that are pulled, the mesh's first, then owners' and agents' by name.
func (b *Board) List() []Switch { return b.Image().List() }
