package agent

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"
	"github.com/mr-tron/base58"
)

// didVectors are the Ed25519 test vectors of the did:key method, by seed.
var didVectors = []struct{ seed, did, public string }{
	{strings.Repeat("00", 32), "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp", "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS"},
	{strings.Repeat("00", 31) + "01", "did:key:z6MkjchhfUsD6mmvni8mCdXHw216Xrm9bQe2mBH1P5RDjVJG", "6ASf5EcmmEHTgDJ4X4ZT5vT6iHVJBXPg5AN5YoTCpGWt"},
	{strings.Repeat("00", 31) + "02", "did:key:z6MknGc3ocHs3zdPiJbnaaqDi58NGb4pk1Sp9WxWufuXSdxf", "8pM1DN3RiT8vbom5u1sNryaNT1nyL8CTTW3b5PwWXRBH"},
	{strings.Repeat("00", 31) + "03", "did:key:z6MkvqoYXQfDDJRv8L4wKzxYeuKyVZBfi9Qo6Ro8MiLH3kDQ", "HPYVwAQmskwT1qEEeRzhoomyfyupJGASQQtCXSNG8XS2"},
	{strings.Repeat("00", 31) + "04", "did:key:z6MkwW6aqMnjgrhJXFUko3NnZPGzVpkNzhYK7yEhnsibmLwL", "J3qYF7YJMKCqQke47UQwiHizgFUXapHxRxKmxbkar89x"},
}

func TestDIDVectors(t *testing.T) {
	t.Parallel()
	for _, tt := range didVectors {
		seed, err := hex.DecodeString(tt.seed)
		if err != nil {
			t.Fatal(err)
		}
		public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		if got := base58.Encode(public); got != tt.public {
			t.Fatalf("seed %s gives the public key %s, want %s", tt.seed, got, tt.public)
		}
		if got := NewKey(public).DID; got != tt.did {
			t.Errorf("NewKey(%s).DID = %s, want %s", tt.public, got, tt.did)
		}
		key, err := ParseKeyDID(tt.did)
		if err != nil {
			t.Fatalf("ParseKeyDID(%s): %v", tt.did, err)
		}
		if diff := cmp.Diff(NewKey(public), key); diff != "" {
			t.Errorf("ParseKeyDID(%s) (-want +got):\n%s", tt.did, diff)
		}
		for _, did := range []string{key.DID, key.Mesh} {
			if err := ValidateDID(did); err != nil {
				t.Errorf("ValidateDID(%s): %v", did, err)
			}
		}
	}
}

func TestKeyIDs(t *testing.T) {
	t.Parallel()
	key, err := ParseKeyDID(didVectors[0].did)
	if err != nil {
		t.Fatal(err)
	}
	const fragment = "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"
	// The base58btc SHA-256 of the public key, computed apart.
	const mesh = "did:mesh:2KagShR4Usj2uARXJeDw7XJEKvQ3XDr84dC47hUB3Uyd"
	want := []string{key.DID + "#" + fragment, key.Mesh + "#" + fragment, key.DID, key.Mesh}
	if diff := cmp.Diff(want, key.IDs()); diff != "" {
		t.Errorf("IDs (-want +got):\n%s", diff)
	}
	if key.Fragment() != fragment {
		t.Errorf("Fragment = %s, want %s", key.Fragment(), fragment)
	}
	if key.Mesh != mesh {
		t.Errorf("Mesh = %s, want %s", key.Mesh, mesh)
	}
}

