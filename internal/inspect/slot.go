package inspect

import "bytes"

const (
	// slotText is the longest text that is looked at for the place of a value in it, in bytes.
	slotText = 320
	// slotWords is how many words stand in front of a value at least.
	slotWords = 2
	// slotLead is how long these are at least, in bytes.
	slotLead = 8
)

// slotStops are words that no longer belong to the sentence in front of a value, if something behind them is no word.
var slotStops = map[string]bool{
	"or": true, "and": true, "xor": true, "select": true, "union": true, "having": true, "exec": true,
	"declare": true, "waitfor": true, "drop": true, "insert": true, "delete": true, "not": true, "like": true, "in": true, "case": true,
}

// valueIn returns what stands in a sentence where it has a value: what begins behind its first words with a sign or a word of
// another language, up to the words that the sentence goes on with.
func valueIn(text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	if len(text) > slotText || len(text) == 0 || !letter(text[0]) || bytes.Contains(text, blank) {
		return nil, false
	}
	from, words := 0, 0
	for from < len(text) {
		n := from
		for n < len(text) && letter(text[n]) {
			n++
		}
		w := text[from:n]
		if n == from && text[n] == '=' {
			n++
		}
		if n > from && n < len(text) && (text[n] == ',' || text[n] == ':') {
			n++
		}
		if n == from || n < len(text) && text[n] != ' ' {
			break
		}
		for n < len(text) && text[n] == ' ' {
			n++
		}
		if words >= slotWords && slotStops[string(bytes.ToLower(w))] && (n == len(text) || !letter(text[n])) {
			break
		}
		from = n
		words++
	}
	if words < slotWords || from == len(text) || from < slotLead || sqlHead.Match(text) && !grammatical(text[:from], 1) || !sentenced(text[:from]) {
		return nil, false
	}
	value := text[from:]
	if at := sqlSentence.FindIndex(value); at != nil {
		value = value[:at[0]]
	}
	value = bytes.TrimSpace(value)
	if n := len(value); n > 2 && value[0] == '"' && value[n-1] == '"' && unpaired(value[1:n-1]) {
		value = value[1 : n-1]
	}
	return value, len(value) >= minInner && !grammatical(value, 1) && !cited(value) && !compared(text[:from], value)
}

// slotTeaches are words of texts that tell how values are to be treated.
var slotTeaches = newPattern(`(?i)\b(?:parameter\w*|somebody|someone|saniti[sz]\w*|escap(?:e|ed|es|ing)|inject\w*|attack\w*|vulnerab\w*|reject\w*|detect\w*|blocks?|why)\b`)

// slotStatement is a statement that begins in front of the value: the value is its own.
var slotStatement = newPattern(`(?i)\b(?:insert\s+into|update\s+\w+\s+set|delete\s+from|with\s+\w+\s+as|select\s[\w,.\s]+\sfrom|where)\b|\bselect\s*$`)

// slotEnds is what a comparison of a column does not go on with.
var slotEnds = newPattern(`(?i)--|/\*|;|\bunion\b|#\s*$`)

// compared reports whether a value is the right side of a comparison, and what follows it another.
func compared(lead, value []byte) bool {
	return (value[0] == '\'' || value[0] == '"') && word(value[1]) && bytes.HasSuffix(bytes.TrimRight(lead, " "), []byte("=")) && !slotEnds.Match(value)
}

// unpaired reports whether a value has no quotation mark, or one that others leave open.
func unpaired(value []byte) bool {
	n := bytes.Count(value, []byte(`"`))
	return n == 0 || n%2 == 1
}

// sentenced reports whether the words in front of a value are those of a sentence, and not those of a command line.
func sentenced(lead []byte) bool {
	if i := bytes.LastIndexByte(lead, ':'); program(lead) || program(bytes.TrimLeft(lead[i+1:], " ")) || slotStatement.Match(lead) || slotTeaches.Match(lead) {
		return false
	}
	return lead[0] >= 'A' && lead[0] <= 'Z' || grammatical(lead, 1)
}

// slotMarks is what quotations that stand in a sentence do not come to.
var slotMarks = newPattern(`(?i)=|--|/\*|\|\||\bunion\b|\bselect\b|#\s*$|;`)

// cited reports whether a value is what sentences have in such places: quotations that end, numbers and words in brackets, with
// nothing of an injection in them.
func cited(value []byte) bool {
	switch mark := value[0]; {
	case mark == '\'' || mark == '"':
		return value[1] != ' ' && bytes.Count(value, value[:1])%2 == 0 && !slotMarks.Match(value)
	case mark == '=' && value[1] == '=':
		return true
	case digit(mark), mark == '(' && letter(value[1]):
		return !slotMarks.Match(value)
	}
	return false
}
