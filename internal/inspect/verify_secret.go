package inspect

import (
	"bytes"
	"math"
)

// likeness is how much a value looks like a secret.
type likeness uint8

const (
	likeNothing likeness = iota // a word, a name, a sample, a template, a path
	likeDigest                  // a UUID or a run of hex digits: a secret only where its name says so
	likeRandom                  // characters that nobody thought of
)

const (
	// minRandom is the shortest value that can be told from words, in bytes; shorter than shortRandom it has to be stranger.
	minRandom, shortRandom = 10, 16
	// minDigest is the shortest run of hex digits that is taken for a digest.
	minDigest = 16
	// minBits is the entropy of random values and minDigestBits that of random digits to the base 16, in bits a byte.
	minBits, minDigestBits = 3, 2.8
	// The strangeness of random values, in tenths of a bit.
	strange, strangeShort, strangeLong = 49, 54, 46
	// longRandom is the length from which the mean says more.
	longRandom = 40
	// minWordless is the length from which a value without a digit is no name in mixed case.
	minWordless = 20
	// maxJoints is how many signs stand between the groups of a digest.
	maxJoints = 2
	// sampleBytes bounds how far into a value a word that marks a sample is looked for.
	sampleBytes = 256
)

// ellipsis ends a value that is not shown to its end.
var ellipsis = []byte("...")

// samples mark values that stand in the place of a secret.
var samples = [][]byte{
	[]byte("example"), []byte("xxxx"), []byte("your"), []byte("placeholder"), []byte("redacted"), []byte("changeme"),
	[]byte("change_me"), []byte("dummy"), []byte("sample"), []byte("****"), []byte("...."), []byte("123456789"),
	[]byte("abcdef"), []byte("${"), []byte("{{"), []byte("$("), []byte("insert"), []byte("replace"),
	[]byte("goes-here"), []byte("goes_here"), []byte("wxyz"), []byte("my-"), []byte("my_"), []byte("not-a"), []byte("qwerty"),
}

// sample reports whether a value is one that shows where a secret would stand.
func sample(value []byte) bool {
	var lower [sampleBytes]byte
	n := copy(lower[:], value)
	for i := range n {
		lower[i] = lowerCase[lower[i]]
	}
	for _, s := range samples {
		if bytes.Contains(lower[:n], s) {
			return true
		}
	}
	return false
}

// composition is what characters a value has.
type composition struct {
	lower, upper, digits, signs, others int
	hex                                 bool
}

// composed counts. Signs are those that tokens have beside letters and digits, others are the rest.
func composed(value []byte) composition {
	c := composition{hex: true}
	for _, b := range value {
		switch {
		case digit(b):
			c.digits++
		case b-'a' < 26:
			c.lower++
		case b-'A' < 26:
			c.upper++
		case b == '-' || b == '_' || b == '.' || b == '+' || b == '/' || b == '=' || b == '~' || b == ':':
			c.signs++
		default:
			c.others++
		}
		c.hex = c.hex && (unhex(b) >= 0 || b == '-' || b == ':')
	}
	return c
}

// entropy is that of the bytes of a value, in bits a byte.
func entropy(value []byte) float64 {
	var counts [256]int
	for _, b := range value {
		counts[b]++
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

// randomness judges a value of letters, digits and the signs of tokens.
func randomness(value []byte) likeness {
	if bytes.HasSuffix(value, ellipsis) {
		return likeNothing
	}
	value = bytes.TrimRight(value, "=.:,")
	if len(value) < minRandom {
		return likeNothing
	}
	if _, word, ok := bytes.Cut(value, []byte(":")); ok && len(word) >= shortRandom {
		value = word // behind a name or a number
	}
	c := composed(value)
	letters := c.lower + c.upper
	switch {
	case c.others > 0 || letters == 0:
		return likeNothing
	case c.hex && len(value) >= minDigest && (c.signs <= maxJoints || uuid(value)):
		if c.digits == 0 || entropy(value) < minDigestBits || sample(value) {
			return likeNothing
		}
		return likeDigest
	case c.digits == 0 && (len(value) < minWordless || c.upper == 0 || c.lower == 0):
		return likeNothing
	}
	least := strange
	switch {
	case len(value) < shortRandom || c.digits <= 1:
		least = strangeShort
	case len(value) >= longRandom:
		least = strangeLong
	}
	if strangeness(value) < least || entropy(value) < minBits || sample(value) {
		return likeNothing
	}
	return likeRandom
}

// uuid reports whether a value has the form of a UUID.
func uuid(value []byte) bool {
	if len(value) != 36 {
		return false
	}
	for i, c := range value {
		if hyphen := i == 8 || i == 13 || i == 18 || i == 23; hyphen != (c == '-') || !hyphen && unhex(c) < 0 {
			return false
		}
	}
	return true
}

// commonPasswords are words of passwords that show how to write one, or that everybody knows.
var commonPasswords = [][]byte{
	[]byte("pass"), []byte("word"), []byte("w0rd"), []byte("p@ss"), []byte("pa$$"), []byte("p4ss"), []byte("secret"), []byte("admin"), []byte("test"), []byte("demo"), []byte("guest"),
	[]byte("root"), []byte("user"), []byte("1234"), []byte("letmein"), []byte("foo"), []byte("default"), []byte("abc"), []byte("fake"),
	[]byte("xxx"), []byte("***"), []byte("..."), []byte("key"), []byte("value"), []byte("string"), []byte("token"), []byte("<"), []byte("%("),
	[]byte("localhost"), []byte("http"), []byte("env"), []byte("none"), []byte("null"), []byte("%s"), []byte("name"), []byte("input"),
}

const minPassword, maxPassword = 8, 128

// password reports whether a value looks like one that somebody chose: of several kinds of characters, and no word.
func password(value []byte) bool {
	if len(value) < minPassword || len(value) > maxPassword || sample(value) {
		return false
	}
	lower := bytes.ToLower(value)
	for _, word := range commonPasswords {
		if bytes.Contains(lower, word) {
			return false
		}
	}
	c := composed(value)
	letters, others := c.lower+c.upper, c.others
	if letters < 2 || entropy(value) < 2.5 || value[0] == '$' || value[0] == '/' || value[0] == '.' || c.hex && uuid(value) {
		return false
	}
	for _, b := range value {
		switch b {
		case '(', ')', '[', ']', '{', '}', ';', '<', '>', '"', '\'', '`', '\\', '|', ' ', '=':
			return false
		}
		if b >= 0x80 || b < ' ' {
			return false
		}
	}
	switch {
	case others > 0:
		return c.digits > 0 || c.upper > 0 && c.lower > 0 && strangeness(value) >= strange
	case c.digits > 0 && c.upper > 0 && c.lower > 0:
		return strangeness(value) >= strange
	default:
		return c.digits > 1 && strangeness(value) >= strangeShort
	}
}

// verifyEntropy holds for a match that ends in a random value.
func verifyEntropy(b []byte, at span) bool {
	value := bytes.TrimRight(b[at.start:at.end], "\"'`,;) ")
	if i := bytes.LastIndexAny(value, " \t\n\"'=`:"); i >= 0 {
		value = value[i+1:]
	}
	return randomness(value) != likeNothing
}
