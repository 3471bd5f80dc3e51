package did

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// entry is what the store has of a DID. It is immutable once others read it.
type entry struct {
	DID string `json:"did"`
	// Claim is the revision of the claim under which the document in force was taken.
	Claim uint64 `json:"claim,omitempty"`
	// InForce is the document that was believed last. It stays, as what the next one is measured by, when its keys no
	// longer count.
	InForce *version `json:"inForce,omitempty"`
	// Held is a later document that waits for a person.
	Held *version `json:"held,omitempty"`
	// Withdrawn says that the host has no usable document any more.
	Withdrawn bool `json:"withdrawn,omitempty"`
	// Confirmed is when the host was last found to stand by what counts.
	Confirmed time.Time `json:"confirmed,omitzero"`
	// Attempted is when the last attempt began, and Failures how many in a row gave no document, with the last Problem.
	Attempted time.Time `json:"attempted,omitzero"`
	Failures  int       `json:"failures,omitempty"`
	Problem   string    `json:"problem,omitempty"`
	// Refused are the keys that never count again, as DID URLs and as did:keys; the DID itself stands for all.
	Refused []string `json:"refused,omitempty"`

	// counting are the keys that count, as long as they are fresh.
	counting []Key
}

// version is one document of a DID.
type version struct {
	Digest      string    `json:"digest"`
	Found       time.Time `json:"found"`
	Keys        []Key     `json:"keys"`
	AlsoKnownAs []string  `json:"alsoKnownAs,omitempty"`
}

// newVersion names the document by what counts of it, so that hosts may change the rest freely.
func newVersion(document Document, found time.Time) (*version, error) {
	v := &version{Keys: document.Keys, AlsoKnownAs: document.AlsoKnownAs}
	content, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding a DID document: %w", err)
	}
	sum := sha256.Sum256(content)
	v.Digest, v.Found = "sha256:"+hex.EncodeToString(sum[:]), found
	return v, nil
}

// digest names the version; nothing has an empty one.
func (v *version) digest() string {
	if v == nil {
		return ""
	}
	return v.Digest
}

func (e *entry) encode() ([]byte, error) {
	value, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encoding a DID: %w", err)
	}
	return value, nil
}

// decode reads what encode wrote. Keys count only where the host is one of the given ones.
func decode(stored store.Entry, hosts Hosts) (*entry, error) {
	e := &entry{}
	if err := json.Unmarshal(stored.Value, e); err != nil {
		return nil, fmt.Errorf("decoding a DID: %w", err)
	}
	web, err := ParseWeb(e.DID)
	if err != nil || keyOf(e.DID) != stored.Key {
		return nil, errors.New("decoding a DID: it is not that of its key")
	}
	for _, v := range []*version{e.InForce, e.Held} {
		if err := v.complete(e.DID); err != nil {
			return nil, fmt.Errorf("decoding a DID: %w", err)
		}
	}
	if hosts.Allow(web) {
		e.counting = e.effective()
	}
	return e, nil
}

// complete derives what is not stored of the keys.
func (v *version) complete(did string) error {
	if v == nil {
		return nil
	}
	for i := range v.Keys {
		key := &v.Keys[i]
		if !strings.HasPrefix(key.ID, did+"#") {
			return errors.New("it has a key of somebody else")
		}
		parsed, err := agent.ParseKeyDID(key.DID)
		if err != nil {
			return fmt.Errorf("reading a key: %w", err)
		}
		key.Public = parsed.Public
	}
	return nil
}

// refuses reports whether a key was refused: by its name, by the public key under whatever name, or with the DID.
func (e *entry) refuses(key Key) bool {
	return slices.ContainsFunc(e.Refused, func(r string) bool { return r == key.ID || r == key.DID || r == e.DID })
}

// effective returns the keys that count: those of the document in force that are not refused and, while a later
// document is held, only those that it has too. What vanished from the host's document never counts.
func (e *entry) effective() []Key {
	if e.InForce == nil || e.Withdrawn {
		return nil
	}
	var keys []Key
	for _, key := range e.InForce.Keys {
		if e.refuses(key) {
			continue
		}
		if e.Held != nil {
			key = key.meet(e.Held.Keys)
		}
		if key.Authentication || key.Assertion {
			keys = append(keys, key)
		}
	}
	return keys
}

// meet returns what is left of a key where others list it too, which is nothing when they do not.
func (k Key) meet(others []Key) Key {
	i := slices.IndexFunc(others, k.same)
	if i < 0 {
		return Key{}
	}
	other := others[i]
	k.Authentication = k.Authentication && other.Authentication
	k.Assertion = k.Assertion && other.Assertion
	if k.Until.IsZero() || !other.Until.IsZero() && other.Until.Before(k.Until) {
		k.Until = other.Until
	}
	return k
}

// ended reports whether a key has ended by its own document.
func (k Key) ended(now time.Time) bool { return !k.Until.IsZero() && !now.Before(k.Until) }
