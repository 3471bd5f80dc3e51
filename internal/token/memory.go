package token

import lru "github.com/hashicorp/golang-lru/v2"

const (
	// memorySize is how many verified tokens are remembered, about 600 bytes each.
	memorySize   = 8192
	memoryShards = 16
)

// digest is the SHA-256 of a token.
type digest [32]byte

// memory holds tokens whose signatures were found good: exactly those that it was given, and of them the ones used
// last. It is safe for concurrent use. The zero value is no memory.
type memory struct {
	shards [memoryShards]*lru.Cache[digest, verified]
}

func newMemory() (*memory, error) {
	m := &memory{}
	for i := range m.shards {
		shard, err := lru.New[digest, verified](memorySize / memoryShards)
		if err != nil {
			return nil, err
		}
		m.shards[i] = shard
	}
	return m, nil
}

// shard spreads tokens, so that few requests wait for one lock.
func (m *memory) shard(d digest) *lru.Cache[digest, verified] { return m.shards[d[0]%memoryShards] }

func (m *memory) get(d digest) (verified, bool) { return m.shard(d).Get(d) }

func (m *memory) add(d digest, v verified) { m.shard(d).Add(d, v) }

func (m *memory) remove(d digest) { m.shard(d).Remove(d) }
