package inspect

import "bytes"

const (
	// maxName is how far a name goes on beside the word that was found in it.
	maxName = 40
	// maxValue is the longest value, and judged how much of one is looked at to tell what it is.
	maxValue, judged = 4096, 256
	// maxBreak is how much white space stands between a name and its value.
	maxBreak = 24
)

// setting is a name and the value that is given to it.
type setting struct {
	before, after []byte // the parts of the name around the word that was found
	value         span
	quote         byte // what the value begins with, or 0
	// loose says that words may stand around the value, as in the text of an element.
	loose bool
}

// assigned reads what is assigned to the name around a word: in code, in configuration, as an argument, in an element of
// XML, in a header, or in a sentence.
func assigned(b []byte, at span) (setting, bool) {
	var a setting
	start, end := at.start, at.end
	for start > 0 && start > at.start-maxName && nameByte(b[start-1]) {
		start--
	}
	for end < len(b) && end < at.end+maxName && nameByte(b[end]) {
		end++
	}
	a.before, a.after = b[start:at.start], b[at.end:end]
	i, ok := operator(b, end, bytes.HasPrefix(a.before, []byte("-")))
	if !ok {
		return a, false
	}
	a.loose = b[i-1] == '>'
	return a, a.read(b, i)
}

func nameByte(c byte) bool { return letter(c) || digit(c) || c == '_' || c == '-' }

// operator returns where the value begins that is assigned to the name that ends at i. An option of a command needs no
// sign between.
func operator(b []byte, i int, option bool) (int, bool) {
	quoted := false
	for i < len(b) && (b[i] == '"' || b[i] == '\'' || b[i] == '`' || b[i] == ']' || b[i] == '\\') {
		quoted = true
		i++
	}
	spaced := i
	i = skipBlank(b, i)
	for _, word := range [...]string{"string", "str", "is"} {
		if i > spaced && hasWord(b, i, word) {
			i = skipBlank(b, i+len(word))
			if word == "is" {
				return i, true
			}
			break
		}
	}
	signs := i
	for i < len(b) && i < signs+4 && bytes.IndexByte([]byte("=:>|?.!,("), b[i]) >= 0 {
		i++
	}
	sign := b[signs:i]
	switch {
	case len(sign) == 0:
		if !option || i == spaced {
			return i, false
		}
	case sign[0] == '.' && (len(sign) == 1 || sign[1] != '=') || sign[0] == ',' && !quoted || sign[0] == '?' && len(sign) == 1 || sign[0] == '!' && len(sign) == 1:
		return i, false
	}
	return skipBlank(b, i), true
}

func hasWord(b []byte, i int, word string) bool {
	return len(b)-i > len(word) && string(b[i:i+len(word)]) == word && white(b[i+len(word)])
}

// skipBlank returns the end of white space at i, if there is not too much of it.
func skipBlank(b []byte, i int) int {
	for limit := i + maxBreak; i < len(b) && i < limit && white(b[i]); {
		i++
	}
	return i
}

// read finds the value that begins at i or behind the quotes and brackets there.
func (a *setting) read(b []byte, i int) bool {
	var quote byte
	for n := 0; i < len(b) && n < 4 && bytes.IndexByte([]byte("\"'`\\@{[("), b[i]) >= 0; n++ {
		if b[i] == '"' || b[i] == '\'' || b[i] == '`' {
			quote = b[i]
		}
		a.loose = a.loose || b[i] == '{'
		i++
	}
	for _, scheme := range [...]string{"Bearer", "bearer", "Basic", "basic", "Token", "token", "ApiKey", "Api-Token", "Key"} {
		if hasWord(b, i, scheme) {
			i = skipBlank(b, i+len(scheme))
			break
		}
	}
	a.quote = quote
	end := a.end(b, i, judged)
	a.value = span{i, end}
	return end > i
}

// end returns the end of the value that goes on at i, or where most bytes were looked at.
func (a *setting) end(b []byte, i, most int) int {
	for limit := min(len(b), i+most); i < limit && b[i] > ' ' && !a.ends(b, i); {
		i++
	}
	return i
}

// ends reports whether the character at i is no longer part of the value.
func (a *setting) ends(b []byte, i int) bool {
	quote := a.quote
	switch c := b[i]; c {
	case '"', '\'', '`':
		return quote == 0 || c == quote
	case '\\':
		return i+1 < len(b) && (b[i+1] == 'n' || b[i+1] == '"' || b[i+1] == 'r' || b[i+1] == '\'')
	case '<', ',', ';':
		return quote == 0
	case '&':
		return quote == 0 && i+1 < len(b) && letter(b[i+1])
	}
	return false
}

// publicNames say, in front of the word that was found, that what is named is no secret; harmlessNames say so behind it.
var publicNames = []string{
	"public", "publish", "page", "next", "cursor", "continu", "sync", "csrf", "xsrf", "idempot", "cache", "primary", "foreign",
	"partition", "sort", "rout", "object", "checksum", "fingerprint", "digest", "hash", "commit", "etag", "integrity", "sha", "md5",
	"site", "bos", "eos", "pad", "mask", "special", "cancel", "accessor", "encrypt", "translation", "i18n", "group", "resume", "token_type",
	"websocket", "trace", "span", "request", "correlation", "dedup", "map", "lookup", "sitemap", "index", "unique", "business", "license_key_id",
}

