package governance

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// Passage is what the header phase hands to the body phase, through the proxy and out of reach of clients.
type Passage struct {
	ID string
	// Final reports that the header phase decided everything, and Next how the call goes on then.
	Final bool
	Next  Next
	// Kept reports that the exchange waits to be followed (Governor.Follow), as the proxy tells how its call goes on. Then the
	// passage says nothing more.
	Kept bool

	Time   time.Time
	Callee agent.ID
	// Form is how the route named the callee.
	Form Form
	// Entrance is the index of the interface in the callee's card.
	Entrance int
	Binding  a2a.Binding
	Below    string
	Caller   identity.Caller
	// Once reports that the caller's proof is good for this one request alone.
	Once bool
}

// Passage returns what the body phase needs of an exchange that is allowed so far. That of a denied one is empty:
// should a proxy go on in spite of the denial, the body phase finds nothing to build on.
func (x *Exchange) Passage() Passage {
	if x.denied() {
		return Passage{}
	}
	if x.Request.Told {
		return Passage{ID: x.ID, Final: x.Final, Next: x.Next, Kept: true}
	}
	p := Passage{ID: x.ID, Time: x.Time, Form: x.Request.Form, Entrance: x.Entrance.Index, Binding: x.Binding, Below: x.Below, Caller: x.Caller, Once: x.Once, Final: x.Final, Next: x.Next}
	if x.Callee != nil {
		p.Callee = x.Callee.Name
	}
	return p
}

// passageVersion changes whenever a field changes its meaning or place.
const (
	passageVersion = "6"
	keptVersion    = "6-kept"
)

// nexts are how a call goes on that is decided, as a passage says it.
var nexts = [...]string{NextJudge: "judge", NextAnswer: "answer", NextPass: "pass"}

// passageFields is how many fields String writes.
const passageFields = 17

// String returns the passage as one line per field, in a fixed order: one value is much cheaper for a proxy to
// carry than a map of them. The zero passage is the empty string.
func (p Passage) String() string {
	if p.ID == "" {
		return ""
	}
	final, once := "", ""
	if p.Final {
		final = nexts[p.Next]
	}
	if p.Kept {
		return keptVersion + "\n" + p.ID + "\n" + final
	}
	if p.Once {
		once = "once"
	}
	var room [passageRoom]byte
	text := append(room[:0], passageVersion...)
	text = appendField(text, p.ID)
	text = strconv.AppendInt(append(text, '\n'), p.Time.UnixNano(), 10)
	text = appendField(text, string(p.Callee))
	text = strconv.AppendInt(append(text, '\n'), int64(p.Binding), 10)
	text = appendField(text, p.Below)
	text = appendField(text, string(p.Caller.Agent))
	text = appendField(text, p.Caller.DID)
	text = appendField(text, p.Caller.KeyID)
	text = strconv.AppendInt(append(text, '\n'), int64(p.Caller.Assurance), 10)
	text = appendField(text, p.Caller.ContentDigest)
	text = appendField(text, final)
	text = strconv.AppendInt(append(text, '\n'), int64(p.Entrance), 10)
	text = strconv.AppendInt(append(text, '\n'), int64(p.Form), 10)
	text = appendField(text, once)
	text = appendField(text, p.Caller.Subject)
	text = base64.RawURLEncoding.AppendEncode(append(text, '\n'), []byte(p.Caller.Key))
	return string(text)
}

// passageRoom is more than what most passages take, in bytes.
const passageRoom = 768

func appendField(text []byte, field string) []byte {
	return append(append(text, '\n'), field...)
}

// ErrNoPassage: the header phase left nothing, or something of another version, so nothing is known of the
// request yet.
var ErrNoPassage = errors.New("the header phase left no passage")

// ParsePassage reads what String wrote. A field with a line break in it, which no field of a request can have,
// makes the passage unreadable.
func ParsePassage(text string) (Passage, error) {
	if rest, kept := strings.CutPrefix(text, keptVersion+"\n"); kept {
		return parseKept(rest)
	}
	fields, ok := splitPassage(text)
	if !ok || fields[0] != passageVersion || fields[1] == "" || fields[3] == "" {
		return Passage{}, ErrNoPassage
	}
	nanos, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return Passage{}, ErrNoPassage
	}
	binding, err := strconv.ParseUint(fields[4], 10, 8)
	if err != nil || a2a.Binding(binding) > a2a.GRPC {
		return Passage{}, ErrNoPassage
	}
	assurance, err := strconv.ParseUint(fields[9], 10, 8)
	if err != nil || identity.Assurance(assurance) > identity.AssuranceAgent {
		return Passage{}, ErrNoPassage
	}
	entrance, err := strconv.ParseUint(fields[12], 10, 16)
	if err != nil {
		return Passage{}, ErrNoPassage
	}
	form, err := strconv.ParseUint(fields[13], 10, 8)
	if err != nil {
		return Passage{}, ErrNoPassage
	}
	var room [2 * ed25519.PublicKeySize]byte
	key, err := base64.RawURLEncoding.AppendDecode(room[:0], []byte(fields[16]))
	if err != nil {
		return Passage{}, ErrNoPassage
	}
	next, final, err := parseNext(fields[11])
	if err != nil {
		return Passage{}, err
	}
	return Passage{
		ID:       fields[1],
		Time:     time.Unix(0, nanos),
		Callee:   agent.ID(fields[3]),
		Form:     Form(form),
		Entrance: int(entrance),
		Binding:  a2a.Binding(binding),
		Below:    fields[5],
		Caller: identity.Caller{
			Agent:         agent.ID(fields[6]),
			DID:           fields[7],
			KeyID:         fields[8],
			Assurance:     identity.Assurance(assurance),
			ContentDigest: fields[10],
			Subject:       fields[15],
			Key:           string(key),
		},
		Once:  fields[14] == "once",
		Final: final,
		Next:  next,
	}, nil
}

func parseKept(text string) (Passage, error) {
	id, word, _ := strings.Cut(text, "\n")
	next, final, err := parseNext(word)
	if err != nil || id == "" {
		return Passage{}, ErrNoPassage
	}
	return Passage{ID: id, Final: final, Next: next, Kept: true}, nil
}

func parseNext(word string) (next Next, final bool, err error) {
	if word == "" {
		return NextJudge, false, nil
	}
	i := slices.Index(nexts[:], word)
	if i < 0 {
		return NextJudge, false, ErrNoPassage
	}
	return Next(i), true, nil
}

// splitPassage returns the fields of a passage, if there are as many as String writes.
func splitPassage(text string) (fields [passageFields]string, ok bool) {
	more := true
	for i := range fields {
		if !more {
			return fields, false
		}
		fields[i], text, more = strings.Cut(text, "\n")
	}
	return fields, !more
}
