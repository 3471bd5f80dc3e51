package agent

import (
	"crypto/ed25519"
	"encoding/hex"
	"strconv"
	"testing"
)

// TestWeakKeysAreRefused shows for each listed point that a signature nobody made verifies under it for some
// message, or that no signature ever does since it is not a point, and that its did:key is refused.
func TestWeakKeysAreRefused(t *testing.T) {
	t.Parallel()
	forged := make([]byte, ed25519.SignatureSize)
	forged[0] = 1 // R is the neutral element, S is 0
	forgeable := 0
	for _, encoding := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			public, err := hex.DecodeString(encoding)
			if err != nil {
				t.Fatal(err)
			}
			public[31] |= sign
			for i := range 64 {
				if ed25519.Verify(public, []byte(strconv.Itoa(i)), forged) {
					forgeable++
					break
				}
			}
			if _, err := ParseKeyDID(NewKey(public).DID); err == nil {
				t.Errorf("%x is accepted", public)
			}
		}
	}
	if forgeable < 8 {
		t.Errorf("forged signatures verify under %d of the points, want all 8 points of small order", forgeable)
	}
}
