package inspect

import (
	"bytes"
	"encoding/base64"
	"hash/crc32"
	"math"
)

const (
	// minEntropy is in bits a byte; English words have less than 3.2, random base64 of 20 bytes more than 3.5.
	minEntropy = 3.2
	// minDigest is the entropy of random digits to the base 16, of which there are few kinds.
	minDigest = 2.6
	// minTurns is how often capitals follow small letters in a run without digits that is no name in mixed case.
	minTurns = 6
	// minWordless is the length from which a value without a digit is no name in mixed case.
	minWordless = 30
	// placeholderBytes bounds how far into a match a word that marks a sample value is looked for.
	placeholderBytes = 256
	// secretReach is how far behind its name an assigned secret may begin, and how long one is looked at, in bytes.
	secretReach = 200
)

// verifyToken holds for the prefix of an issuer with a run behind it that has the length and the look of its tokens.
func verifyToken(b []byte, at span) bool {
	for i := range issues {
		is := &issues[i]
		if !bytes.HasPrefix(b[at.start:], []byte(is.prefix)) {
			continue
		}
		from := at.start + len(is.prefix)
		end := from
		for end < len(b) && end < from+2*secretReach && is.written.holds(b[end]) {
			end++
		}
		n := end - from
		if n < is.least || is.most > 0 && n > is.most || end < len(b) && (letter(b[end]) || digit(b[end])) {
			continue
		}
		run := b[from:end]
		if n == 36 && is.prefix[0] == 'g' && is.prefix[3] == '_' && checksum(run) {
			return true
		}
		least := minEntropy - 0.2
		if is.written == base16 {
			least = minDigest
		}
		if !sample(run) && entropy(run) >= least && (is.written == upper32 || count(run, digit) >= 2 || turns(run) >= minTurns) {
			return true
		}
	}
	return false
}

// checksum reports whether the last six characters of a token of GitHub are those of the CRC-32 of the rest, to the base
// 62.
func checksum(run []byte) bool {
	const digits62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := crc32.ChecksumIEEE(run[:30])
	for i := 35; i >= 30; i-- {
		if run[i] != digits62[sum%62] {
			return false
		}
		sum /= 62
	}
	return true
}

var placeholders = [][]byte{
	[]byte("example"), []byte("xxxx"), []byte("your"), []byte("placeholder"), []byte("redacted"), []byte("changeme"), []byte("change-me"),
	[]byte("dummy"), []byte("sample"), []byte("****"), []byte("...."), []byte("123456789"), []byte("abcdef"), []byte("fake"), []byte("insert"),
	[]byte("<"), []byte("${"), []byte("{{"), []byte("0000"), []byte("aaaa"), []byte("goes-here"), []byte("replace"), []byte("secret-key-"), []byte("process.env"),
}

// sample reports whether a value says of itself that it is none.
func sample(value []byte) bool {
	lower := bytes.ToLower(value[:min(len(value), placeholderBytes)])
	for _, p := range placeholders {
		if bytes.Contains(lower, p) {
			return true
		}
	}
	return false
}

// entropy is that of the bytes of value, in bits a byte.
func entropy(value []byte) float64 {
	var counts [256]int
	for _, c := range value {
		counts[c]++
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			share := float64(n) / float64(len(value))
			bits -= share * math.Log2(share)
		}
	}
	return bits
}

// turns counts how often a capital follows a small letter.
func turns(b []byte) int {
	n := 0
	for i := 1; i < len(b); i++ {
		if b[i] >= 'A' && b[i] <= 'Z' && b[i-1] >= 'a' && b[i-1] <= 'z' {
			n++
		}
	}
	return n
}

func count(b []byte, kind func(byte) bool) int {
	n := 0
	for _, c := range b {
		if kind(c) {
			n++
		}
	}
	return n
}

// verifyEntropy holds for a value that looks random: the run of characters at the end of the match. Sample values
// are none.
func verifyEntropy(b []byte, at span) bool {
	value := bytes.TrimRight(b[at.start:at.end], "\"'`,;) ")
	if i := bytes.LastIndexAny(value, " \t\n\"'=`:"); i >= 0 {
		value = value[i+1:]
	}
	if sample(value) || !bytes.ContainsAny(value, "0123456789") && len(value) < minWordless {
		return false
	}
	return entropy(value) >= minEntropy
}

