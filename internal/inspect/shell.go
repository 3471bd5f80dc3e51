package inspect

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

const (
	// shellValue is the longest value that is judged whole, in bytes.
	shellValue = 400
	// shellHead is the longest value in front of an injected command, in bytes.
	shellHead = 96
	// shellVerb is how far before its argument a command begins at most, with the separator in front of it.
	shellVerb = 24
	// shellPipes is the most bars that a line has which is no row of a table.
	shellPipes = 2
	// shellNear is how far before a separator the command line begins to which it belongs, in bytes.
	shellNear = 64
	// shellLines is how many line breaks a value has at most: scripts have more.
	shellLines = 2
)

// commands are the programs that injections run. The value says how much the word is of English: a word of prose needs
// arguments that are none.
var commands = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields("whoami id uname cat tac ls dir ifconfig ipconfig netstat netsh nslookup dig curl wget nc ncat netcat telnet " +
		"powershell pwsh cmd certutil bitsadmin systeminfo sysinfo tasklist printenv ps rm del rmdir perl python python2 python3 php " +
		"ruby lua sh bash zsh ksh dash csh ftp tftp scp ssh rsync chmod chown mkfifo socat xxd base64 crontab reboot useradd adduser " +
		"usermod passwd sudo su pwd hostname lsof uptime arp mshta rundll32 regsvr32 wmic cscript wscript msiexec awk gawk sed vim vi nano gcc " +
		"irb xterm busybox phpinfo phpversion shell_exec passthru popen proc_open lastlogin printf cp mv wc od " +
		"iconv uconv zcat bzcat xargs nmap tcpdump mysql psql sqlite3 docker kubectl dd mkfs tee ln ltrace strace gdb openssl") {
		all[w] = true
	}
	for _, w := range strings.Fields("system type net ping sleep echo find which set host who last route head tail more less nl grep at kill shutdown halt " +
		"mount users date timeout time top w finger sort cut test start call copy move reg expr wait file read source locate ed touch strings rev node java eval exec env") {
		all[w] = false
	}
	return all
}()

// tools are programs that command lines begin with and injections do not run.
var tools = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields("cd man apropos getent npm npx yarn pnpm git make cmake pip pip3 pipx uv poetry cargo rustc go mvn gradle apt apt-get yum dnf apk brew " +
		"yes true false watch helm terraform ansible systemctl journalctl export unset mkdir tar unzip gzip jq yq docker-compose podman " +
		"deno bun tsc pytest ruff conda virtualenv gh az aws gcloud ffmpeg magick pandoc xcodebuild bundle rake rails") {
		all[w] = true
	}
	return all
}()

