package identity

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/dunglas/httpsfv"
)

// contentDigest is the field that binds a body to a signature (RFC 9530).
const contentDigest = "content-digest"

// maxDigests bounds how many digests of one body are read.
const maxDigests = 8

// DigestOf returns the Content-Digest field of a body: its SHA-256.
func DigestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// CheckDigest returns a *Refusal unless the Content-Digest field names the body (RFC 9530 section 2). At least
// one digest must be sha-256 or sha-512, and every such digest must match; other algorithms say nothing. The
// field is the combined value; a digest named twice is refused.
func CheckDigest(field string, body []byte) error {
	if want, ok := plainDigest(field); ok && want == sha256.Sum256(body) {
		return nil
	}
	return checkDigests(field, body)
}

func checkDigests(field string, body []byte) error {
	members, ok := parseMembers(field, maxDigests)
	if !ok {
		return refuse(Malformed, "the field Content-Digest is not a dictionary of 1 to %d digests", maxDigests)
	}
	checked := false
	for _, m := range members {
		var want []byte
		switch m.key {
		case "sha-256":
			sum := sha256.Sum256(body)
			want = sum[:]
		case "sha-512":
			sum := sha512.Sum512(body)
			want = sum[:]
		default:
			continue
		}
		item, _ := m.value.(httpsfv.Item)
		got, ok := item.Value.([]byte)
		if !ok {
			return refuse(Malformed, "the field Content-Digest has a digest that is not a byte sequence")
		}
		if subtle.ConstantTimeCompare(got, want) != 1 {
			return refuse(DigestMismatch, "the body is not the one that the field Content-Digest names")
		}
		checked = true
	}
	if !checked {
		return refuse(Unsupported, "the field Content-Digest needs a sha-256 or sha-512 digest")
	}
	return nil
}

// plainDigest reads the one spelling that signers send: a single SHA-256. What it reads, CheckDigest reads just the same, at
// ten times the cost.
func plainDigest(field string) (sum [sha256.Size]byte, ok bool) {
	const open, end = "sha-256=:", ":"
	var decoded [sha256.Size + 1]byte // what the decoder writes at most
	text, ok := strings.CutPrefix(field, open)
	if !ok || len(text) != base64.StdEncoding.EncodedLen(sha256.Size)+len(end) || !strings.HasSuffix(text, end) {
		return sum, false
	}
	n, err := strictBase64.Decode(decoded[:], []byte(text[:len(text)-len(end)]))
	return [sha256.Size]byte(decoded[:sha256.Size]), err == nil && n == sha256.Size
}
