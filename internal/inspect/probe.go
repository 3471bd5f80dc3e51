package inspect

import (
	"bytes"
	"encoding/hex"
	"regexp"
	"strings"
)

// sqlShort is the longest text that is taken for a piece of a statement, in bytes.
const sqlShort = 256

var (
	// sqlProbe is a statement that no question to a database comes to: it waits, reads a file or a list of passwords, asks
	// the server about itself or the rights of its users, has a second query of constants behind a first without a table,
	// or copies a database to another machine.
	sqlProbe = newPattern(`(?i)^[\s(]*select[\s(]+(?:(?:pg_)?(?:sleep|benchmark|load_file)\s*\([^;]*\)\s*;?$|[^\s]{0,8}union\s+select\s+[\d,\s]+$|[^;]*\bfrom\s+(?:mysql\.user|pg_shadow|pg_authid|sys\.user\$|dba_users|master\.\.sys\w*|sys(?:logins|xlogins|objects|columns)|syscat\.(?:\w*auth|schemata)|sysibm\.\w+)\b|[^;]*\binto\s+(?:out|dump)file\s+')|^\s*exec(?:ute)?\s*(?:\(\s*@\w|immediate\s+['"])|^backup\s+database\s[^;]*\bto\s+disks?\s*=\s*n?['"]\\\\|^\W*bulk\s+insert\s+\w+\s+from\s+['"](?:\\\\|c:\\inetpub)`)
	// sqlSelf is a statement without a table that asks the server who it is and for whom it works, or returns one constant
	// in hex.
	sqlSelf = newPattern(`(?i)^[\s(]*select[\s(]+(?:(?:system_|session_|current_)?user(?:\s*\(\s*\))?|version\s*\(\s*\)|(?:database|schema)\s*\(\s*\)|current_setting\s*\([^)]*\)|current\s+(?:server|user)|@@?[a-z]\w*(?:\s+["'\w]+)?|(?:char\s*\(\s*)?0x[\da-f]{2,}\s*\)?)[\s);]*(?:from\s+(?:dual|sysibm\.\w+))?[\s;]*(?:--[^\n]*)?$`)
	// sqlOdd are spellings in which servers still see words and their authors hope that filters do not: white space and
	// words that only comments, null bytes, exponents or digits keep apart.
	sqlOdd = newAlternatives(`(?i)\b(?:select|union|from|where|insert|into|update|delete|exec|declare|group|order|having|sleep)/\*[^*\n]*\*/[^\s/]|[^\s/]/\*[^*\n]*\*/(?:select|union|from|where|into|group|order|having)(?:[^\w/]|/\*[^*\n]*\*/)|\bselect(?:[\x00\\]|\s+\d+from\b)|\bselect\s[^;]*\s[\d.]+e\.?\w+[._]\w|\b(?:select|or|and|where)\s*\\\d+\s*=\s*\\\d|\bselect\s+\$\.` + "``" + `|\b(?:from|where)\\`)
	// sqlTight is a query without the white space that people put between its words.
	sqlTight = newPattern(`(?i)^[\s(]*select[-.!~@"'` + "`" + `{\\$][^;]*\bfrom\b|^[\s(]*select\s*\([^;]*\)from\b|^[\s(]*select[^;]*[\w)'"` + "`" + `\]]from[(` + "`" + `"'\[{]|^[\s(]*select[^;]*\bfrom[` + "`" + `"'\[{(][\w]|^[\s(]*select(?:%09|%0[abcd]|%a0)[^;]*\bfrom\b|\{\s*\w*\s*(?:\(\s*)?select[\s(][^;}]*\bfrom\b`)
	// sqlScalar is a query in brackets, alone or compared with something.
	sqlScalar = newPattern(`(?i)^\(+\s*select\b[^;]*\)+\s*(?:[=<>][^;]*)?$`)
	// sqlSets joins the results of queries, each of which may stand in brackets.
	sqlSets = newPattern(`(?i)\)\s*(?:union|intersect|except|order|limit)\b`)
	// sqlOwn are the calls and constants that tools against databases put together, and queries of people never have: what
	// makes an error that tells something, and text that is spelled in codes of characters.
	sqlOwn = newAlternatives(`(?i)\bfloor\s*\(\s*rand\s*\(\s*0?\s*\)\s*\*\s*2\s*\)|\bconcat(?:_ws)?\s*\(\s*0x[\da-f]{2,}\s*,|(?:\bchr\s*\(\s*\d+\s*\)\s*\|\|\s*){2}|\bselect\s*\(\s*(?:pg_)?sleep\s*\(\s*\d|\bselect\s*\*\s*from\s*\(\s*select\s*\(\s*sleep|\belt\s*\(\s*(\d+)\s*=\s*\d+|\blo_(?:get|import|export|from_bytea)\s*\(\s*['"\d]|\bstarts_with\s*\(\s*passw|\bprocedure\s+analyse\s*\(|\b(?:pg_(?:read_file|read_binary_file|ls_dir|reload_conf)|dblink(?:_connect)?|(?:query|database|table)_to_xml|sys_(?:eval|exec)|load_extension|xp_(?:cmdshell|dirtree|regread|fileexist)|openrowset)\s*\(?\s*n?['"]|\b(?:utl_(?:http|inaddr|tcp|smtp|file)|dbms_(?:java|ldap|pipe|lock|xslprocessor|xmlgen|advisor)|ctxsys\.drithsx)\w*\s*\.\s*\w+\s*\(|\bhttpuritype\s*\(|\bload\s+data\s+(?:local\s+)?infile\s+['"](?:/etc/|/var/|/root|c:|<|\\\\)|\bcopy\s+\w+\s*(?:\([^)]*\)\s*)?(?:from|to)\s+(?:program\s+)?'?/(?:etc|tmp|var/www|root)/|\battach\s+(?:database\s+)?['"][^'"]*\.(?:php|jsp|aspx?)['"]|\bunion(?:\s+all|\s+distinct)?\s+select\s+(?:null|\d+)(?:\s*,\s*(?:null|\d+)){2,}|\binto\s+(?:out|dump)file\s*\(?\s*['"(]|^\s*exec(?:ute)?\s+(?:master\s*\.+\s*)?(?:dbo\.)?(?:xp_\w|sp_(?:add\w|configure|makewebtask|oa\w|password|droplogin|start_job|execute_external))`)
	// sqlEqual is an alternative that compares two constants, at an end.
	sqlEqual = regexp.MustCompile(`(?i)\bor\s+\(?\s*['"]?(\w{1,12})['"]?\s*=\s*['"]?(\w{1,12})['"]?\s*\)*\s*(?:--|#|/\*|;|$)`)
	// sqlCodes is a text that is spelled in codes of characters.
	sqlCodes = newPattern(`(?i)\bchar\s*\(\s*\d+(?:\s*,\s*\d+){3,}`)
	// sqlCutOff is a whole statement, or one behind another, that makes what follows it a comment of nothing.
	sqlCutOff = newPattern(`(?i)^[^'"]*;\s*(?:--[\s+]*-?\s*|#\s*)$|;\s*(?:insert|update|delete|drop|create|alter|replace|select|exec|grant|truncate|load|copy)\b[^\n]*?(?:--[\s+]*-?\s*\w?|#\s*)$`)
	// sqlOpenEnd is what stands around a value in a statement and has no value, with the end left open for one.
	sqlOpenEnd = newPattern(`(?i)^['"` + "`" + `)\s]*(?:x?or|and|&&|\|\||having|where)\s+["` + "`" + `]?[\w.]+["` + "`" + `]?\s*(?:[=<>!^]{1,3}|like|r?like|regexp|in|between)\s*['"(]{0,2}\s*$|^[\w@.-]{0,40}['"]\s*(?:x?or|and|&&|\|\|)\s+['"]?\w+['"]?\s*[-<>=!+^]{1,2}\s*$|^from[\s(` + "`" + `]*(?:information_schema|select\b)|^[)` + "`" + `'"\s]*\)?\s*as\s+["` + "`" + `]?\w+["` + "`" + `]?\s+from\b\s*\S*$|^(?:not\s+)?in\s*\(\s*select\b|^into\s+(?:out|dump)file\b|^\)\s*(?:when\s+\S+\s+then|union|as\s+\w+\s+from)\b|^select[\s(]+\w+\s*\(\s*(?:\w+\s*\(?)?\s*$|^union\s+select\s+\w+\s+from\s*$|^['"]?\s*--\s*(?:&\w+=|sp_password)|^\w*:?\*/\s*=|^['"]\s*union\s+(?:all\s+|select\s*)*\w?$`)
	// sqlCalled is a value that leaves its place for a call, and comes back to it.
	sqlCalled = newPattern(`(?i)^[\w@.\\-]{0,40}['"][)\s]*(?:x?or|and|\|\||&&)\s*(?:\d+\s*(?:=|<>|!=|<|>|like)\s*[a-z_][\w.$]*\s*\(|\|\||[^'"\n]{0,40}\(\s*select\b)|^['"]\s*\|\|\s*[a-z_][\w.$]*\s*(?:\([^\n]*)?$|^[^'"\n]{0,40}['"][)\s]*(?:\|\||[+.&])\s*[a-z_][\w.]*\s*\([^\n]*\)\s*(?:\|\||[+.&])\s*['"]$|^[\w@.\\-]{0,40}['"][)\s]*(?:x?or|and)\s+\w+\s*\([^()\n]*\)\s*(?:;|(?:and|or)\s+['"]\w*$)|^[\w@.\\-]{0,40}['"][)\s]*(?:x?or|and)\s+(?:true|false|\d+|\w+\s+(?:glob|like|escape)\s+\w+)\s*;`)
	// sqlJSON is a condition on documents that stands where a value does.
	sqlJSON = newPattern(`(?i)^[^'\s]{0,40}['"]?\s*\b(?:x?or|and)\s+(?:'[^']*'|json_\w+\s*\()[^\n]*?(?:::\s*jsonb?\b|<@|@>|\?[|&]?\s|->>?|#>>?|@@|@\?|\$\.)`)
)