var harmlessNames = []string{
	"name", "file", "path", "endpoint", "type", "version", "label", "field", "column", "manager", "policy", "hash", "count",
	"length", "size", "limit", "format", "address", "symbol", "pattern", "regex", "prompt", "hint", "class", "error", "invalid", "expir", "usage", "index",
	"provider", "store", "source", "stream", "digest", "checksum", "fingerprint", "sha", "algorithm", "template", "board", "word",
}

// short endings of names that are no secrets.
var harmlessEndings = []string{"id", "ids", "sid", "sids", "ref", "url", "uri", "arn", "ttl", "exp", "len", "kid", "_at", "ed", "er", "ing", "ize"}

// harmless reports whether the name of a setting says that its value is no secret.
func (a *setting) harmless() bool {
	var lower [2 * maxName]byte
	before := fold(lower[:maxName], a.before)
	for _, word := range publicNames {
		if bytes.Contains(before, []byte(word)) {
			return true
		}
	}
	after := fold(lower[maxName:], a.after)
	for _, word := range harmlessNames {
		if bytes.Contains(after, []byte(word)) {
			return true
		}
	}
	after = bytes.TrimLeft(after, "_-")
	for _, word := range harmlessEndings {
		if string(after) == word {
			return true
		}
	}
	return false
}

// fold writes b in small letters to dst, as far as there is room.
func fold(dst, b []byte) []byte {
	n := copy(dst, b)
	for i := range n {
		dst[i] = lowerCase[dst[i]]
	}
	return dst[:n]
}

// called reports whether the value is the beginning of code: a call, an index, or a name that goes on.
func (a *setting) called(b []byte) bool {
	return a.quote == 0 && bytes.ContainsAny(b[a.value.start:a.value.end], "()[]{}")
}

// credential returns the value of a setting that looks like a token, and how much it does.
func credential(b []byte, at span) (setting, likeness) {
	a, ok := assigned(b, at)
	if !ok {
		return a, likeNothing
	}
	if a.called(b) {
		a.value.end = a.value.start + bytes.IndexAny(b[a.value.start:a.value.end], "()[]{}")
		if a.value.end < len(b) && (b[a.value.end] == '(' || b[a.value.end] == '[' || b[a.value.end] == '{') {
			return a, likeNothing
		}
	}
	like := randomness(b[a.value.start:a.value.end])
	for n := 0; n < 2 && a.loose && like == likeNothing && a.value.end < len(b) && b[a.value.end] == ' '; n++ {
		a.value.start = skipBlank(b, a.value.end)
		a.value.end = a.value.start
		for a.value.end < len(b) && tokenByte(b[a.value.end]) {
			a.value.end++
		}
		like = randomness(b[a.value.start:a.value.end])
	}
	if like == likeNothing || a.harmless() || like == likeDigest && a.numbered(b, at) {
		return a, likeNothing
	}
	return a, like
}

// numbered reports whether the value is a UUID and the name the word token alone: that numbers pages, sessions of a form and
// bookings more often than it opens anything.
func (a *setting) numbered(b []byte, at span) bool {
	return len(a.before)+len(a.after) == 0 && bytes.EqualFold(b[at.start:at.end], []byte("token")) && uuid(b[a.value.start:a.value.end])
}

// verifyCredential holds for a name of a secret with a random value, verifyKey for a name that is one of a secret less
// often, with a value that is no digest.
func verifyCredential(b []byte, at span) bool {
	_, like := credential(b, at)
	return like >= likeDigest
}

// gateSetting turns away names that are assigned nothing.
func gateSetting(b []byte, at span) bool {
	_, ok := assigned(b, at)
	return ok
}

func verifyKey(b []byte, at span) bool {
	a, like := credential(b, at)
	return like == likeRandom && a.value.end-a.value.start >= shortRandom
}

// verifyGenerated holds for a name of a secret with a value that nobody could remember.
func verifyGenerated(b []byte, at span) bool {
	a, like := credential(b, at)
	return like != likeNothing && a.value.end-a.value.start >= shortRandom
}

func wholeCredential(b []byte, at span) span {
	a, _ := credential(b, at)
	return span{a.value.start, a.end(b, a.value.end, maxValue)}
}

// passphrase returns the value of a setting that looks like a password.
func passphrase(b []byte, at span) (span, bool) {
	a, ok := assigned(b, at)
	if !ok || !password(b[a.value.start:a.value.end]) && randomness(b[a.value.start:a.value.end]) != likeRandom || a.harmless() {
		return at, false
	}
	return a.value, true
}

func verifyPassphrase(b []byte, at span) bool {
	_, ok := passphrase(b, at)
	return ok
}

func wholePassphrase(b []byte, at span) span {
	value, _ := passphrase(b, at)
	return value
}
