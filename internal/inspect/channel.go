package inspect

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
)

const (
	// channelReach is how far a match's address is followed, in bytes.
	channelReach = 900
	// channelWords is the shortest text that counts as carried out, in bytes.
	channelWords = 12
	// channelOpaque is the shortest value without a meaning that counts where its name says that it is data.
	channelOpaque = 24
)

var (
	// channelSlot is a place in an address that whoever shows it is to fill.
	channelSlot = regexp.MustCompile(`(?i)[?&=/#.](?:[\w.%+-]*(?:=|/|\.|\?))?(?:\{\{[^}\n]{2,60}\}\}|\$\{[^}\n]{2,60}\}|\$\([^)\n]{2,60}\)|\{[a-z_ ]{3,40}\}|\[[a-z_ ]{3,40}\]|<[a-z_ ]{3,40}>|%7b%7b|%7b[a-z_]{3,40}%7d|%5b[a-z_]{3,40}%5d|%3c[a-z_]{3,40}%3e|(?:the_|your_|all_)(?:user|secret|data|conversation|password|api)|(?:base64|encoded?|summary|contents?|history|conversation|secret|password|data)_?(?:here|goes_here|of_[a-z_]+)|__[A-Z_]{3,40}__)`)
	// channelWhat are things worth carrying out, as the name of a slot or of a value.
	channelWhat = regexp.MustCompile(`(?i)data|secret|exfil|leak|stolen|passw|pwd|chat|histor|conversation|cookie|api_?key|token|prompt|payload|context|memory|info|mess|msg|content|dump|cred|user|email|text|summary|encod|base64|instruct|env|file|session|card|ssn|answer|response|output|input|query|result`)
	// channelTemplate are slots that programs fill: the parts of an address of a service.
	channelTemplate = regexp.MustCompile(`(?i)^(?:x|y|z|s|r|width|height|size|id|user_?id|name|slug|version|branch|owner|repo|lang|locale|page|year|month|day|style|format|color|zoom|lat|lon|path|file_?name|image_?url|url|title|label|logo|badge|project|package|tag)$`)
)

// verifyChannel decides whether the address of an image, a link or a frame carries out something that was said: it has a
// slot that whoever shows it is to fill, or its values say something when they are decoded.
func verifyChannel(b []byte, at span) bool {
	from := bytes.Index(b[at.start:min(len(b), at.end+channelReach)], []byte("//"))
	if from < 0 {
		return false
	}
	address := b[at.start+from : min(len(b), at.start+from+channelReach)]
	if i := bytes.IndexAny(address, " \n\t\"'"); i >= 0 && !bytes.ContainsAny(address[:i], "{[<") {
		address = address[:i]
	} else if i := bytes.IndexAny(address, "\n\"'"); i >= 0 {
		address = address[:i]
	}
	if slot := channelSlot.Find(address); slot != nil {
		name := strings.Trim(string(slot[bytes.LastIndexAny(slot, "=/?&#.{[<(")+1:]), "{}[]<>()$ ")
		if !channelTemplate.MatchString(name) && (channelWhat.Match(slot) || bytes.Contains(slot, []byte("$("))) {
			return true
		}
	}
	_, query, found := bytes.Cut(address, []byte("?"))
	if !found {
		return false
	}
	query = bytes.TrimRight(query, ")>]")
	for pair := range bytes.SplitSeq(query, []byte("&")) {
		name, value, _ := bytes.Cut(pair, []byte("="))
		if told(value) || channelNamed(name) && len(value) >= channelOpaque && opaque(value) {
			return true
		}
	}
	return false
}

// channelNamed reports whether the name of a value says that it is what was taken.
func channelNamed(name []byte) bool {
	switch strings.ToLower(string(name)) {
	case "data", "secret", "exfil", "leak", "stolen", "password", "history", "conversation", "cookie", "apikey", "api_key", "prompt", "payload", "memory", "dump", "creds", "chat", "context", "info", "d", "msg":
		return true
	}
	return false
}

// told reports whether a value spells a text when it is decoded.
func told(value []byte) bool {
	if len(value) < channelWords || len(value) > channelReach {
		return false
	}
	plain := bytes.TrimRight(value, "=")
	for _, decode := range []func([]byte) ([]byte, error){
		func(b []byte) ([]byte, error) { return base64.RawStdEncoding.AppendDecode(nil, b) },
		func(b []byte) ([]byte, error) { return base64.RawURLEncoding.AppendDecode(nil, b) },
		func(b []byte) ([]byte, error) { return hex.AppendDecode(nil, b) },
	} {
		if text, err := decode(plain); err == nil && says(text) {
			return true
		}
	}
	return false
}

// says reports whether b is a text of several words, an address or a record.
func says(b []byte) bool {
	if len(b) < channelWords/2 {
		return false
	}
	letters := 0
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\t' || c >= 0x7F {
			return false
		}
		if letter(c) {
			letters++
		}
	}
	return letters*2 > len(b) && (bytes.ContainsAny(b, " @\n") || bytes.HasPrefix(b, []byte(`{"`)))
}

// opaque reports whether a value is letters and digits without a meaning.
func opaque(value []byte) bool {
	for _, c := range value {
		if !codeByte(c) && c != '%' && c != '.' {
			return false
		}
	}
	return entropy(value) >= minEntropy
}
