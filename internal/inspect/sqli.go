package inspect

import (
	"bytes"
	"strings"
	"unicode/utf8"

	libinjection "github.com/corazawaf/libinjection-go"
)

const (
	// sqlReach is how much text the SQL verifier parses from a trigger on.
	sqlReach = 200
	// sqlProse is how many words of English grammar make a text prose, which the parser cannot judge.
	sqlProse = 2
	// sqlBefore is the longest value that an injection leaves, and sqlMarks the most marks around its end, in bytes.
	sqlBefore = 32
	sqlMarks  = 8
	// sqlGlance is how far behind the match a sign of a condition stands at most.
	sqlGlance = 24
	// sqlLines is how many line breaks a value has at most: code has more.
	sqlLines = 12
)

// sqlCalls is what injections call and values do not name: waits, reads of files, other machines.
const sqlCalls = `(?:^|[^.\w])(?:(?:pg_)?sleep|benchmark|randomblob|load_file|extractvalue|updatexml|xmltype|xp_\w+|utl_\w+\.\w+|dbms_\w+\.\w+)\s*\(\s*[\w'"(@-]|\bwaitfor\s+delay\s*'|\binto\s+(?:out|dump)file\s*'|\bxp_cmdshell\b|@@version\b|\bexec\s*\(\s*@|information_schema\.`

// sqlBetween is what stands between two strings that are compared: operators and numbers, and no name.
const sqlBetween = `(?:(?:[-<>=!|&^+/%*~()\s]|[\d.]+|\b(?:is|not|null|true|false|unknown|distinct|from|sounds|r?like|ilike|regexp|glob|binary|mod|div|x?or|and|escape|similar\s+to|collate\s+\w+)\b)+)`

