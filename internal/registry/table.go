package registry

import (
	"hash/maphash"
	"maps"
)

// shardCount balances two costs of a change at 10,000 agents: copying one shard (about 40 names or 80 keys) and
// copying the array of shards.
const shardCount = 256

var shardSeed = maphash.MakeSeed()

// table is a map that is copied cheaply: a copy shares every shard until it is edited.
type table[V any] struct {
	shards [shardCount]map[string]V
}

func shardOf(key string) int { return int(maphash.String(shardSeed, key) % shardCount) }

func (t *table[V]) get(key string) (V, bool) {
	v, ok := t.shards[shardOf(key)][key]
	return v, ok
}

// tableEdit changes a copy of a table and leaves the original as it is.
type tableEdit[V any] struct {
	table *table[V]
	owned [shardCount]bool
}

func editTable[V any](original *table[V]) *tableEdit[V] {
	copied := *original
	return &tableEdit[V]{table: &copied}
}

func (e *tableEdit[V]) set(key string, v V) {
	e.own(key)[key] = v
}

func (e *tableEdit[V]) remove(key string) {
	delete(e.own(key), key)
}

func (e *tableEdit[V]) own(key string) map[string]V {
	i := shardOf(key)
	if !e.owned[i] {
		e.owned[i] = true
		e.table.shards[i] = maps.Clone(e.table.shards[i])
		if e.table.shards[i] == nil {
			e.table.shards[i] = map[string]V{}
		}
	}
	return e.table.shards[i]
}