func TestParseKeyDIDRefuses(t *testing.T) {
	t.Parallel()
	did := didVectors[0].did
	encode := func(prefix string, size int) string {
		return "did:key:z" + base58.Encode(append([]byte(prefix), make([]byte, size)...))
	}
	tests := []struct{ name, did string }{
		{"empty", ""},
		{"method-alone", "did:key:"},
		{"base-alone", "did:key:z"},
		{"other-method", strings.Replace(did, "did:key:", "did:web:", 1)},
		{"upper-case-method", strings.Replace(did, "did:key:", "DID:KEY:", 1)},
		{"other-base", strings.Replace(did, ":z", ":m", 1)},
		{"with-fragment", did + "#" + strings.TrimPrefix(did, "did:key:")},
		{"with-query", did + "?x"},
		{"with-path", did + "/x"},
		{"trailing-space", did + " "},
		{"leading-one", strings.Replace(did, ":z", ":z1", 1)},
		{"ambiguous-letter", did[:len(did)-1] + "0"},
		{"not-ascii", did[:len(did)-1] + "é"},
		{"x25519", "did:key:z6LShs9GGnqk85isEBzzshkuVWrVKsRp24GnDuHk8QWkARMW"},
		{"p-256", "did:key:zDnaeucDGfhXHoJVqot3p21RuupNJ2fZrs8Lb1GV83VnSo2jR"},
		{"short-key", encode(multicodecEd25519, 31)},
		{"long-key", encode(multicodecEd25519, 33)},
		{"codec-not-minimal", encode("\xed\x81\x00", 32)},
		{"raw-key", encode("", 32)},
		{"huge", "did:key:z" + strings.Repeat("6", 1<<20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key, err := ParseKeyDID(tt.did)
			if err == nil {
				t.Fatalf("got the key %s, want an error", key.DID)
			}
			if diff := cmp.Diff(Key{}, key); diff != "" {
				t.Errorf("a key came with the error (-want +got):\n%s", diff)
			}
			if ValidateDID(tt.did) == nil {
				t.Error("ValidateDID took it")
			}
		})
	}
}

func TestValidateMeshDID(t *testing.T) {
	t.Parallel()
	mesh := MeshDID(make(ed25519.PublicKey, ed25519.PublicKeySize))
	if err := ValidateDID(mesh); err != nil {
		t.Fatalf("ValidateDID(%s): %v", mesh, err)
	}
	for _, did := range []string{
		"", "did:mesh:", "did:example:123", mesh + "1", strings.Replace(mesh, "mesh:", "mesh:1", 1), mesh[:len(mesh)-2], mesh + "#x",
		"did:mesh:" + base58.Encode(make([]byte, 31)), "did:mesh:" + strings.Repeat("2", 1<<20),
	} {
		if ValidateDID(did) == nil {
			t.Errorf("ValidateDID(%.80s) took it", did)
		}
	}
}

// Law: parsing is the inverse of naming, and two keys never share a name.
func TestDIDRoundTrip(t *testing.T) {
	t.Parallel()
	names := map[string][ed25519.PublicKeySize]byte{}
	law := func(public [ed25519.PublicKeySize]byte) bool {
		key := NewKey(public[:])
		parsed, err := ParseKeyDID(key.DID)
		if err != nil || !bytes.Equal(parsed.Public, public[:]) || parsed.Mesh != key.Mesh {
			return false
		}
		for _, id := range key.IDs() {
			if other, taken := names[id]; taken && other != public {
				return false
			}
			names[id] = public
		}
		return true
	}
	if err := quick.Check(law, nil); err != nil {
		t.Error(err)
	}
	for _, edge := range [][ed25519.PublicKeySize]byte{{2}, {31: 1}, [32]byte(bytes.Repeat([]byte{0xff}, 32))} {
		if !law(edge) {
			t.Errorf("the law fails for the key %x", edge)
		}
	}
}

// Law: a DID with one character changed names another key or none.
func TestDIDChangedByOneCharacter(t *testing.T) {
	t.Parallel()
	original, err := ParseKeyDID(didVectors[0].did)
	if err != nil {
		t.Fatal(err)
	}
	for i := range original.DID {
		for c := range 256 {
			changed := original.DID[:i] + string([]byte{byte(c)}) + original.DID[i+1:]
			key, err := ParseKeyDID(changed)
			if changed != original.DID && err == nil && key.Public.Equal(original.Public) {
				t.Errorf("%q names the same key", changed)
			}
		}
	}
}

// Law: what parses is canonical, so a key has one did:key, and is an Ed25519 key.
func FuzzParseKeyDID(f *testing.F) {
	for _, v := range didVectors {
		f.Add(v.did)
	}
	f.Add("did:key:z6LShs9GGnqk85isEBzzshkuVWrVKsRp24GnDuHk8QWkARMW")
	f.Add("did:key:z1")
	f.Add("did:mesh:4XmjKEd9A96KhoMX94zWJmd28dcPisbWGYWtad1dQ9v5")
	f.Fuzz(func(t *testing.T, did string) {
		key, err := ParseKeyDID(did)
		if err != nil {
			if key.Public != nil {
				t.Fatalf("%q gives a key and the error %v", did, err)
			}
			return
		}
		if len(key.Public) != ed25519.PublicKeySize || NewKey(key.Public).DID != did || ValidateDID(did) != nil || ValidateDID(key.Mesh) != nil {
			t.Fatalf("%q parses as %+v, which is not canonical", did, key)
		}
	})
}
