package inspect

import "bytes"

// publicUsers are names and passwords of manuals.
var publicUsers = [][]byte{
	[]byte("user:pass"), []byte("username:"), []byte("user:user"), []byte("test:test"), []byte("Aladdin:"), []byte("admin:admin"), []byte("foo:bar"),
	[]byte("xxx:"), []byte("guest:guest"), []byte("root:root"), []byte(":password"), []byte(":token"), []byte(":secret"), []byte(":$"),
}

// pair reports whether a value is a name and a password that is no sample.
func pair(value []byte) bool {
	name, word, ok := bytes.Cut(value, []byte(":"))
	if !ok || len(name)+len(word) < 10 || len(word) < 6 && len(name) < 20 || sample(value) || bytes.IndexByte(word, '$') == 0 {
		return false
	}
	for _, public := range publicUsers {
		if bytes.Contains(value, public) {
			return false
		}
	}
	for _, c := range value {
		if c < ' ' || c >= 0x7F {
			return false
		}
	}
	return true
}

// scheme returns the value behind the name of a scheme of HTTP authentication.
func scheme(b []byte, at span) (span, bool) {
	start := skipBlank(b, at.end)
	if start == at.end {
		return at, false
	}
	end := start
	for end < len(b) && end < start+maxValue && (tokenByte(b[end]) || b[end] == ':' || b[end] == '|') {
		end++
	}
	return span{start, end}, end-start >= minRandom
}

// verifyBasic holds for the scheme Basic with a name and a password that are no samples.
func verifyBasic(b []byte, at span) bool {
	value, ok := scheme(b, at)
	if !ok {
		return false
	}
	var buffer [headBytes]byte
	return pair(unbase64(buffer[:], b[value.start:value.end]))
}

// verifyBearer holds for the scheme Bearer with a random token.
func verifyBearer(b []byte, at span) bool {
	value, ok := scheme(b, at)
	return ok && value.end-value.start >= shortRandom && randomness(b[value.start:value.end]) != likeNothing
}

func wholeScheme(b []byte, at span) span {
	value, _ := scheme(b, at)
	return value
}

const (
	// maxUserInfo is how long a name and a password in a URL are at most.
	maxUserInfo = 256
	// minURLPassword is the shortest password in a URL that is taken for one.
	minURLPassword = 6
)

// userInfo returns the name and password behind the :// of a URL and the host behind them.
func userInfo(b []byte, at span) (info span, host []byte, ok bool) {
	last := -1
	end := at.end
	for ; end < len(b) && end < at.end+maxUserInfo; end++ {
		c := b[end]
		if c == '@' {
			last = end
		}
		if c <= ' ' || c == '/' || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' || c == ')' {
			break
		}
	}
	if last < 0 {
		return at, nil, false
	}
	return span{at.end, last}, b[last+1 : end], true
}

// samplePasswords are passwords in URLs that show where one stands; sampleHosts are machines that only their users reach.
var samplePasswords = [][]byte{
	[]byte("pass"), []byte("secret"), []byte("postgres"), []byte("root"), []byte("changeme"), []byte("admin"), []byte("guest"), []byte("test"),
	[]byte("example"), []byte("your"), []byte("xxx"), []byte("***"), []byte("..."), []byte("pwd"), []byte("token"), []byte("user"), []byte("key"), []byte("{"),
	[]byte("%s"), []byte("["), []byte("mysql"), []byte("redis"), []byte("$"), []byte("123456"),
}

var sampleHosts = [][]byte{[]byte("localhost"), []byte("127.0.0.1"), []byte("example."), []byte("host"), []byte("[::1]"), []byte("server"), []byte("proxy")}

// verifyUserInfo holds for a URL with a password that is no sample, for another machine.
func verifyUserInfo(b []byte, at span) bool {
	info, host, ok := userInfo(b, at)
	if !ok {
		return false
	}
	_, word, ok := bytes.Cut(b[info.start:info.end], []byte(":"))
	if !ok || len(word) < minURLPassword || len(host) < 4 {
		return false
	}
	lower := bytes.ToLower(word)
	for _, s := range samplePasswords {
		if bytes.Contains(lower, s) {
			return false
		}
	}
	for _, s := range sampleHosts {
		if bytes.HasPrefix(host, s) {
			return false
		}
	}
	c := composed(word)
	mixed := c.digits > 0 || c.upper > 0 && c.lower > 0
	return mixed && !sample(word) && entropy(word) >= 2
}

func wholeUserInfo(b []byte, at span) span {
	info, _, _ := userInfo(b, at)
	return info
}

// maxCommand is how much of a command is looked at.
const maxCommand = 512

// userOption returns the name and password that a command of curl names.
func userOption(b []byte, at span) (span, bool) {
	line := b[at.end:min(len(b), at.end+maxCommand)]
	for _, option := range [][]byte{[]byte(" -u"), []byte(" --user"), []byte(" --proxy-user")} {
		i := bytes.Index(line, option)
		if i < 0 {
			continue
		}
		start := at.end + i + len(option)
		for start < len(b) && bytes.IndexByte([]byte(" ='\""), b[start]) >= 0 {
			start++
		}
		end := start
		for end < len(b) && end < start+maxUserInfo && b[end] > ' ' && b[end] != '"' && b[end] != '\'' {
			end++
		}
		return span{start, end}, end > start
	}
	return at, false
}

// verifyUserOption holds for a command of curl with a name and a password that are no samples.
func verifyUserOption(b []byte, at span) bool {
	value, ok := userOption(b, at)
	return ok && pair(b[value.start:value.end])
}

func wholeUserOption(b []byte, at span) span {
	value, _ := userOption(b, at)
	return value
}
