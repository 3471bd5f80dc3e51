package inspect

import (
	"bytes"
	"math"
)

// verifier decides whether a match is what it looks like. It sees the view and the matched range and is pure.
type verifier struct {
	holds func(b []byte, at span) bool
	// price is what one run costs at most, in units of fuel.
	price int
	// gate says at a low price whether a run is worth it.
	gate func(b []byte, at span) bool
}

var verifiers = map[string]verifier{
	"sqli":          {verifySQL, 40, gateSQL},
	"sqli-value":    {verifySQLValue, 24, gateSQLValue},
	"command":       {holds: verifyCommand, price: 24, gate: gateCommand},
	"command-value": {holds: verifyCommandValue, price: 24},
	"token":         {holds: verifyToken, price: 4},
	"entropy":       {holds: verifyEntropy, price: 4},
	"luhn":          {holds: verifyLuhn, price: 2},
	"climb":         {holds: verifyClimb, price: 12},
	"bare":          {holds: verifyBare, price: 1},
	"password":      {holds: verifyPassword, price: 4},
}

const (
	// minEntropy is in bits a byte; English words have less than 3.2, random base64 of 20 bytes more than 3.5.
	minEntropy = 3.2
	// minWordless is the length from which a value without a digit is no name in mixed case.
	minWordless = 30
	// placeholderBytes bounds how far into a match a word that marks a sample value is looked for.
	placeholderBytes = 256
)

// minToken is the shortest secret that an issuer puts behind its prefix, in bytes.
const minToken = 16

// verifyToken holds for an issuer's prefix with a run behind it that looks random.
func verifyToken(b []byte, at span) bool {
	end := at.end
	for end < len(b) && end < at.end+window && (codeByte(b[end]) || b[end] == '.') {
		end++
	}
	return end-at.end >= minToken && verifyEntropy(b, span{at.end, end})
}

var placeholders = [][]byte{
	[]byte("example"), []byte("xxxx"), []byte("your"), []byte("placeholder"), []byte("redacted"), []byte("changeme"),
	[]byte("dummy"), []byte("sample"), []byte("****"), []byte("...."), []byte("123456789"), []byte("abcdef"),
	[]byte("<"), []byte("${"), []byte("{{"), []byte("0000"),
}

// verifyEntropy holds for a value that looks random: the run of characters at the end of the match. Sample values
// are none.
func verifyEntropy(b []byte, at span) bool {
	value := bytes.TrimRight(b[at.start:at.end], "\"'`,;) ")
	if i := bytes.LastIndexAny(value, " \t\n\"'=`:"); i >= 0 {
		value = value[i+1:]
	}
	lower := bytes.ToLower(value[:min(len(value), placeholderBytes)])
	for _, p := range placeholders {
		if bytes.Contains(lower, p) {
			return false
		}
	}
	var counts [256]int
	digits := 0
	for _, c := range value {
		counts[c]++
		if digit(c) {
			digits++
		}
	}
	if digits == 0 && len(value) < minWordless {
		return false
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			share := float64(n) / float64(len(value))
			bits -= share * math.Log2(share)
		}
	}
	return bits >= minEntropy
}

// verifyLuhn holds for 13 to 19 digits with a correct check digit that are not all alike. Spaces and hyphens may
// stand between them.
func verifyLuhn(b []byte, at span) bool {
	sum, n, distinct := 0, 0, [10]bool{}
	for i := at.end - 1; i >= at.start; i-- {
		if !digit(b[i]) {
			continue
		}
		d := int(b[i] - '0')
		distinct[d] = true
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	kinds := 0
	for _, seen := range distinct {
		if seen {
			kinds++
		}
	}
	return n >= 13 && n <= 19 && sum%10 == 0 && kinds > 2
}

// maxBare is the longest text that can be one argument.
const maxBare = 160

// verifyBare holds if the text is an argument rather than prose: short and with at most one space.
func verifyBare(b []byte, _ span) bool {
	b = bytes.TrimSpace(b)
	return len(b) <= maxBare && bytes.Count(b, []byte(" ")) <= 1 && bytes.IndexByte(b, '\n') < 0
}

var samplePasswords = [][]byte{
	[]byte(":pass"), []byte(":password"), []byte(":secret"), []byte(":postgres"), []byte(":root"), []byte(":changeme"),
	[]byte(":admin"), []byte(":guest"), []byte(":example"), []byte(":your"), []byte(":xxx"), []byte("@localhost"),
	[]byte("@127.0.0.1"), []byte("@example"),
}

// verifyPassword holds for a connection string whose password is no sample and whose host is another machine.
func verifyPassword(b []byte, at span) bool {
	lower := bytes.ToLower(b[at.start:at.end])
	for _, sample := range samplePasswords {
		if bytes.Contains(lower, sample) {
			return false
		}
	}
	return true
}