var (
	// sqlHead is how a whole statement begins. The traffic of database agents begins so, and what injects does not:
	// it goes on where a value stands.
	sqlHead = newPattern(`(?i)^(?:--[^\n]*\n|/\*.*?\*/|\s)*(?:select|insert|update|delete|create|with|explain|drop|alter|declare|exec(?:ute)?|begin|grant|revoke|merge|replace|show|describe|truncate|call|set|use|pragma|vacuum|analyze|copy|values|start|commit|lock)\s`)
	// sqlOpen is how a text begins that goes on behind a value which is not there.
	sqlOpen = newPattern(`(?i)^\s*(?:\d+["'\s)]*;|["']?[),;\s]*(?:x?or|and|union|order\s+by|group\s+by|having|limit|waitfor|procedure|rlike|between|as|where)\b|["'\s]*[),;]|["'\s]*(?:\|\||&&|/\*))`)
	// sqlAlways is a condition of constants behind such a beginning: it holds whatever it is joined with.
	sqlAlways = newPattern(`(?i)^["'\s)]*(?:x?or|and|\|\||&&)[\s("'+]*(?:not\s+)?(?:(\d{1,6})["']*\s*(?:=|<=?|>=?|<>|!=|like)\s*["']*\d|([a-z])\s*=\s*[a-z]\s*(?:$|--|[\x{2013}\x{2014}#]|/\*)|'([^']{0,8})'\s*(?:=|like)\s*'|"[^"]{0,8}"\s*(?:=|like)\s*"|(?:true|1|''|isnull\(1/0\))\s*(?:--|#|/\*))`)
	sqlCall   = newAlternatives(`(?i)` + sqlCalls)
	// sqlBroken is a statement that breaks off where its condition should be.
	sqlBroken = newPattern(`(?i)^select\s[^;]*[(@'][^;]*\bfrom\s+\w+\s+where\s*$`)
	// sqlGroup is an expression in brackets that makes the rest of a statement a comment.
	sqlGroup = newPattern(`^\s*\([^\n]*\)\s*(?:--|#|/\*)\s*$`)
	// sqlUnion is a second query.
	sqlUnion = newPattern(`(?i)\bunion\b`)
	// sqlStrong is what needs no parser: waits and constant columns in front of a comment, and conditions of numbers.
	sqlStrong = newAlternatives(`(?i)\bbenchmark\s*\(\s*\d{5,}\s*,\s*(?:md5|sha1?|encode|rand)\s*\(|\bselect\s+(?:pg_)?sleep\s*\([-\s"'(]*\d[^\n]{0,24}\)|['"\d)]\s*;\s*(?:(?:drop|truncate|alter)\s+(?:table|database|schema|user|view)\s+(?:if\s+exists\s+)?\w+|delete\s+from\s+\w+|exec(?:ute)?\s+\w+)\s*(?:;|--|#|$|where\b|')|(?:^|[^.\w])(?:pg_)?(?:sleep|benchmark|randomblob)\s*\([\d'(][^\n]*?\)\s*(?:--|#|/\*|=\s*['"])|\bwaitfor\s+delay\s*'[\d:.]+'\s*(?:--|/\*)|[)'";]\s*waitfor\s+delay\s*'|\b(?:order\s+by|group\s+by|having|limit)\s+[\d=,]+\s*(?:--|#)(?:\s|$|["+-])|\bunion(?:\s+all|\s+distinct)?\s+select\s+(?:(?:null|\d+|'[^']*'|@@?\w+|\w+\(\))(?:\s*\|\|\s*'[^']*')*\s*(?:,|--|#|/\*)\s*){2}|\b(?:and|or)\s+\(?\d{1,6}\s*=\s*(?:convert|cast|\(select|like\s*\()`)
	// sqlRest makes the rest of a statement a comment.
	sqlRest = newPattern(`(?:--[\s+-]*|#\s*|/\*\s*)$`)
	// sqlTail is a value that ends by turning the rest of a statement into a comment.
	sqlTail = newPattern(`^@{1,2}\w+\s*(?:--|/\*)\s*$|^[\w@.<>%-]{0,40}["'][)\s]*;?\s*(?:--\s*[-+]?["'\s]*|--\w{0,12}|--\s*sp_password|#\s*["']?|/\*\s*)$`)
	// shellWords are those of command lines, whose quotation marks and operators look like SQL.
	shellWords = newPattern(`\$\(|\b(?:sed|awk|grep|printf|xargs|perl)\b| -e `)
	// sqlOperators is a quotation of operators alone: what is left of a comparison of two strings.
	sqlOperators = newAlternatives(`(?i)^\s*\w?\s*'\s*(?:[-<>=!|&^+/%]{1,3}|\*|(?:not\s+)?(?:sounds\s+like|r?like|regexp|mod|div|x?or|and))\s*'\s*\w?\s*$|^\w{0,12}'\s*` + sqlBetween + `'\s*\w{0,8}\s*$|^\w{0,12}'\s*(?:[-^|&%*+=<>!/]|(?:like|regexp|is\s+not|or|and|xor|mod|div|in|between|rlike)\b)[^\n]*?'\s*\w{0,8}\s*$`)
	// sqlCompared is a comparison, a call or a variable: what a condition has and a list of words has not.
	sqlCompared = newPattern(`(?i)[<>=!(@^|]|0x|--[\s+-]*$|#\s*$|/\*|\b(?:like|rlike|regexp|between|sounds|true|false|null)\b`)
	// sqlClause is a statement of which a clause stands before an injection, or what looks like one.
	sqlClause  = newPattern(`(?i)\(\s*select\s+[\w., *]+$|\b(?:select\s+[^;]*?\bfrom|insert\s+into\s+\S+|update\s+\S+\s+set|delete\s+from|where\s+[\w.]+\s*[=<>!]|create\s+\w+\s+\S+\s*\(|alter\s+table)\b`)
	sqlClauses = newAlternatives(sqlClause.expression)
	// sqlGoesOn is what follows a value only where it has left its place: a second query, a call, a comment, a second
	// statement.
	sqlGoesOn = newAlternatives(`(?i)\bunion\b[\s(/*!+\w-]*?select\b(?:[\s(/*!+]|all|distinct)*(?:\d|null|['"@*-]|[\w.]+\s*(?:[,(]|from\b|--|/\*|#))|(?:['");,=|&+-]|\bor\b|\band\b|\bby\b)[^\n]*?(?:` + sqlCalls + `)|['"][)\s]*(?:\|\||&&|\+|;|\bx?or\b|\band\b|\bhaving\b|\border\s+by\b|\bgroup\s+by\b|\bunion\b|\blike\b|\brlike\b|\bin\b|\bbetween\b)[^\n]*?(?:--(?:\s|$|[-+a-z'"])|#\s*(?:$|["',;}])|/\*|['"]\s*=|=\s*['"]|\(\s*select)|['"\d)]\s*;\s*(?:(?:drop|alter|create|truncate)\s+(?:table|database|schema|user|view|index|login|role|function|procedure|trigger)\b|delete\s+from\s+\w|insert\s+into\s+\w|update\s+\w+\s+set\b|exec(?:ute)?(?:\s+\w|\s*\()|shutdown\s*(?:;|--|$|with)|declare\s+@|grant\s+\w+\s+(?:on|to)\b|waitfor\s+delay|select\s+[^\n]*?(?:from|\())|(?:\d|['"])[)\s]*(?:order|group)\s+by\s+[\d, ]+(?:--|#|/\*)|\b(?:and|or)\b\s*\(\s*select\b|\b(?:and|or)\b[^\n]*?(?:substr|ascii|version\s*\(|@@)`)
	// sqlCut is a value that ends its place and makes the rest of the statement a comment.
	sqlCut = newPattern(`^(?:[\w@.-]{1,32}['"]|['"]\s?\))\s?\){0,3}\s?;?\s?(?:--(?:\s*(?:$|[+"',;]|(?:and|or|in|to)\b)|\s-)|(?:#|/\*)\s*(?:$|["',;]|(?:and|or|in|to)\b))`)
	// sqlRemark is a number with a comment behind it that swallows the rest of a statement.
	sqlRemark = newPattern(`^\s*-?\d{1,12}['")\s]*(?:(?:[-+*/]|[!<>]=?|<>)\s*\d+\s*)?(?:--\s*(?:$|[+\w])|/\*|#\s*$|;\s*--)`)
)