// gateAssigned turns away names behind which too little stands for a value, or no digit.
func gateAssigned(b []byte, at span) bool {
	end := at.end
	for end < len(b) && end < at.end+secretReach && b[end] != '\n' {
		end++
	}
	return end-at.end >= 16 && bytes.ContainsAny(b[at.end:end], "0123456789") || end < len(b) && end-at.end < 4
}

// verifyAssigned holds for the name of a secret to which a value is given that looks like one.
func verifyAssigned(b []byte, at span) bool {
	i := at.end
	for i < len(b) && i < at.end+24 && (letter(b[i]) || digit(b[i]) || b[i] == '_' || b[i] == '-') {
		i++
	}
	i, marks := skip(b, i, " \t\n\"'`])>"), i
	operator := i
	i = skip(b, i, "=:?>|.,(")
	if i == operator && i-marks < 2 && !bytes.HasPrefix(b[i:], []byte("is ")) {
		return false
	}
	if bytes.HasPrefix(b[i:], []byte("is ")) {
		i += 3
	}
	for range 2 {
		i = skip(b, i, " \t\"'`(@[")
		for _, word := range []string{"Bearer ", "bearer ", "Basic ", "basic ", "Token ", "token "} {
			if bytes.HasPrefix(b[i:], []byte(word)) {
				i += len(word)
			}
		}
	}
	end := i
	for end < len(b) && end < i+secretReach && b[end] > ' ' && bytes.IndexByte([]byte("\"'`,;)]}<>\\"), b[end]) < 0 {
		end++
	}
	return random(b[i:end])
}

func skip(b []byte, i int, set string) int {
	for n := 0; i < len(b) && n < 12 && bytes.IndexByte([]byte(set), b[i]) >= 0; n++ {
		i++
	}
	return i
}

// random reports whether a value looks like one that a machine made up: long, of several kinds of characters, without
// the look of a name, a path or an expression.
func random(v []byte) bool {
	const least, most = 16, 180
	if len(v) < least || len(v) > most || sample(v) || bytes.ContainsAny(v, "({$") || bytes.HasPrefix(v, []byte("http")) {
		return false
	}
	var digits, lower, upper, marks, turns int
	for i, c := range v {
		switch {
		case digit(c):
			digits++
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		default:
			marks++
		}
		if i > 0 && digit(c) != digit(v[i-1]) {
			turns++
		}
	}
	if digits < 2 || marks*4 > len(v) || turns < 3 || lower+upper < 2 {
		return false
	}
	if bytes.Count(v, []byte("/"))+bytes.Count(v, []byte("."))*2 > len(v)/8 {
		return false
	}
	least2 := minEntropy
	if lower == 0 || upper == 0 {
		least2 = minDigest + 0.3
	}
	return entropy(v) >= least2
}

// verifyJWT holds for a signed token: a header in base64 that is an object with an algorithm.
func verifyJWT(b []byte, at span) bool {
	header, _, ok := bytes.Cut(b[at.start:at.end], []byte("."))
	if !ok || len(header) > secretReach {
		return false
	}
	decoded, err := base64.RawURLEncoding.AppendDecode(nil, header)
	return err == nil && bytes.HasPrefix(decoded, []byte("{")) && bytes.Contains(decoded, []byte(`"alg"`))
}

var samplePasswords = [][]byte{
	[]byte(":pass"), []byte(":password"), []byte(":secret"), []byte(":postgres"), []byte(":root"), []byte(":changeme"),
	[]byte(":admin"), []byte(":guest"), []byte(":example"), []byte(":your"), []byte(":xxx"), []byte("@localhost"),
	[]byte("@127.0.0.1"), []byte("@example"), []byte(":pwd"), []byte(":mypass"), []byte(":test"), []byte(":***"), []byte(":<"), []byte(":${"),
}

// verifyPassword holds for a connection string whose password is no sample and whose host is another machine.
func verifyPassword(b []byte, at span) bool {
	lower := bytes.ToLower(b[at.start:at.end])
	for _, s := range samplePasswords {
		if bytes.Contains(lower, s) {
			return false
		}
	}
	return true
}
