package inspect

import "bytes"

const (
	// maxAddress is how long an address is looked at, in bytes.
	maxAddress = 512
	// maxMarkup is how far before an address its element or its brackets begin.
	maxMarkup = 240
	// minBlob is the shortest code in an address that is decoded, minSpoken the shortest text in one that is data.
	minBlob, minSpoken = 24, 12
	// minLabel is the length from which a label of a host carries data rather than a name.
	minLabel = 40
)

// link is an address in markup.
type link struct {
	at span
	// loaded says that whoever shows the text fetches the address without being asked.
	loaded             bool
	scheme, host, rest []byte
}

// linkAt reads the address that begins behind the markup at the match: of a link or an image in Markdown, of a reference
// there, of an attribute in HTML, or of a style. It reads only those that are loaded unasked, or only the others.
func linkAt(b []byte, at span, loaded bool) (link, bool) {
	var l link
	open := b[at.start:at.end]
	start := at.end
	for start < len(b) && start < at.end+4 && bytes.IndexByte([]byte(" <\"'\\"), b[start]) >= 0 {
		start++
	}
	switch {
	case open[0] == ']' && open[1] == '(':
		l.loaded = image(b, at.start)
	case open[0] == ']':
		// A definition that links refer to. Whether one of them is an image is told elsewhere in the text.
		l.loaded = bytes.Contains(b[max(0, at.start-maxAddress):at.start], []byte("!["))
	case open[len(open)-1] == '(':
		l.loaded = true
	default:
		element := b[max(0, at.start-maxMarkup):at.start]
		i := bytes.LastIndexByte(element, '<')
		if i < 0 || bytes.IndexByte(element[i:], '>') >= 0 {
			return l, false
		}
		l.loaded = !bytes.EqualFold(open[:min(4, len(open))], []byte("href")) && open[0]|0x20 != 'a' ||
			bytes.HasPrefix(element[i:], []byte("<link"))
	}
	if l.loaded != loaded {
		return l, false
	}
	l.at = span{start, addressEnd(b, start)}
	return l, l.split(b[l.at.start:l.at.end])
}

// image reports whether the bracket at i closes the words of an image.
func image(b []byte, i int) bool {
	depth := 1
	for at := i - 1; at >= 0 && at > i-maxMarkup; at-- {
		switch b[at] {
		case ']':
			depth++
		case '[':
			if depth--; depth == 0 {
				return at > 0 && b[at-1] == '!'
			}
		}
	}
	return false
}