var (
	// shellArguments are a command without any, or with some that are no words.
	shellArguments = regexp.MustCompile("^[\\w/.]+\\s*(?:$|[;&`'\"),}<|\\\\]|\\.\\s)|^[\\w/.]+\\s+(?:-\\w|[/~$%*\"'.]\\S|https?:|\\d+(?:\\.\\d|\\s*(?:$|[;&`'\"),]|(?:and|to|in|on|for|then|please)\\b))|\\S*[./\\\\:]\\w)|^\\w+\\(")
	// shellAlone are programs whose names are no words of English.
	shellAlone = newPattern(`(?i)^[\w/.]*\b(?:whoami|ifconfig|ipconfig|netstat|systeminfo|sysinfo|printenv|uname|phpinfo|tasklist)\b`)
	// shellSpace is what stands for a space in a command line without one.
	shellSpace = newPattern(`\$\{IFS[^}]{0,12}\}|\$IFS(?:\$\d)?|\\x20|\\t`)
	// shellNothing are characters that a shell takes out of a word.
	shellNothing = newPattern("``|''|\"\"|\\$\\(\\)|\\$[@*]|\\$\\{[@*]\\}|([A-Za-z/?])\\$[a-zA-Z]\\b|([A-Za-z])[\\\\^]([A-Za-z])")
	// shellCertain needs no look at what stands around it.
	shellCertain = newPattern(`(?i)<\?(?:php|=)\s*@?(?:system|exec|passthru|shell_exec|eval|assert|popen)\s*\(|<\?(?:php|=)?[^\n]{0,40}\$_(?:get|post|request|cookie)\[|\(\)\s*\{\s*:\s*;?\s*\}\s*;|<!--\s*#exec\s+cmd|\{\$\{?\w+\(|\$\{@?print\(|;\s*\{\s*\$_(?:get|post|request)|\$\{@?system\(|(?:^|[;|&` + "`" + `(\s])\{[a-z]{2,8},[-/~.$][^}\s]*\}`)
	// shellPath is a program that is named by its path, and shellNested a substitution inside another.
	shellPath   = newPattern(`^/(?:usr/(?:local/)?)?s?bin/\w`)
	shellNested = newPattern("^\\$\\(\\s*`\\s*[a-z][^`\n]{0,80}`\\s*\\)|^;?`[a-z]{2,8}<<<")
	// shellJoined are programs whose names are no words, in front of a sentence that goes on.
	shellJoined = newPattern(`(?i)^(?:dir|pwd|ls|whoami|uname|ifconfig|ipconfig|netstat|printenv|wget|curl|nslookup|ps|chmod)\s+(?:and|to|in|on|for|then|please)\b`)
	// shellPair are commands of two words.
	shellPair = newPattern(`(?i)^(?:net\s+(?:user|view|localgroup|start|stop|share|use)|reg\s+(?:add|save|query|delete)|type\s+[c-z]:|netsh\s+\w*firewall|find\s+/|sudo\s+\w+|ps\s+(?:aux|-?ef)|perl\s+-|python\d?\s+-)`)
	// assignment is how a script gives a variable a value.
	assignment = newPattern(`^\w+=[\w"'(+-]*$`)
	// shellWild is a path with wildcards in it.
	shellWild = newPattern(`/[\w?*\[\]]*[?*\[][\w?*\[\]]*/[\w?*\[\]]+(?:/[\w?*\[\]]+)*|/\w+/[\w?*\[\]]*[?*\[][\w?*\[\]]*(?:/[\w?*\[\]]+)*`)
	// shellCall is a call of another language that hands its argument to a shell, as a whole value.
	shellCall = newPattern(`(?i)^[\s"';)+|&]*(?:(?:system|exec|eval|passthru|shell_exec|popen|assert)\s*\(\s*["'](?:whoami|id|ls|pwd|dir|sleep|cat|ping|curl|wget|uname|nc|echo|type|net|ps|rm)\b|php(?:info|version)\(\))`)
)

// hidden paths that wildcards are written for.
var wildTargets = []string{"/etc/passwd", "/etc/shadow", "/etc/hosts", "/bin/cat", "/usr/bin/cat", "/bin/sh", "/bin/bash", "/bin/nc", "/usr/bin/id", "/bin/ls", "/usr/bin/nc"}

// verifyCommandValue decides whether the whole of a short value leaves its place and goes on as a command of a shell.
func verifyCommandValue(b []byte, _ span) bool {
	if value, ok := valueIn(b); ok && value[0] != '`' && !choice(value) && commandLeaves(value) {
		return true
	}
	return commandLeaves(b)
}

// shellChoice are words behind a sign that joins them, which sentences and build files have, too.
var shellChoice = newPattern(`(?i)^[|&]{1,2}\s*(?:test|build|run|start|find|sort|cut|head|tail|grep|more|less|file|date|time|users?|host|type|source|move|copy|wait|read|which|set|call|echo|expr|strings|locate|touch)\b\s*\w`)

// choice reports whether a sentence has words joined rather than a command.
func choice(value []byte) bool { return shellChoice.Match(value) }

// commandLeaves reports whether a value leaves its place and goes on as a command.
func commandLeaves(b []byte) bool {
	text := bytes.TrimSpace(b)
	if shellCertain.Match(text) || shellCall.Match(text) || wild(text) {
		return true
	}
	if from := bytes.Index(text, fence); from >= 0 && bytes.LastIndex(text, fence) > from {
		// What stands between fences is code that the text shows.
		text = bytes.TrimSpace(text[:from])
	}
	if container(text) {
		return false // its values are judged one by one
	}
	if bytes.HasPrefix(text, fence) || bytes.HasPrefix(text, []byte("#!")) || bytes.Count(text, []byte("\n")) > shellLines || bytes.Count(text, []byte(" | ")) > shellPipes-1 {
		return false
	}
	plain := unhidden(text)
	return goesOnInShell(text) || len(plain) != len(text) && goesOnInShell(plain)
}

