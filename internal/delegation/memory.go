package delegation

import (
	"crypto/ed25519"
	"hash/maphash"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxKept is the longest link that is remembered, in bytes: as long as each of a full chain can be.
const maxKept = MaxField / MaxLinks

// shardCount keeps goroutines that verify different links from waiting for each other.
const shardCount = 16

// known is a parsed link and the key that is known to have signed it; nil where none is.
type known struct {
	*link
	by ed25519.PublicKey
}

// memory keeps validly signed links by their exact bytes, the most recently used ones. Only what a registered key has
// signed gets in.
type memory struct {
	seed   maphash.Seed
	shards [shardCount]*lru.Cache[string, *known]
}

func newMemory(capacity int) *memory {
	m := &memory{seed: maphash.MakeSeed()}
	for i := range m.shards {
		// The only error is that of a size that is not positive.
		m.shards[i], _ = lru.New[string, *known](max(1, (capacity+shardCount-1)/shardCount))
	}
	return m
}

func (m *memory) shard(compact string) *lru.Cache[string, *known] {
	return m.shards[maphash.String(m.seed, compact)%shardCount]
}

func (m *memory) get(compact string) (*known, bool) {
	if m == nil {
		return nil, false
	}
	return m.shard(compact).Get(compact)
}

// keep remembers that the key signed the link.
func (m *memory) keep(l *link, by ed25519.PublicKey) {
	if m == nil || len(l.compact) > maxKept {
		return
	}
	m.shard(l.compact).Add(l.compact, &known{link: l, by: by})
}

// read returns the link with the compact form, parsed.
func (v *Verifier) read(compact string) (*known, *Refusal) {
	if k, ok := v.known.get(compact); ok {
		return k, nil
	}
	l, refusal := parse(strings.Clone(compact))
	if refusal != nil {
		return nil, refusal
	}
	return &known{link: l}, nil
}
