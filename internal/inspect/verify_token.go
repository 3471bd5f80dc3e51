package inspect

import (
	"bytes"
	"encoding/base64"
	"hash/crc32"
)

const (
	// minIssuedBits is the entropy that a token has at least, in bits a byte, whatever it is written in.
	minIssuedBits = 2.8
	// wordy is the strangeness below which what stands behind an issuer's prefix is words, in tenths of a bit.
	wordy = 40
	// minSignature is the shortest signature of a token, in characters.
	minSignature = 20
	// headBytes is the longest part of a token that is decoded.
	headBytes = 2048
)

// verifyIssued holds for a token in an issuer's form if what follows the prefix is neither words nor a sample.
func verifyIssued(b []byte, at span) bool {
	value := b[at.start:at.end]
	if sample(value) || bytes.HasPrefix(b[at.end:], ellipsis) || within(b, at) {
		return false
	}
	if i := bytes.LastIndexAny(value[:len(value)/2], "_-.:= \t\"'"); i >= 0 {
		value = value[i+1:]
	}
	c := composed(value)
	if entropy(value) < minIssuedBits {
		return false
	}
	least := wordy
	if c.digits == 0 {
		least = strange
	}
	return c.hex || strangeness(value) >= least
}

// within reports whether the match goes on a code that began before it, such as the base64 of an image.
func within(b []byte, at span) bool {
	if at.start < minEncoded || b[at.start-1] != '/' && b[at.start-1] != '+' {
		return false
	}
	for _, c := range b[at.start-minEncoded : at.start] {
		if !codeByte(c) || c == '-' || c == '_' {
			return false
		}
	}
	return true
}

// wholeToken goes on to the end of a token that is longer than the window of its expression.
func wholeToken(b []byte, at span) span {
	for at.end < len(b) && tokenByte(b[at.end]) && at.end-at.start < maxValue {
		at.end++
	}
	for at.end > at.start && b[at.end-1] == '.' {
		at.end--
	}
	return at
}

func tokenByte(c byte) bool { return codeByte(c) || c == '.' || c == '=' || c == '~' }

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// checkDigits is how many characters at the end of some tokens are the CRC-32 of those before, in base 62.
const checkDigits = 6

// verifyChecksum holds for a token whose last characters are the checksum of the others behind the first underscore. It
// needs no look at the characters themselves.
func verifyChecksum(b []byte, at span) bool {
	_, body, ok := bytes.Cut(b[at.start:at.end], []byte("_"))
	if !ok || len(body) <= checkDigits {
		return false
	}
	payload, check := body[:len(body)-checkDigits], body[len(body)-checkDigits:]
	sum := crc32.ChecksumIEEE(payload)
	for i := checkDigits - 1; i >= 0; i-- {
		if check[i] != base62[sum%62] {
			return false
		}
		sum /= 62
	}
	return true
}

// segments returns the parts of a JWT that begins at the match: header and payload, and where the token ends.
func segments(b []byte, at span) (header, payload []byte, end int, ok bool) {
	end = at.start
	for end < len(b) && end < at.start+maxValue && (codeByte(b[end]) && b[end] != '/' && b[end] != '+' || b[end] == '.' || b[end] == '=') {
		end++
	}
	header, rest, _ := bytes.Cut(b[at.start:end], []byte("."))
	payload, signature, _ := bytes.Cut(rest, []byte("."))
	return header, payload, end, len(signature) >= minSignature
}

// verifyJWT holds for a token whose header names an algorithm and whose payload is an object. Presentations and credentials
// are made to be shown, and the token that every manual shows is a sample.
func verifyJWT(b []byte, at span) bool {
	header, payload, _, ok := segments(b, at)
	if !ok {
		return false
	}
	var buffer [headBytes]byte
	if head := unbase64(buffer[:], header); !bytes.Contains(head, []byte(`"alg"`)) {
		return false
	}
	body := unbase64(buffer[:], payload)
	if len(body) == 0 || body[0] != '{' {
		return false
	}
	for _, shown := range [][]byte{[]byte(`"vc"`), []byte(`"vp"`), []byte("1234567890"), []byte("John Doe")} {
		if bytes.Contains(body, shown) {
			return false
		}
	}
	return true
}

func wholeJWT(b []byte, at span) span {
	_, _, end, _ := segments(b, at)
	return span{at.start, end}
}

// unbase64 decodes as much of an unpadded code as dst has room for.
func unbase64(dst, code []byte) []byte {
	code = bytes.TrimRight(code, "=")
	code = code[:min(len(code), len(dst)/3*4)]
	encoding := base64.RawURLEncoding
	if bytes.ContainsAny(code, "+/") {
		encoding = base64.RawStdEncoding
	}
	n, err := encoding.Decode(dst, code)
	if err != nil {
		return nil
	}
	return dst[:n]
}

const (
	// maxKey is the longest private key, and minKey how many characters of base64 stand in the shortest.
	maxKey, minKey = 16 << 10, 40
	// keyProbe is how far the characters of a key are looked for.
	keyProbe = 400
)

// verifyKeyBlock holds for the head of a private key with something behind it that looks like one.
func verifyKeyBlock(b []byte, at span) bool {
	body := b[at.end:min(len(b), at.end+keyProbe)]
	if end := bytes.Index(body, []byte("-----END")); end >= 0 {
		body = body[:end]
	}
	if sample(body) {
		return false
	}
	n, run, longest := 0, 0, 0
	for i, c := range body {
		switch {
		case codeByte(c) && !(c == 'n' && i > 0 && body[i-1] == '\\'):
			n++
			if run++; run > longest {
				longest = run
			}
		case c == '\n' || c == '\r' || c == '\\' || c == 'n':
		default:
			run = 0
		}
	}
	return n >= minKey && longest >= minKey/2
}

// wholeKeyBlock goes on to the end of the key.
func wholeKeyBlock(b []byte, at span) span {
	to := min(len(b), at.start+maxKey)
	if i := bytes.Index(b[at.end:to], []byte("-----END")); i >= 0 {
		end := at.end + i + len("-----END")
		if j := bytes.Index(b[end:min(len(b), end+48)], []byte("-----")); j >= 0 {
			return span{at.start, end + j + len("-----")}
		}
		return span{at.start, end}
	}
	for at.end < to && (codeByte(b[at.end]) || white(b[at.end]) && b[at.end] != ' ' || b[at.end] == '=' || b[at.end] == '\\') {
		at.end++
	}
	return at
}