// goesOnInShell reports whether a separator ends the first word of text and a command begins behind it.
func goesOnInShell(text []byte) bool {
	limit := min(len(text), shellHead)
	if i := bytes.IndexAny(text, " \t"); i >= 0 {
		limit = min(limit, i+2)
	}
	for i := range limit {
		from := i + 1
		switch c := text[i]; c {
		case ';', '|', '&', '\n':
			if c == '|' && i > 1 && text[i-1] == ' ' && text[i-2] == ':' && from < len(text) && text[from] == '\n' {
				return false // a block of YAML
			}
			if !leavable(bytes.TrimSpace(text[:i])) || i == 1 && letter(text[0]) && from < len(text) && text[from] == ' ' {
				continue
			}
		case '`', '$':
			if c == '$' && (from == len(text) || text[from] != '(') || !leavable(text[:i]) || assignment.Match(text[:i]) {
				continue // no substitution, or one that a script assigns
			}
			if i == 0 && c == '`' && !bytes.ContainsAny(text[1:], " /<;$") {
				continue // a name of code
			}
		case '\\':
			if from == len(text) || text[from] != 'n' || !leavable(text[:i]) {
				continue
			}
			from++
		default:
			continue
		}
		if hostile(bytes.TrimLeft(text[from:], ";|&\n`$( \t\"'+"), true) {
			return true
		}
	}
	return false
}

// leavable reports whether head is a value that a command can follow: nothing, a number, a name with a dot, a path, the
// end of a quotation. A word alone is the name of a program, and what follows it a pipeline.
func leavable(head []byte) bool {
	if len(head) <= 1 {
		return true
	}
	if bytes.IndexByte(head, ' ') >= 0 {
		return false
	}
	if head[0] == '/' || head[0] == '.' || head[0] == '-' || head[0] == '$' {
		// A path in front of a pipeline is the program that is run.
		return bytes.IndexByte(head, '.') > 1
	}
	return bytes.ContainsAny(head, ".@'\")=/:*") || allDigits(head)
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if !digit(c) {
			return false
		}
	}
	return true
}

// hostile reports whether b begins with a command. certain says that only a command can stand there.
func hostile(b []byte, certain bool) bool {
	size := len(b)
	for _, dir := range []string{"/usr", "/local", "/sbin", "/bin", "usr/bin", "bin", "/"} {
		b = bytes.TrimPrefix(b, []byte(dir))
	}
	// A path to a program is no word of prose.
	certain = certain || len(b) != size
	var low [16]byte
	n := 0
	for ; n < len(b) && n < len(low) && (letter(b[n]) || digit(b[n]) || b[n] == '_'); n++ {
		low[n] = b[n] | 0x20
		if !letter(b[n]) {
			low[n] = b[n]
		}
	}
	rare, known := commands[string(low[:n])]
	if !known {
		return false
	}
	rest := bytes.TrimPrefix(b[n:], []byte(".exe"))
	if len(rest) == 0 {
		return true
	}
	switch rest[0] {
	case ' ', '\t':
		return rare && certain || !wordAlone(rest[1:]) || shellPair.Match(b)
	case ';', '|', '&', '\n', '`', '"', '\'', ')', '<', '>', '(', '\\', '{', '+', '#', '}':
		return true
	case '/', '$', '%':
		return true
	}
	return false
}

// wordAlone reports whether b begins with a word of prose: letters, and behind them a space or the mark of a sentence.
func wordAlone(b []byte) bool {
	n := 0
	for n < len(b) && letter(b[n]) {
		n++
	}
	return n > 0 && (n == len(b) || b[n] == ' ' || b[n] == ',' || b[n] == '\'' || b[n] == '.' && (n+1 == len(b) || b[n+1] == ' '))
}

// unhidden writes out what a shell makes of a command line before it runs it.
func unhidden(b []byte) []byte {
	if !bytes.ContainsAny(b, "$\\^'\"`") {
		return b
	}
	b = shellSpace.ReplaceAll(b, []byte(" "))
	return shellNothing.ReplaceAll(b, []byte("$1$2$3"))
}

