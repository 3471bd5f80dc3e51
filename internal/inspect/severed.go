package inspect

import (
	"bytes"
	"regexp"
	"unicode/utf8"
)

var (
	// sqlSecond is a second query behind a first, with columns that are constants or come from somewhere.
	sqlSecond = newPattern(`(?i)\bunion\s+(?:(?:all|distinct)\s+)?select\s+(?:\d|null\b|['"@]|[\w.*,\s()]+\sfrom\s)`)
	// sqlSevered is a value that leaves its place and is joined to a condition which needs no comparison.
	sqlSevered = newPattern(`(?i)^(?:[\w@][\w@.\\"-]{0,30}|\\)?['"]+[)\s]*(?:x?or|and|\|\||&&)[\s(]*(?:not\s+)?(?:['"]\w{0,12}["'\s]*$|current_\w+|[a-z]\w*\s+is\s+(?:not\s+)?(?:null\b|\d)|\d+\s*[&|^*]|-?\d+\s+x?or\b|true\b|false\b|\w+\s*\([\w,.\s$'":\\]*\)|\w+\s+(?:not\s*null|like|glob|ilike|regexp|similar\s+to|in)\b)`)
	// sqlEnded is a value that leaves its place, goes on with an operator or a clause and makes the rest a comment.
	sqlEnded = newPattern(`(?i)^(?:[\w@.%\\-]{0,40})['"][)\s]*(?:[-+*/%&|^~=<>!;,]|(?:x?or|and|is|not|notnull|isnull|collate|like|r?like|glob|in|sounds|union|group|order|having|limit|own3d|into|procedure|select|insert|update|delete|exec|drop|waitfor|declare)\b)[^\n]{0,160}(?:--[\s+-]*(?:-\s*\w{1,2})?|#\s*|/\*\s*)$`)
	// sqlDangling is what is left of a probe that a tool puts together: the number of columns, the beginning of a second
	// query, a condition that always holds.
	sqlDangling = newPattern(`(?i)^(?:[\w@.-]{1,24}['"])?['")\s;|+-]*(?:union(?:\s+(?:all|distinct))?\s+select[\s(]*|order\s+by\s+\d{1,4}\s*|(?:x?or|and|\|\||&&)\s+\(?(?:true|false|0|1)\)?\s*|utl_\w+\.\w+\s*|print\s+@@\w+\s*|exec(?:ute)?\s*\(\s*@\w+\s*\)\s*|\(\s*select\s+top\s+\d+\s*|(?:x?or|and|\|\||&&)\s+\(?exists\)?\s*|(?:x?or|and|\|\|)\s*['"][\s'"*]*|declare\s+@\w+\s+n?varchar\s*\(\s*\d+\s*\)\s+select\s+@\w+\s*=\s*(?:0x[\da-f]+[\s.]*)?)$`)
	// sqlVerb is a quotation mark that ends a value, and a statement that changes something behind it.
	sqlVerb = newPattern(`(?i)^[\w@.\\-]{0,40}['"][)\s]*;?\s*(?:grant\s+\w+(?:\s+\w+)?\s+to\s+\w|insert\s+into\s+\w+\s*[(\sv]|create\s+(?:user|login|role|table)\s+\w|desc(?:ribe)?\s+\w+\s*;|begin\s+shutdown|drop\s+(?:table|user|database)\s+\w)`)
	// sqlLeft is a quotation mark right behind a value, or right before the condition that follows a value left out, and
	// sqlSentence the end of a sentence behind a value.
	sqlLeft     = newPattern(`(?i)^[\w@.\\-]{0,40}['"][)\s]*(?:[-+*/%&|^~=<>!;]|x?or\b|and\b|is\b|not|union|collate|like|r?like|glob|in\b|sounds|group\b|order\b|having\b|into\b|div\b|mod\b)`)
	sqlSentence = newPattern(`(?i)\s+(?:and|to|in|for|on|please|then|with)\s+[a-z]+(?:\s+[a-z]+)*[.!?]?\s*$|,\s+\w+\s*[=:]\s*\w+[.\s]*$|[.!?]\s*$|,?\s+(?:please|thanks)[.!?]?\s*$`)
	// sqlLoose are the signs that a text is spelled for a filter that looks for spaces and whole words.
	sqlLoose = newAlternatives(`(?i)/\*|["']{3,}|"".*""|\bunion\b[^\n]*#|\b(?:union|select|x?or|and|from)[+\x00\x{FFFD}]|[+\x00\x{FFFD}](?:union|select|x?or|and|from)\b`)
	// sqlComment and sqlSpace are what a database reads as a space, sqlMarked what it reads as words and filters do not.
	sqlMarked   = newPattern(`/?\*!\d*|\*/`)
	sqlComment  = newPattern(`/\*[^*]*\*/|#[^\n]*\n`)
	sqlSpace    = regexp.MustCompile(`[+\x00\x{FFFD}\s]+`)
	sqlRepeated = regexp.MustCompile(`"{2,}|'{3,}`)
)

// severed reports whether a short value leaves its place in a form that the parser does not know or shares with harmless
// texts.
func severed(text []byte) bool {
	return sqlDangling.Match(text) || quotes(text) && (sqlVerb.Match(text) || sqlEnded.Match(text))
}

// ends reports whether tail, which begins with the value that is left, is an injection up to the words of the sentence
// that the value stands in.
func ends(tail []byte) bool {
	if !sqlLeft.Match(tail) {
		return false
	}
	if at := sqlSentence.FindIndex(tail); at != nil {
		tail = tail[:at[0]]
	}
	return !grammatical(tail, 1) && leaves(bytes.TrimSpace(tail))
}

// quotes reports whether b has a quotation mark.
func quotes(b []byte) bool { return bytes.ContainsAny(b, `'"`) }

// loosely reports whether a text has a sign that all loose spellings have one of.
func loosely(text []byte) bool {
	for i, c := range text {
		switch c {
		case '*', '#', '+', 0, 0xEF:
			return true
		case '"', '\'':
			if i > 0 && (text[i-1] == '"' || text[i-1] == '\'') {
				return true
			}
		}
	}
	return false
}

// respelled writes a value the way databases read it where it is spelled for a filter, and nothing where it is not: with
// spaces for comments and plus signs, and with one quotation mark for many.
func respelled(text []byte) []byte {
	if !loosely(text) || !utf8.Valid(text) || !sqlLoose.Match(text) {
		return nil
	}
	b := text
	if bytes.Contains(b, []byte("/*!")) || bytes.Contains(b, []byte("*!")) {
		b = sqlMarked.ReplaceAll(b, []byte(" "))
	}
	b = sqlComment.ReplaceAll(b, []byte(" "))
	b = sqlRepeated.ReplaceAllFunc(b, func(m []byte) []byte { return m[:1] })
	b = bytes.TrimSpace(sqlSpace.ReplaceAll(b, []byte(" ")))
	if bytes.Equal(b, text) {
		return nil
	}
	return b
}
