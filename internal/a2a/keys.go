package a2a

import (
	"bytes"
	"hash/maphash"
)

// keySet finds duplicate names within each object of one body, among those that no rule defines. Few names are compared
// one by one; from the ninth name on an object's names go into a hash table shared by all wide objects, so that no body
// costs quadratic time.
type keySet struct {
	names   []keyName
	objects int32
	table   []int32 // open addressing; indexes into names plus one
	used    int
}

// keyName is one member name with its object; prev links it to the name before it in that object, plus one.
type keyName struct {
	at     span
	object int32
	prev   int32
	hash   uint32
}

// object is an object being read.
type object struct {
	id, last, count int32
	// defined has a bit for each rule of the shape whose name was met: those names need no comparing.
	defined uint64
}

// narrow is the number of names that are compared one by one.
const narrow = 8

// maxTable is the largest hash table that is kept for the next body.
const maxTable = 1 << 12

// keySeed makes collisions unpredictable to callers. It does not reach any result.
var keySeed = maphash.MakeSeed()

func (k *keySet) reset() {
	k.names, k.objects = k.names[:0], 0
	if k.used == 0 {
		return
	}
	k.used = 0
	// A table that one wide body blew up would have to be cleared by every later one.
	if len(k.table) > maxTable {
		k.table = nil
		return
	}
	clear(k.table)
}

func (k *keySet) open() object {
	k.objects++
	return object{id: k.objects}
}

// add reports whether text, the name read at the given place, is new in o.
func (k *keySet) add(s *scanner, o *object, at span, text []byte) bool {
	added := keyName{at: at, object: o.id, prev: o.last}
	if o.count < narrow {
		for i := o.last; i > 0; i = k.names[i-1].prev {
			if bytes.Equal(s.bytes(k.names[i-1].at), text) {
				return false
			}
		}
	} else {
		if o.count == narrow {
			for i := o.last; i > 0; i = k.names[i-1].prev {
				n := &k.names[i-1]
				n.hash = keyHash(o.id, s.bytes(n.at))
				k.insert(i)
			}
		}
		added.hash = keyHash(o.id, text)
		if k.holds(s, &added, text) {
			return false
		}
	}
	k.names = append(k.names, added)
	o.last = int32(len(k.names))
	if o.count >= narrow {
		k.insert(o.last)
	}
	o.count++
	return true
}

func keyHash(id int32, text []byte) uint32 {
	return uint32(maphash.Bytes(keySeed, text)) ^ uint32(id)*0x9E3779B1
}

func (k *keySet) holds(s *scanner, n *keyName, text []byte) bool {
	if len(k.table) == 0 {
		return false
	}
	mask := uint32(len(k.table) - 1)
	for i := n.hash & mask; k.table[i] > 0; i = (i + 1) & mask {
		m := &k.names[k.table[i]-1]
		if m.hash == n.hash && m.object == n.object && bytes.Equal(s.bytes(m.at), text) {
			return true
		}
	}
	return false
}

// insert puts the name with index i-1 into the table, which it keeps at most half full.
func (k *keySet) insert(i int32) {
	if k.used*2 >= len(k.table) {
		old := k.table
		k.table = make([]int32, max(64, 2*len(old)))
		for _, j := range old {
			if j > 0 {
				k.place(j)
			}
		}
	}
	k.place(i)
	k.used++
}

func (k *keySet) place(i int32) {
	mask := uint32(len(k.table) - 1)
	at := k.names[i-1].hash & mask
	for k.table[at] > 0 {
		at = (at + 1) & mask
	}
	k.table[at] = i
}
