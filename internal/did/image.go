package did

import (
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/mirror"
)

// maxSkew is how far the clocks of processes that share a store may differ.
const maxSkew = time.Minute

// Image is what is known of all DIDs at one moment. It is immutable: an exchange takes one and keeps it. The zero
// value and nil know nothing.
type Image struct {
	entries *mirror.Image[*entry]
	stale   time.Duration
}

// Key returns the key for authentication that a keyid names at a moment: a DID URL with its fragment, or a bare DID
// that has one such key alone. Keys count from when their document was last found at its host until the stale bound.
func (i *Image) Key(didURL string, now time.Time) (Key, bool) {
	return i.key(didURL, now, authentication)
}

// Assertion returns the key for assertions, such as signatures of cards and delegations, as Key does.
func (i *Image) Assertion(didURL string, now time.Time) (Key, bool) {
	return i.key(didURL, now, assertionMethod)
}

func (i *Image) key(didURL string, now time.Time, purpose relation) (Key, bool) {
	if i == nil {
		return Key{}, false
	}
	did, _, hasFragment := strings.Cut(didURL, "#")
	if !strings.HasPrefix(did, webMethod) {
		return Key{}, false
	}
	known, ok := i.entries.Get(keyOf(did))
	if !ok || known.Value.DID != did || !known.Value.fresh(now, i.stale) {
		return Key{}, false
	}
	var found Key
	for _, key := range known.Value.counting {
		switch {
		case key.ended(now), hasFragment && key.ID != didURL, !key.is(purpose):
		case found.ID != "":
			return Key{}, false // a bare DID does not say which of them
		default:
			found = key
		}
	}
	return found, found.ID != ""
}

func (k Key) is(purpose relation) bool {
	return purpose == authentication && k.Authentication || purpose == assertionMethod && k.Assertion
}

// fresh reports whether the host stood by what counts recently enough. A confirmation from the future is one by a
// clock that nobody should rely on.
func (e *entry) fresh(now time.Time, stale time.Duration) bool {
	return !now.After(e.Confirmed.Add(stale)) && !now.Add(maxSkew).Before(e.Confirmed)
}