// probing reports whether a whole statement, or what stands for one, is none that a question to a database comes to.
func probing(text []byte) bool {
	return len(text) <= sqlShort && (sqlProbe.Match(text) || oddly(text) && sqlOdd.Match(text) ||
		hasWords(text, 1, sqlOwnWords) && (sqlCodes.Match(text) || sqlOwn.Match(text)) || sqlSelf.Match(text) || tightly(text) && sqlTight.Match(text) ||
		text[0] == '(' && sqlScalar.Match(text) && !sqlSets.Match(text) || sqlHead.Match(text) && holdsAlways(text))
}

// tightly reports whether a text begins as all queries without white space do, or may hold one.
func tightly(text []byte) bool {
	const query = "select"
	head := bytes.TrimLeft(text, "( \t\n\f\r")
	return len(head) > len(query) && bytes.EqualFold(head[:len(query)], []byte(query)) || bytes.IndexByte(text, '{') >= 0
}

// sqlOwnWords are words of calls and constants one of which each of sqlOwn and sqlCodes has.
var sqlOwnWords = func() map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.Fields("floor concat concat_ws chr sleep pg_sleep elt lo_get lo_import lo_export lo_from_bytea starts_with analyse pg_read_file " +
		"pg_read_binary_file pg_ls_dir pg_reload_conf dblink dblink_connect query_to_xml database_to_xml table_to_xml sys_eval sys_exec load_extension xp_cmdshell " +
		"xp_dirtree xp_regread xp_fileexist openrowset utl_http utl_inaddr utl_tcp utl_smtp utl_file dbms_java dbms_ldap dbms_pipe dbms_lock dbms_xslprocessor " +
		"dbms_xmlgen dbms_advisor drithsx httpuritype infile char copy attach union outfile dumpfile exec execute") {
		words[w] = true
	}
	return words
}()

