// Package shards holds a map for immutable snapshots: a copy of it costs what changes, not what it holds.
package shards

import (
	"hash/maphash"
	"iter"
	"maps"
)

// count balances two costs of a change at 10,000 entries: copying one shard (about 40 of them) and copying the array of
// shards.
const count = 256

var seed = maphash.MakeSeed()

// Table is a map that is copied cheaply: a copy shares every shard until it is edited. It is safe to read from many
// goroutines, as nothing changes it. The zero value is empty.
type Table[V any] struct {
	shards [count]map[string]V
	length int
}

func shardOf(key string) int { return int(maphash.String(seed, key) % count) }

// Get returns the value of the key.
func (t *Table[V]) Get(key string) (V, bool) {
	v, ok := t.shards[shardOf(key)][key]
	return v, ok
}

// Len is the number of entries.
func (t *Table[V]) Len() int { return t.length }

// All yields every entry, in no order.
func (t *Table[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, shard := range t.shards {
			for key, v := range shard {
				if !yield(key, v) {
					return
				}
			}
		}
	}
}

// Edit changes a copy of a table and leaves the original as it is.
type Edit[V any] struct {
	table *Table[V]
	owned [count]bool
}

// NewEdit begins an edit of a copy of the original.
func NewEdit[V any](original *Table[V]) *Edit[V] {
	copied := *original
	return &Edit[V]{table: &copied}
}

// Table returns the copy as it is now. It must not be edited further once others read it.
func (e *Edit[V]) Table() *Table[V] { return e.table }

// Set gives the key a value.
func (e *Edit[V]) Set(key string, v V) {
	shard := e.own(key)
	before := len(shard)
	shard[key] = v
	e.table.length += len(shard) - before
}

// Remove takes the key out.
func (e *Edit[V]) Remove(key string) {
	shard := e.own(key)
	before := len(shard)
	delete(shard, key)
	e.table.length += len(shard) - before
}

func (e *Edit[V]) own(key string) map[string]V {
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