// sqlGrammar are words that SQL does not have.
var sqlGrammar = func() map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.Fields("the an please your my our of you we this that these it its are was were can could should how " +
		"what why who which there because about would will don have has had been they them he she his her tell give find") {
		words[w] = true
	}
	return words
}()

// sqlHints are words of which injections of the longer forms have one.
var sqlHints = func() map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.Fields("union select sleep pg_sleep benchmark randomblob load_file extractvalue updatexml xmltype waitfor outfile dumpfile " +
		"xp_cmdshell xp_regread xp_dirtree exec execute information_schema drop delete insert update alter create truncate shutdown declare grant order " +
		"group having limit substr substring ascii version utl_http utl_inaddr dbms_pipe dbms_lock convert cast like") {
		words[w] = true
	}
	return words
}()

// verifySQLValue decides whether the whole of a short value is an injection. The parser knows statements, not who sends
// them: whole statements and prose are left out before it is asked, and what it takes for an injection must have the
// marks of one.
func verifySQLValue(b []byte, _ span) bool {
	if value, ok := valueIn(b); ok && leavesIn(value) {
		return true
	}
	return !grammatical(b, sqlProse) && leavesIn(b)
}

// leavesIn reports whether a value leaves its place in any of the ways to read it.
func leavesIn(b []byte) bool {
	text := bytes.TrimLeft(bytes.TrimRight(bytes.TrimSpace(b), ";"), `\`)
	if leaves(text) {
		return true
	}
	if other := respelled(text); other != nil && leaves(other) {
		return true
	}
	// What is known of one quotation mark is true of the other.
	return bytes.IndexByte(text, '"') >= 0 && bytes.IndexByte(text, '\'') < 0 && !jsonOrCode(text) && !sqlNamed.Match(text) && leaves(bytes.ReplaceAll(text, []byte(`"`), []byte("'")))
}

// sqlNamed is a name in quotation marks, and words behind it.
var sqlNamed = newPattern(`^"\w+"(?:\s+\w+)+$`)

// leaves reports whether a value as it is spelled leaves its place.
func leaves(text []byte) bool {
	switch {
	case len(text) == 0:
		return false
	case sqlHead.Match(text) && balanced(text):
		return sqlBroken.Match(text) || sqlProbe.Match(text) || probing(text) || len(text) <= sqlShort && cutsOff(text) || sqlDangling.Match(text)
	case probing(text), inHex(text):
		return true
	case jsonOrCode(text), !utf8.Valid(text), breaks(text) > sqlLines && !sqlUnion.Match(text):
		return false
	case bytes.HasPrefix(text, []byte("/*")) && bytes.HasSuffix(text, []byte("*/")) && !bytes.Contains(text, []byte("/*!")):
		return false
	}
	return leavesBehind(text) && !shellWords.Match(text)
}

// leavesBehind reports whether a value that is no statement leaves its place.
func leavesBehind(text []byte) bool {
	switch {
	case sqlTail.Match(text), sqlAlways.Match(text), plausible(string(text)), severed(text), cutOut(text):
		return true
	}
	hint := hinted(text)
	if hint && sqlStrong.Match(text) {
		return true
	}
	call := hint && sqlCall.Match(text)
	if call && sqlRest.Match(text) {
		return true
	}
	return sqlOpen.Match(text) && (call || sqlCompared.Match(text) && plausible("1 "+string(text)))
}

// breaks counts the line breaks of b that end more than white space.
func breaks(b []byte) int {
	n := 0
	for line := range bytes.Lines(b) {
		if len(bytes.TrimSpace(line)) > 0 && line[len(line)-1] == '\n' {
			n++
		}
	}
	return n
}

// objectOpens is how an object or a list of JSON begins.
var objectOpens = newPattern(`^(?:\{\s*["']\w+["']\s*:|\{"|\[\s*[{"])`)

// blockOfCode is a statement between braces.
var blockOfCode = newPattern(`\)\s*\{[^{}]*;\s*\}`)

// jsonOrCode reports whether b is a document or an expression of code, the parts of which are judged where they stand.
func jsonOrCode(b []byte) bool {
	return objectOpens.Match(b) || bytes.IndexByte(b, ';') >= 0 && blockOfCode.Match(b) ||
		bytes.Contains(b, []byte("===")) || bytes.Contains(b, []byte("=> ")) && !bytes.Contains(b, []byte("<=>"))
}

// plausible asks the parser and checks its answer: shapes that search terms, measures and shell words share need a
// comparison or a comment too.
func plausible(s string) bool {
	found, shape := libinjection.IsSQLi(s)
	if !found {
		return false
	}
	if sqlGroup.MatchString(s) || sqlSecond.MatchString(s) {
		return true
	}
	if shape[0] == 's' && strings.ContainsAny(strings.TrimSpace(s[:strings.IndexAny(s+"'", "'\"")]), " (") {
		// A quotation mark behind several words opens a quotation.
		return false
	}
	switch shape {
	case "sos", "so", "sosos", "sosn", "son;n", "s&s", "s&sos":
		return sqlOperators.MatchString(s) || shape[1] == '&' && (sqlCompared.MatchString(s) || sqlSevered.MatchString(s))
	case "sks":
		return true
	case "1c", "nc", "sc", "1;c":
		return sqlRemark.MatchString(s)
	}
	switch {
	case shape[0] == 'T':
		return false
	case strings.HasPrefix(shape, "no"), strings.HasPrefix(shape, "vo"):
		// A name compared with something is a filter, which agents send each other.
		return strings.ContainsAny(shape, "cU")
	case shape[0] == 's' && strings.Contains(shape, "U"):
		return true
	case shape[0] == 's':
		return sqlCompared.MatchString(s) || sqlOperators.MatchString(s) || sqlSevered.MatchString(s)
	case shape[0] == 'n', len(shape) == 3 && shape[1] == '&':
		return sqlCompared.MatchString(s)
	}
	return true
}

// balanced reports whether every bracket closes, as in a whole statement.
func balanced(b []byte) bool {
	return bytes.Count(b, []byte("(")) == bytes.Count(b, []byte(")"))
}

// firstSQL decides whether an injection begins at or right before the match, in a text of any kind. It is given every
// likely start, since the parser knows injections by where they start, and believed only where the rest of the line has
// a form that neither prose nor a whole statement has. What only the longest expression can say it leaves open.
func firstSQL(b []byte, at span) answer {
	if q, ok := valueAround(b, at); ok && gateSQLValue(b[q.start:q.end], at) && verifySQLValue(bytes.ReplaceAll(b[q.start:q.end], []byte(`\"`), []byte(`"`)), at) {
		return answerYes
	}
	from, to := reachSQL(b, at)
	if quotationCloses(b, from, at) {
		return answerNo
	}
	tail := b[from:to]
	goes := goesOn(tail, b[at.start:to])
	if goes != answerYes && (from == 0 || b[from-1] != '\n') && ends(tail) {
		goes = answerYes
	}
	if goes != answerNo && inStatement(b[max(0, from-4*sqlReach):from]) {
		return answerNo
	}
	return goes
}

// gateSQL turns away what an injection does not look like at a glance: a match over several lines, a quotation mark that
// closes, as in any program, and a word that joins no condition.
func gateSQL(b []byte, at span) bool {
	if bytes.IndexByte(b[at.start:at.end], '\n') >= 0 {
		return false
	}
	if end := at.end; end < len(b) && b[end] == b[at.start] && !letter(b[at.start]) && (end+1 == len(b) || !word(b[end+1]) && b[end+1] != b[end]) {
		// A word in quotation marks is a word that the text speaks about.
		return false
	}
	if quotationCloses(b, valueBefore(b, at.start), at) {
		_, ok := valueAround(b, at)
		return ok
	}
	return !letter(b[at.start]) || bytes.ContainsAny(b[at.start:min(len(b), at.end+sqlGlance)], "=<>('\"@,/#*-;")
}

// quotationCloses reports whether the last quotation mark between the value that is left, which begins at from, and the match
// closes one that stands before it in the line.
func quotationCloses(b []byte, from int, at span) bool {
	c := bytes.LastIndexAny(b[from:at.start+1], `'"`)
	return c >= 0 && openQuotes(line(b, from+c), b[from+c])%2 == 1
}

// gateProse turns away prose.
func gateProse(b []byte, _ span) bool { return !grammatical(b, sqlProse) }

// gateSQLValue turns away prose that is too long to have a value looked for in it.
func gateSQLValue(b []byte, _ span) bool { return len(b) <= slotText || !grammatical(b, sqlProse) }

// goesOn reports whether tail, which begins with the value that is left, goes on as SQL, as far as it can be said without the
// longest expression; link is the same from the match on.
func goesOn(tail, link []byte) answer {
	if i := bytes.IndexAny(tail, `'"`); sqlCut.Match(tail) || i > 0 && tail[i-1] == ' ' && sqlCut.Match(tail[i:]) {
		return answerYes
	}
	hint := hinted(tail)
	if hint && sqlStrong.Match(tail) {
		return answerYes
	}
	if link := linked(tail); link >= 0 && sqlAlways.Match(tail[link:]) {
		return answerYes
	}
	// The parser takes a small part of the time that the expression does.
	asked := hint && (plausible(string(tail)) || plausible("1 "+string(link)))
	if hint && !asked {
		other := respelled(tail)
		asked = other != nil && plausible(string(other))
	}
	if asked {
		return answerOpen
	}
	return answerNo
}

// inStatement reports whether lead is the beginning of a statement, in which clauses such as union have their place.
func inStatement(lead []byte) bool {
	// A clause in front of the last such word does not count.
	if behind := lead[lastWord(lead, sqlGrammar):]; len(behind) == 0 || !sqlClauses.may(behind) {
		return false
	}
	all := sqlClause.FindAllIndex(lead, -1)
	return all != nil && !grammatical(lead[all[len(all)-1][0]:], 1)
}

// valueBefore returns where the value begins that stands right before pos, with the marks around its end.
func valueBefore(b []byte, pos int) int {
	from := pos
	for from > 0 && from > pos-sqlMarks && bytes.IndexByte([]byte("'\") \t"), b[from-1]) >= 0 {
		from--
	}
	for least := from - sqlBefore; from > max(0, least) && (codeByte(b[from-1]) && b[from-1] != '=' || b[from-1] == '.' || b[from-1] == '@'); {
		from--
	}
	return from
}

// line returns what stands before pos on its line.
func line(b []byte, pos int) []byte {
	from := max(0, pos-2*sqlReach)
	return b[from+bytes.LastIndexByte(b[from:pos], '\n')+1 : pos]
}

// openQuotes counts the quotation marks like the one behind b that are no apostrophes.
func openQuotes(b []byte, mark byte) int {
	escaped := len(b) > 0 && b[len(b)-1] == '\\'
	n := 0
	for i, c := range b {
		if c == mark && (i > 0 && b[i-1] == '\\') == escaped && (mark != '\'' || i == 0 || i+1 == len(b) || !letter(b[i-1]) || !letter(b[i+1])) {
			n++
		}
	}
	return n
}

// valueAround returns the inside of the double quotes around the match, if they hold a value of JSON or a phrase and are
// no part of an expression of code.
func valueAround(b []byte, at span) (span, bool) {
	if i := bytes.IndexByte(b[at.start:at.end], '"'); i == 0 && (at.start == 0 || b[at.start-1] != '\\') || i > 0 && b[at.start+i-1] != '\\' {
		return span{}, false
	}
	from := max(0, at.start-sqlReach)
	open := bytes.LastIndexByte(b[from:at.start], '"')
	for open > 0 && b[from+open-1] == '\\' {
		open = bytes.LastIndexByte(b[from:from+open], '"')
	}
	if open < 0 {
		return span{}, false
	}
	open += from + 1
	before := bytes.TrimRight(b[max(0, open-8):open-1], " \t\n")
	if n := len(before); n > 0 && before[n-1] != ':' && before[n-1] != '[' && !word(before[n-1]) {
		return span{}, false
	}
	if bytes.Count(line(b, open-1), []byte(`"`))%2 == 1 {
		return span{}, false
	}
	to := min(len(b), at.end+sqlReach)
	for i := at.end; i < to; i++ {
		if b[i] == '"' && b[i-1] != '\\' {
			return span{open, i}, true
		}
	}
	return span{}, false
}
