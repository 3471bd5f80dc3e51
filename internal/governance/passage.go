package governance

import (
	"errors"
	"strconv"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// Passage is what the header phase hands to the body phase, through the proxy and out of reach of clients.
type Passage struct {
	ID      string
	Time    time.Time
	Callee  agent.ID
	Binding a2a.Binding
	Below   string
	Caller  identity.Caller
	// Final reports that the header phase decided everything.
	Final bool
}

// Passage returns what the body phase needs of an exchange that is allowed so far. That of a denied one is empty:
// should a proxy go on in spite of the denial, the body phase finds nothing to build on.
func (x *Exchange) Passage() Passage {
	if x.denied() {
		return Passage{}
	}
	p := Passage{ID: x.ID, Time: x.Time, Binding: x.Binding, Below: x.Below, Caller: x.Caller, Final: x.Final}
	if x.Callee != nil {
		p.Callee = x.Callee.Name
	}
	return p
}

// Names of the passage's fields. The version changes whenever a field changes its meaning.
const (
	passageVersion = "1"

	fieldVersion   = "v"
	fieldID        = "decision"
	fieldTime      = "time"
	fieldCallee    = "callee"
	fieldBinding   = "binding"
	fieldBelow     = "below"
	fieldCaller    = "caller"
	fieldDID       = "did"
	fieldKey       = "key"
	fieldAssurance = "assurance"
	fieldDigest    = "digest"
	fieldFinal     = "final"
)

// Fields returns the passage as strings. Empty fields are left out.
func (p Passage) Fields() map[string]string {
	fields := map[string]string{
		fieldVersion:   passageVersion,
		fieldID:        p.ID,
		fieldTime:      strconv.FormatInt(p.Time.UnixNano(), 10),
		fieldCallee:    string(p.Callee),
		fieldBinding:   strconv.Itoa(int(p.Binding)),
		fieldBelow:     p.Below,
		fieldCaller:    string(p.Caller.Agent),
		fieldDID:       p.Caller.DID,
		fieldKey:       p.Caller.KeyID,
		fieldAssurance: strconv.Itoa(int(p.Caller.Assurance)),
		fieldDigest:    p.Caller.ContentDigest,
	}
	if p.Final {
		fields[fieldFinal] = "true"
	}
	for name, value := range fields {
		if value == "" {
			delete(fields, name)
		}
	}
	return fields
}

// ErrNoPassage: the header phase left nothing, or something of another version, so nothing is known of the
// request and it must be denied.
var ErrNoPassage = errors.New("the header phase left no passage")

// ParsePassage reads what Fields wrote.
func ParsePassage(fields map[string]string) (Passage, error) {
	if fields[fieldVersion] != passageVersion || fields[fieldID] == "" || fields[fieldCallee] == "" {
		return Passage{}, ErrNoPassage
	}
	nanos, err := strconv.ParseInt(fields[fieldTime], 10, 64)
	if err != nil {
		return Passage{}, ErrNoPassage
	}
	binding, err := strconv.ParseUint(fields[fieldBinding], 10, 8)
	if err != nil || a2a.Binding(binding) > a2a.GRPC {
		return Passage{}, ErrNoPassage
	}
	assurance, err := strconv.ParseUint(fields[fieldAssurance], 10, 8)
	if err != nil || identity.Assurance(assurance) > identity.AssuranceAgent {
		return Passage{}, ErrNoPassage
	}
	return Passage{
		ID:      fields[fieldID],
		Time:    time.Unix(0, nanos),
		Callee:  agent.ID(fields[fieldCallee]),
		Binding: a2a.Binding(binding),
		Below:   fields[fieldBelow],
		Caller: identity.Caller{
			Agent:         agent.ID(fields[fieldCaller]),
			DID:           fields[fieldDID],
			KeyID:         fields[fieldKey],
			Assurance:     identity.Assurance(assurance),
			ContentDigest: fields[fieldDigest],
		},
		Final: fields[fieldFinal] == "true",
	}, nil
}
