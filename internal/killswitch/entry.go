package killswitch

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// Keys are mesh, agent.<name> and owner.<name in base64url>: owners are free text, which keys cannot hold.
const (
	agentPrefix = string(Agent) + "."
	ownerPrefix = string(Owner) + "."
)

// ownerText is strict, so that one owner has one key.
var ownerText = base64.RawURLEncoding.Strict()

// note is what the value of an entry holds. Whom the switch stops is in the key alone.
type note struct {
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at"`
}

// key returns the key of a switch, or ErrInvalid for one that cannot be.
func (s Switch) key() (string, error) {
	for _, text := range []string{s.Reason, s.By} {
		if len(text) > MaxText || !printable(text) {
			return "", fmt.Errorf("%w: reason and by must have at most %d bytes and no control characters", ErrInvalid, MaxText)
		}
	}
	switch s.Scope {
	case Mesh:
		if s.Name != "" {
			return "", fmt.Errorf("%w: the mesh's has no name", ErrInvalid)
		}
		return string(Mesh), nil
	case Agent:
		if _, err := agent.ParseID(s.Name); err != nil {
			return "", fmt.Errorf("%w: the name of an agent %w", ErrInvalid, err)
		}
		return agentPrefix + s.Name, nil
	case Owner:
		if s.Name == "" || len(s.Name) > MaxOwner || !printable(s.Name) {
			return "", fmt.Errorf("%w: an owner's name must have 1 to %d bytes and no control characters", ErrInvalid, MaxOwner)
		}
		return ownerPrefix + ownerText.EncodeToString([]byte(s.Name)), nil
	}
	return "", fmt.Errorf("%w: the scope must be mesh, owner or agent", ErrInvalid)
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// decode returns the switch of an entry. Together with an error it returns what the entry counts as: the switch that the
// key names, without a note, or the mesh's.
func decode(e store.Entry) (Switch, error) {
	s, err := named(e.Key)
	if err != nil {
		return Switch{Scope: Mesh, Reason: unreadableReason}, err
	}
	var n note
	err = json.Unmarshal(e.Value, &n)
	if err == nil && !printable(n.Reason+n.By) {
		err = fmt.Errorf("%w: its texts hold control characters", ErrInvalid)
	}
	if err != nil {
		s.Reason = unreadableReason
		return s, fmt.Errorf("decoding a kill switch: %w", err)
	}
	s.Reason, s.By, s.At = n.Reason, n.By, n.At
	return s, nil
}

// unreadableReason is why a switch that cannot be read is pulled.
const unreadableReason = "an entry of the store cannot be read"

// named returns the scope and the name in a key.
func named(key string) (Switch, error) {
	s := Switch{Scope: Mesh}
	if name, ok := strings.CutPrefix(key, agentPrefix); ok {
		s = Switch{Scope: Agent, Name: name}
	} else if text, ok := strings.CutPrefix(key, ownerPrefix); ok {
		name, err := ownerText.DecodeString(text)
		if err != nil {
			return Switch{}, fmt.Errorf("decoding the key of a kill switch: %w", err)
		}
		s = Switch{Scope: Owner, Name: string(name)}
	}
	switch written, err := s.key(); {
	case err != nil:
		return Switch{}, err
	case written != key:
		return Switch{}, fmt.Errorf("%w: no scope has such a key", ErrInvalid)
	}
	return s, nil
}