// oddly reports whether a text has a sign that all odd spellings have one of.
func oddly(text []byte) bool {
	for i, c := range text {
		switch {
		case c == '\\', c == 0, c == '$', c == '*' && i > 0 && text[i-1] == '/':
			return true
		case i > 0 && (c|0x20 == 'e' || c|0x20 == 'f') && (digit(text[i-1]) || text[i-1] == '.'):
			return true
		}
	}
	return false
}

// cutOut reports whether a text is a piece of a statement that was cut to stand between what comes before and behind a value.
func cutOut(text []byte) bool {
	return len(text) <= sqlShort && (cutsOff(text) || sqlOpenEnd.Match(text) || sqlCalled.Match(text) || sqlJSON.Match(text) || glued(text))
}

// cutsOff reports whether a text ends a statement and makes what follows it a comment of nothing.
func cutsOff(text []byte) bool { return bytes.IndexByte(text, ';') >= 0 && sqlCutOff.Match(text) }

// sqlWords are words that a comment in the middle takes apart.
var sqlWords = [][]byte{[]byte("union"), []byte("select"), []byte("insert"), []byte("delete"), []byte("update"), []byte("from"), []byte("where"), []byte("sleep")}

// holdsAlways reports whether a statement ends in an alternative that always holds.
func holdsAlways(text []byte) bool {
	for _, m := range sqlEqual.FindAllSubmatch(text, 4) {
		if bytes.EqualFold(m[1], m[2]) {
			return true
		}
	}
	return false
}

// glued reports whether a comment stands inside of a word of SQL.
func glued(text []byte) bool {
	if !bytes.Contains(text, []byte("/*")) {
		return false
	}
	plain := bytes.ToLower(sqlComment.ReplaceAll(text, nil))
	spaced := bytes.ToLower(sqlComment.ReplaceAll(text, []byte(" ")))
	for _, w := range sqlWords {
		if bytes.Contains(plain, w) && !bytes.Contains(spaced, w) {
			return true
		}
	}
	return false
}

// minCoded is how many digits of hex a statement in code has at least.
const minCoded = 24

// inHex reports whether a value is a statement that is written as one number in hex, in bytes or in pairs of bytes.
func inHex(text []byte) bool {
	if len(text) < minCoded || text[0] != '0' || text[1]|0x20 != 'x' {
		return false
	}
	digits := bytes.TrimRight(text[2:], " .")
	plain := make([]byte, hex.DecodedLen(len(digits)))
	n, err := hex.Decode(plain, digits[:len(digits)&^1])
	if err != nil {
		return false
	}
	plain = bytes.ToLower(bytes.ReplaceAll(plain[:n], []byte{0}, nil))
	for _, w := range []string{"select ", "waitfor ", "exec ", "exec(", "execute ", "declare ", "insert ", "update ", "delete ", "drop ", "create "} {
		if bytes.HasPrefix(plain, []byte(w)) {
			return true
		}
	}
	return false
}