// wild reports whether a path with wildcards means a file or a program that injections need.
func wild(b []byte) bool {
	for _, at := range shellWild.FindAllIndex(b, 4) {
		pattern := string(b[at[0]:at[1]])
		literals := 0
		for i := range len(pattern) {
			if letter(pattern[i]) {
				literals++
			}
		}
		last := pattern[strings.LastIndexByte(pattern, '/')+1:]
		if strings.Contains(pattern, "*") && literals < 3 || strings.Trim(last, "*") == "" {
			continue
		}
		for _, target := range wildTargets {
			if ok, err := path.Match(pattern, target); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// verifyCommand decides whether a command is injected in a text of any kind. In a line of a shell a command follows
// another; in a value and in prose it follows a value.
func verifyCommand(b []byte, at span) bool {
	if q, ok := valueAround(b, at); ok && q.end-q.start <= shellValue && (q.start > 2 && b[q.start-2] != '$' && spoken(b, q.start)) &&
		verifyCommandValue(bytes.ReplaceAll(b[q.start:q.end], []byte(`\"`), []byte(`"`)), at) {
		return true
	}
	sep := separator(b, at)
	if sep < 0 {
		return false
	}
	before := line(b, sep)
	end := min(len(b), at.end+shellHead)
	if i := bytes.IndexByte(b[at.end:end], '\n'); i >= 0 {
		end = at.end + i
	}
	switch b[sep] {
	case '|':
		if sep > 0 && sep+1 < len(b) && word(b[sep-1]) && word(b[sep+1]) && !leavable(before[bytes.LastIndexByte(before, ' ')+1:]) {
			return false // a choice of words
		}
		if bytes.Count(before, []byte("|"))+bytes.Count(b[sep:end], []byte("|")) > shellPipes || len(bytes.TrimSpace(before)) == 0 {
			return false // a row of a table
		}
	case '`', '$':
		if shellNested.Match(b[sep:end]) {
			return true
		}
		if sep == 0 || !word(b[sep-1]) && b[sep-1] != '.' {
			return false // code that the text speaks about, or a script
		}
	}
	if scripted(before) {
		return false
	}
	rest := bytes.TrimLeft(unhidden(b[sep:end]), ";|&`$( \t")
	if shellPath.Match(rest) && hostile(rest, true) {
		return true
	}
	joins := sep > 0 && (b[sep] == '|' || b[sep] == '&' && sep+1 < len(b) && b[sep+1] == '&')
	if joins && shellJoined.Match(rest) && hostile(rest, true) {
		return true
	}
	return shellAlone.Match(rest) || hostile(rest, false) && (shellArguments.Match(rest) || shellPair.Match(rest))
}

// separator returns where the separator stands that the match has in it, or that stands shortly before a match which is
// the argument of a command; or -1.
func separator(b []byte, at span) int {
	for i := at.start; i < at.end; i++ {
		if bytes.IndexByte([]byte(";|&`"), b[i]) >= 0 || b[i] == '$' && i+1 < len(b) && b[i+1] == '(' {
			return i
		}
	}
	from := max(0, at.start-shellVerb)
	if i := bytes.LastIndexAny(b[from:at.start], ";|&\n"); i >= 0 && b[from+i] != '\n' {
		return from + i
	}
	return -1
}

// spoken reports whether the quotation that begins at pos is the value of a member or a phrase of a sentence.
func spoken(b []byte, pos int) bool {
	before := bytes.TrimRight(b[max(0, pos-sqlReach):pos-1], " \t")
	return len(before) > 0 && before[len(before)-1] == ':' || grammatical(line(b, pos-1), 1)
}

// scripted reports whether the end of b belongs to a command line or to code, where separators have their place.
func scripted(b []byte) bool {
	if n := len(b) - shellNear; n > 0 {
		b = b[n:]
	}
	if bytes.ContainsAny(b, "({}`#>") || bytes.Contains(b, []byte(" -")) {
		return true
	}
	if program(bytes.TrimLeft(b, " \t$")) || program(b[bytes.LastIndexAny(b, "\"'")+1:]) {
		return true
	}
	for i := 0; i < len(b); i++ {
		from := i
		for i < len(b) && (letter(b[i]) || digit(b[i]) || b[i] == '_' || b[i] == '-') {
			i++
		}
		if i > from && (commands[string(b[from:i])] || tools[string(b[from:i])]) {
			return true
		}
	}
	return false
}

// program reports whether b begins with the name of a program.
func program(b []byte) bool {
	n := 0
	for n < len(b) && (letter(b[n]) || digit(b[n])) {
		n++
	}
	_, known := commands[string(b[:n])]
	return known || tools[string(b[:n])]
}

// gateCommand turns away a match over several lines, one that is part of an expression, and one in a line of a shell.
func gateCommand(b []byte, at span) bool {
	if bytes.IndexByte(b[at.start:at.end], '\n') >= 0 || at.end < len(b) && (b[at.end] == '=' || b[at.end] == ':') {
		return false
	}
	sep := separator(b, at)
	before := line(b, at.start)
	if sep >= 0 {
		before = line(b, sep)
	}
	return bytes.Count(before, []byte(`"`))%2 == 1 || sep >= 0 && !scripted(before)
}