// addressEnd returns the end of the address at i. What stands in brackets to be filled in is part of it, spaces included.
func addressEnd(b []byte, i int) int {
	depth := 0
	for limit := min(len(b), i+maxAddress); i < limit; i++ {
		switch c := b[i]; c {
		case '{', '[', '(':
			depth++
		case '<':
			if i+1 < limit && (b[i+1] == '/' || b[i+1] == '!') {
				return i
			}
			depth++
		case '}', ']', ')', '>':
			if depth--; depth < 0 {
				return i
			}
		case '"', '\'', '`', '\n':
			return i
		case ' ', '\t':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// split takes an address apart and reports whether it is one.
func (l *link) split(address []byte) bool {
	i := bytes.IndexByte(address, ':')
	switch {
	case bytes.HasPrefix(address, []byte("//")):
		i = 0
	case i < 2 || i > 12 || !bytes.HasPrefix(address[i:], []byte("://")):
		return false
	default:
		l.scheme, i = address[:i], i+1
	}
	rest := address[i+2:]
	end := bytes.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	l.host, l.rest = rest[:end], rest[end:]
	return end > 0
}

// load is how much of what a reader knows an address carries away.
type load uint8

const (
	loadNothing load = iota
	loadOdd          // a place to fill in, or a code that may be anything
	loadData         // words, a code of words, or a place to fill in with what a reader knows
)

// held are the names of what an agent keeps to itself, told those of what it is given as well.
var (
	held = [][]byte{
		[]byte("secret"), []byte("exfil"), []byte("leak"), []byte("stolen"), []byte("passw"), []byte("history"), []byte("conversation"),
		[]byte("cookie"), []byte("apikey"), []byte("api_key"), []byte("prompt"), []byte("payload"), []byte("context"), []byte("memory"),
		[]byte("dump"), []byte("cred"), []byte("summary"), []byte("chat"), []byte("message"), []byte("answer"), []byte("email"), []byte("private"),
		[]byte("session"), []byte("instruction"),
	}
	told = [][]byte{
		[]byte("data"), []byte("content"), []byte("token"), []byte("user"), []byte("info"), []byte("msg"), []byte("env"), []byte("file"), []byte("key"),
	}
)

func mentions(b []byte, words [][]byte) bool {
	var lower [64]byte
	low := fold(lower[:], b)
	for _, word := range words {
		if bytes.Contains(low, word) {
			return true
		}
	}
	return false
}

func namesTold(b []byte) bool { return mentions(b, held) || mentions(b, told) }

// weigh returns what the address carries: in the names of its host, its path, and its parameters.
func (l *link) weigh() load {
	if l.drawn() {
		return loadNothing
	}
	most := loadNothing
	if filled := placeIn(l.host); filled != nil {
		return loadData
	}
	label, _, _ := bytes.Cut(l.host, []byte("."))
	if len(label) >= minLabel && randomness(label) != likeNothing {
		most = loadOdd
	}
	rest, _, _ := bytes.Cut(l.rest, []byte("#:~:")) // a place in the page, in the words that stand there
	path, query, _ := bytes.Cut(rest, []byte("?"))
	if filled := doubled(path); filled != nil && l.loaded {
		return loadData
	}
	for _, part := range [...][]byte{path, query} {
		for len(part) > 0 && most < loadData {
			var piece []byte
			if i := bytes.IndexAny(part, "&/#;"); i >= 0 {
				piece, part = part[:i], part[i+1:]
			} else {
				piece, part = part, nil
			}
			most = max(most, l.parameter(piece))
		}
	}
	return most
}

// parameter weighs one parameter of an address, or one step of its path.
func (l *link) parameter(piece []byte) load {
	name, value, named := bytes.Cut(piece, []byte("="))
	if !named {
		name, value = nil, piece
	}
	if named {
		if filled := placeIn(value); filled != nil {
			if namesTold(name) || namesTold(filled) || l.loaded {
				return loadData
			}
			return loadOdd
		}
	}
	if filled := placeIn(value); filled != nil && !named && l.loaded && mentions(filled, held) {
		return loadData
	}
	if len(value) < minSpoken || signed(name) {
		return loadNothing
	}
	if wordsIn(value, named) {
		return loadData
	}
	if named && l.loaded && namesTold(name) && len(value) >= minBlob && randomness(value) != likeNothing {
		return loadData
	}
	return loadNothing
}

// placeIn returns what stands in brackets to be filled in, or nil: a name in braces, in brackets, or behind a dollar sign.
func placeIn(value []byte) []byte {
	if filled := doubled(value); filled != nil {
		return filled
	}
	i := bytes.IndexAny(value, "{[<$")
	if i < 0 {
		return nil
	}
	inner := value[i+1:]
	if value[i] == '$' {
		if len(inner) < 3 || inner[0] < 'A' || inner[0] > 'Z' && inner[0] != '_' {
			return nil
		}
		return inner
	}
	end := bytes.IndexAny(inner, "}]>")
	if end < 3 {
		return nil
	}
	for _, c := range inner[:end] {
		if !letter(c) && c != '_' && c != ' ' && c != '-' && c != '\'' && c != '.' {
			return nil
		}
	}
	return inner[:end]
}

// doubled returns what stands in double braces, behind a dollar sign in braces, or in either with escapes.
func doubled(value []byte) []byte {
	for _, open := range [...][]byte{[]byte("{{"), []byte("${"), []byte("%7B%7B"), []byte("%7b%7b"), []byte("<%")} {
		if i := bytes.Index(value, open); i >= 0 {
			return value[i:]
		}
	}
	return nil
}

// wordsIn reports whether a value is words in a code, or a sentence in the escapes of an address.
func wordsIn(value []byte, named bool) bool {
	if len(value) >= minBlob && len(value) <= maxAddress {
		var decoded [maxAddress]byte
		if text, name := decodeRun(decoded[:0], bytes.TrimRight(value, "=")); name != "" {
			// Proxies of images have the address of the image in a code.
			return !bytes.HasPrefix(text, []byte("http")) && !bytes.HasPrefix(text, []byte("{")) && bytes.ContainsAny(text, " =:\n")
		}
	}
	spaces := bytes.Count(value, []byte("%20")) + bytes.Count(value, []byte("+")) + bytes.Count(value, []byte("%0A"))
	return named && spaces >= 5 && 10*spaces > len(value)
}

// signatures are parameters in which those who give out addresses put codes.
var signatures = [][]byte{
	[]byte("x-amz-"), []byte("x-goog-"), []byte("sig"), []byte("policy"), []byte("key-pair-id"), []byte("expires"), []byte("jwt"), []byte("hmac"), []byte("hash"),
	[]byte("utm_"), []byte("fbclid"), []byte("gclid"), []byte("text"), []byte("label"), []byte("title"), []byte("logo"), []byte("chl"), []byte("tex"),
	[]byte("body"), []byte("subject"), []byte("query"), []byte("redirect"), []byte("url"), []byte("etag"),
}

func signed(name []byte) bool {
	var lower [32]byte
	low := fold(lower[:], name)
	for _, prefix := range signatures {
		if bytes.HasPrefix(low, prefix) {
			return true
		}
	}
	return string(low) == "q" || string(low) == "s" || string(low) == "v" || string(low) == "f"
}

// drawings are services that draw what stands in the address.
var drawings = [][]byte{
	[]byte("quickchart.io"), []byte("mermaid.ink"), []byte("kroki.io"), []byte("plantuml.com"), []byte("image-charts.com"), []byte("codecogs.com"),
	[]byte("shields.io"), []byte("badge.fury.io"), []byte("placeholder.com"), []byte("dummyimage.com"), []byte("placehold.co"), []byte("chart.googleapis.com"),
	[]byte("badgen.net"), []byte("img.youtube.com"), []byte("camo.githubusercontent.com"), []byte("star-history.com"), []byte("contrib.rocks"),
	[]byte("github.com"), []byte("githubusercontent.com"), []byte("readme-typing-svg"), []byte("vercel.app"), []byte("codecov.io"), []byte("travis-ci"), []byte("circleci.com"),
}

func (l *link) drawn() bool {
	for _, host := range drawings {
		if bytes.HasSuffix(l.host, host) || bytes.Contains(l.host, host) && host[len(host)-1] == 'i' {
			return true
		}
	}
	return false
}

// verifyLoaded holds for an address that is fetched as soon as the text is shown and carries data away.
func verifyLoaded(b []byte, at span) bool {
	l, ok := linkAt(b, at, true)
	return ok && l.weigh() == loadData
}

// verifyLinked holds for an address that is fetched when somebody follows it and carries data away.
func verifyLinked(b []byte, at span) bool {
	l, ok := linkAt(b, at, false)
	return ok && l.weigh() == loadData
}

func wholeLoaded(b []byte, at span) span {
	l, _ := linkAt(b, at, true)
	return l.at
}

func wholeLinked(b []byte, at span) span {
	l, _ := linkAt(b, at, false)
	return l.at
}

// verifyCollector holds for an address of a service that shows its user what others send there, if it carries anything.
func verifyCollector(b []byte, at span) bool {
	l := collector(b, at)
	_, query, _ := bytes.Cut(l.rest, []byte("?"))
	return l.host != nil && (bytes.IndexByte(query, '=') > 0 || placeIn(l.rest) != nil || l.weigh() != loadNothing)
}

// collector reads the address around the name of a host.
func collector(b []byte, at span) link {
	start := at.start
	for start > 0 && start > at.start-maxMarkup && b[start-1] > ' ' && bytes.IndexByte([]byte("\"'`<>()[]"), b[start-1]) < 0 {
		start--
	}
	l := link{at: span{start, addressEnd(b, start)}, loaded: true}
	if !l.split(b[l.at.start:l.at.end]) {
		l.host = nil
	}
	return l
}

func wholeCollector(b []byte, at span) span { return collector(b, at).at }
