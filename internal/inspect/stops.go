package inspect

import (
	"encoding/binary"
	"math/bits"
)

// stopBlock is how many bytes are searched for stops at once: so many that a byte tells their places.
const stopBlock = 256

// stops are the places of a block of text at which no letter stands. Where words end cannot be foreseen, so that a branch
// for each byte costs more than all that is done for it: the places are written down without one, eight bytes at a time.
type stops [stopBlock + 8]uint8

const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// find notes the places of the block, which is at most stopBlock bytes long, and returns how many they are.
func (s *stops) find(block []byte) int {
	n := 0
	for i := 0; i < len(block); i += 8 {
		set := gathered(^letterBits(eight(block, i, 'z')))
		binary.LittleEndian.PutUint64(s[n:], placesOf[set]+uint64(i)*eachByte)
		n += bits.OnesCount8(set)
	}
	return n
}

// eight returns eight bytes of b from i on, the first of them lowest, with pad for those that are not there.
func eight(b []byte, i int, pad byte) uint64 {
	if i+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[i:])
	}
	w := uint64(pad) * eachByte
	for j, c := range b[i:] {
		w = w&^(0xFF<<(8*j)) | uint64(c)<<(8*j)
	}
	return w
}

// letterBits sets the high bit of each of eight bytes that is an ASCII letter. Other bits mean nothing.
func letterBits(w uint64) uint64 {
	low := (w | 0x20*eachByte) &^ highBits
	return (low + (0x80-'a')*eachByte) &^ (low + (0x80-'z'-1)*eachByte) &^ w
}

// gathered returns the high bits of eight bytes as one byte.
func gathered(w uint64) uint8 { return uint8(w & highBits >> 7 * 0x0102040810204080 >> 56) }

// placesOf lists the places of the bits that are set in a byte, one in each byte from the lowest on.
var placesOf = func() (t [256]uint64) {
	for set := range t {
		n := 0
		for place := range 8 {
			if set>>place&1 != 0 {
				t[set] |= uint64(place) << (8 * n)
				n++
			}
		}
	}
	return t
}()
