package recall

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

// sumBytes is how much of a digest names a scan. Half of a SHA-256 under a key that nobody outside knows: to make two
// messages that collide, a sender has to try about 2^64 of them here.
const sumBytes = 16

// digest is the memory of one hash. What it reads is framed, so that two messages that differ only in where texts are
// cut, or in what is text and what is prior, are never the same bytes.
type digest struct {
	hash   hash.Hash
	buffer [4096]byte
	used   int
	sum    [sha256.Size]byte
}

func newDigest() *digest { return &digest{hash: sha256.New()} }

// of returns the name of a scan: it covers all that findings depend on. It is valid until the next call.
func (d *digest) of(key []byte, rules string, texts []a2a.Text, opts inspect.Options) []byte {
	d.hash.Reset()
	d.used = copy(d.buffer[:], key)
	d.framed(rules)
	d.number(uint64(opts.Direction))
	d.framed(opts.Prior)
	d.number(uint64(len(texts)))
	for i := range texts {
		t := &texts[i]
		place := uint64(t.Kind)<<16 | uint64(t.Author)<<8
		if t.Key {
			place |= 1
		}
		d.number(place)
		d.framed(t.Value)
	}
	d.flush()
	return d.hash.Sum(d.sum[:0])[:sumBytes]
}

// framed reads a string behind its length.
func (d *digest) framed(s string) {
	d.number(uint64(len(s)))
	for s != "" {
		if d.used == len(d.buffer) {
			d.flush()
		}
		n := copy(d.buffer[d.used:], s)
		d.used += n
		s = s[n:]
	}
}

func (d *digest) number(n uint64) {
	if d.used+8 > len(d.buffer) {
		d.flush()
	}
	binary.LittleEndian.PutUint64(d.buffer[d.used:], n)
	d.used += 8
}

func (d *digest) flush() {
	_, _ = d.hash.Write(d.buffer[:d.used]) // a hash takes all it is given
	d.used = 0
}
