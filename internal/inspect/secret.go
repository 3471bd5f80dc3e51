package inspect

import (
	"bytes"
	"encoding/base64"
	"hash/crc32"
	"math"
	"slices"
)

const (
	// minEntropy is in bits a byte; English words have less than 3.2, random base64 of 20 bytes more than 3.5.
	minEntropy = 3.2
	// minDigest is the entropy of random digits to the base 16, of which there are few kinds.
	minDigest = 2.6
	// minTurns is how often capitals follow small letters in a run without digits that is no name in mixed case.
	minTurns = 6
	// minWordless is the length from which a value without a digit is no name in mixed case.
	minWordless = 30
	// placeholderBytes bounds how far into a match a word that marks a sample value is looked for.
	placeholderBytes = 256
	// secretReach is how far behind its name an assigned secret may begin, and how long one is looked at, in bytes.
	secretReach = 200
)

// alphabet is a set of the characters that a kind of token is written with.
type alphabet uint8

const (
	base62 alphabet = iota // letters and digits
	base64URL
	base16
	upper32 // A-Z and 2-7
	upper36
	dotted // base64URL and dots
)

func (a alphabet) holds(c byte) bool {
	switch a {
	case base62:
		return letter(c) || digit(c)
	case base16:
		return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
	case upper32:
		return c >= 'A' && c <= 'Z' || c >= '2' && c <= '7'
	case upper36:
		return c >= 'A' && c <= 'Z' || digit(c)
	case dotted:
		return letter(c) || digit(c) || c == '-' || c == '_' || c == '.'
	}
	return letter(c) || digit(c) || c == '-' || c == '_'
}

// issue is how the tokens of one issuer look: how long the run behind the prefix is, and what it is written with. A most
// of 0 is no bound.
type issue struct {
	prefix      string
	written     alphabet
	least, most int
}

// issues follow what issuers publish on the format of their tokens.
var issues = []issue{
	{"AKIA", upper32, 16, 16},
	{"ASIA", upper32, 16, 16},
	{"ABIA", upper32, 16, 16},
	{"ACCA", upper32, 16, 16},
	{"ABSK", base64URL, 100, 0},
	{"ghp_", base62, 36, 36},
	{"gho_", base62, 36, 36},
	{"ghu_", base62, 36, 36},
	{"ghs_", base62, 36, 36},
	{"ghr_", base62, 36, 76},
	{"github_pat_", base64URL, 60, 90},
	{"glpat-", base64URL, 20, 64},
	{"gldt-", base64URL, 20, 64},
	{"glrt-", dotted, 20, 64},
	{"glptt-", base64URL, 40, 40},
	{"glft-", base64URL, 20, 64},
	{"glsoat-", base64URL, 20, 64},
	{"glagent-", base64URL, 50, 64},
	{"gloas-", base64URL, 64, 64},
	{"glimt-", base64URL, 25, 64},
	{"glcbt-", base64URL, 20, 64},
	{"glffct-", base64URL, 20, 64},
	{"GR1348941", base64URL, 20, 64},
	{"xoxb-", base64URL, 20, 0},
	{"xoxp-", base64URL, 20, 0},
	{"xoxa-", base64URL, 20, 0},
	{"xoxr-", base64URL, 20, 0},
	{"xoxs-", base64URL, 20, 0},
	{"xoxe-", base64URL, 20, 0},
	{"xoxe.xoxp-", base64URL, 40, 0},
	{"xoxe.xoxb-", base64URL, 40, 0},
	{"xapp-", base64URL, 20, 0},
	{"sk_live_", base62, 16, 120},
	{"rk_live_", base62, 16, 120},
	{"sk_test_", base62, 16, 120},
	{"rk_test_", base62, 16, 120},
	{"whsec_", base62, 24, 64},
	{"sk-proj-", base64URL, 40, 0},
	{"sk-svcacct-", base64URL, 40, 0},
	{"sk-admin-", base64URL, 40, 0},
	{"sk-ant-", base64URL, 40, 0},
	{"sk-or-v1-", base16, 64, 64},
	{"sk-lf-", base64URL, 36, 36},
	{"sk-", base62, 32, 64},
	{"AIza", base64URL, 35, 35},
	{"ya29.", base64URL, 30, 0},
	{"GOCSPX-", base64URL, 28, 28},
	{"npm_", base62, 36, 36},
	{"dop_v1_", base16, 64, 64},
	{"doo_v1_", base16, 64, 64},
	{"dor_v1_", base16, 64, 64},
	{"SG.", dotted, 60, 72},
	{"hf_", base62, 34, 40},
	{"api_org_", base62, 34, 34},
	{"shpat_", base16, 32, 32},
	{"shpss_", base16, 32, 32},
	{"shpca_", base16, 32, 32},
	{"shppa_", base16, 32, 32},
	{"pypi-AgEIcHlwaS5vcmc", base64URL, 50, 0},
	{"sq0atp-", base64URL, 22, 22},
	{"sq0csp-", base64URL, 43, 43},
	{"glsa_", base64URL, 41, 41},
	{"glc_", base64URL, 32, 0},
	{"dapi", base16, 32, 34},
	{"lin_api_", base62, 40, 40},
	{"figd_", base64URL, 40, 60},
	{"pul-", base16, 40, 40},
	{"hvs.", base64URL, 24, 0},
	{"hvb.", base64URL, 90, 0},
	{"gsk_", base62, 40, 60},
	{"r8_", base62, 37, 37},
	{"xai-", base62, 70, 90},
	{"pplx-", base62, 40, 60},
	{"pat-na1-", base64URL, 36, 36},
	{"pat-eu1-", base64URL, 36, 36},
	{"ATATT3", base64URL, 100, 0},
	{"ATBB", base62, 28, 36},
	{"ATCTT3", base64URL, 100, 0},
	{"dckr_pat_", base64URL, 27, 36},
	{"dckr_oat_", base64URL, 27, 36},
	{"nvapi-", base64URL, 60, 72},
	{"pscale_tkn_", dotted, 32, 64},
	{"pscale_pw_", dotted, 32, 64},
	{"pscale_oauth_", dotted, 32, 64},
	{"rubygems_", base16, 48, 48},
	{"NRAK-", upper36, 27, 27},
	{"NRII-", base64URL, 32, 32},
	{"NRJS-", base16, 19, 19},
	{"pnu_", base62, 36, 36},
	{"FLWSECK_TEST-", base64URL, 12, 40},
	{"FLWSECK-", base64URL, 32, 40},
	{"fm1r_", base64URL, 60, 0},
	{"fm2_", base64URL, 60, 0},
	{"fo1_", base64URL, 40, 48},
	{"duffel_live_", base64URL, 43, 43},
	{"duffel_test_", base64URL, 43, 43},
	{"EZAK", base62, 54, 54},
	{"EZTK", base62, 54, 54},
	{"shippo_live_", base16, 40, 40},
	{"shippo_test_", base16, 40, 40},
	{"sntrys_", base64URL, 60, 0},
	{"sntryu_", base16, 64, 64},
	{"PMAK-", base64URL, 59, 59},
	{"sgp_", base64URL, 40, 70},
	{"LTAI", base62, 16, 22},
	{"CFPAT-", base64URL, 43, 43},
	{"dp.pt.", base62, 43, 43},
	{"dp.st.", dotted, 43, 60},
	{"dt0c01.", dotted, 80, 96},
	{"rdme_", base62, 70, 70},
	{"sbp_", base16, 40, 40},
	{"ntn_", base62, 40, 50},
	{"xkeysib-", base64URL, 80, 82},
	{"squ_", base16, 40, 40},
	{"sqp_", base16, 40, 40},
	{"sqa_", base16, 40, 40},
	{"AKCp", base62, 60, 72},
	{"AGE-SECRET-KEY-1", upper36, 58, 58},
	{"fio-u-", base64URL, 64, 64},
	{"tfp_", base64URL, 59, 59},
	{"lip_", base64URL, 32, 0},
	{"ops_eyJ", base64URL, 200, 0},
	{"EAACEdEose0cBA", base62, 30, 0},
	{"sha256~", base64URL, 43, 43},
	{"v1.0-", base64URL, 100, 180},
	{"rootly_", base16, 64, 64},
	{"akab-", base64URL, 40, 60},
	{"tvly-", base64URL, 32, 60},
	{"fc-", base16, 32, 32},
	{"lsv2_", base64URL, 40, 60},
	{"e2b_", base16, 40, 40},
}

// verifyToken holds for the prefix of an issuer with a run behind it that has the length and the look of its tokens.
func verifyToken(b []byte, at span) bool {
	for i := range issues {
		is := &issues[i]
		if !bytes.HasPrefix(b[at.start:], []byte(is.prefix)) {
			continue
		}
		from := at.start + len(is.prefix)
		end := from
		for end < len(b) && end < from+2*secretReach && is.written.holds(b[end]) {
			end++
		}
		n := end - from
		if n < is.least || is.most > 0 && n > is.most || end < len(b) && (letter(b[end]) || digit(b[end])) {
			continue
		}
		run := b[from:end]
		if n == 36 && is.prefix[0] == 'g' && is.prefix[3] == '_' && checksum(run) {
			return true
		}
		least := minEntropy - 0.2
		if is.written == base16 {
			least = minDigest
		}
		if !sample(run) && entropy(run) >= least && (is.written == upper32 || count(run, digit) >= 2 || turns(run) >= minTurns) {
			return true
		}
	}
	return false
}

// checksum reports whether the last six characters of a token of GitHub are those of the CRC-32 of the rest, to the base
// 62.
func checksum(run []byte) bool {
	const digits62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := crc32.ChecksumIEEE(run[:30])
	for i := 35; i >= 30; i-- {
		if run[i] != digits62[sum%62] {
			return false
		}
		sum /= 62
	}
	return true
}

var placeholders = [][]byte{
	[]byte("example"), []byte("xxxx"), []byte("your"), []byte("placeholder"), []byte("redacted"), []byte("changeme"), []byte("change-me"),
	[]byte("dummy"), []byte("sample"), []byte("****"), []byte("...."), []byte("123456789"), []byte("abcdef"), []byte("fake"), []byte("insert"),
	[]byte("<"), []byte("${"), []byte("{{"), []byte("0000"), []byte("aaaa"), []byte("goes-here"), []byte("replace"), []byte("secret-key-"), []byte("process.env"),
}

// sample reports whether a value says of itself that it is none.
func sample(value []byte) bool {
	lower := bytes.ToLower(value[:min(len(value), placeholderBytes)])
	for _, p := range placeholders {
		if bytes.Contains(lower, p) {
			return true
		}
	}
	return false
}

// entropy is that of the bytes of value, in bits a byte.
func entropy(value []byte) float64 {
	var counts [256]int
	for _, c := range value {
		counts[c]++
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

// turns counts how often a capital follows a small letter.
func turns(b []byte) int {
	n := 0
	for i := 1; i < len(b); i++ {
		if b[i] >= 'A' && b[i] <= 'Z' && b[i-1] >= 'a' && b[i-1] <= 'z' {
			n++
		}
	}
	return n
}

func count(b []byte, kind func(byte) bool) int {
	n := 0
	for _, c := range b {
		if kind(c) {
			n++
		}
	}
	return n
}

// verifyEntropy holds for a value that looks random: the run of characters at the end of the match. Sample values
// are none.
func verifyEntropy(b []byte, at span) bool {
	value := bytes.TrimRight(b[at.start:at.end], "\"'`,;) ")
	if i := bytes.LastIndexAny(value, " \t\n\"'=`:"); i >= 0 {
		value = value[i+1:]
	}
	if sample(value) || !bytes.ContainsAny(value, "0123456789") && len(value) < minWordless {
		return false
	}
	return entropy(value) >= minEntropy
}

// gateAssigned turns away names behind which too little stands for a value, or no digit.
func gateAssigned(b []byte, at span) bool {
	end := at.end
	for end < len(b) && end < at.end+secretReach && b[end] != '\n' {
		end++
	}
	return end-at.end >= 16 && bytes.ContainsAny(b[at.end:end], "0123456789") || end < len(b) && end-at.end < 4
}

// verifyAssigned holds for the name of a secret to which a value is given that looks like one.
func verifyAssigned(b []byte, at span) bool {
	i := at.end
	for i < len(b) && i < at.end+24 && (letter(b[i]) || digit(b[i]) || b[i] == '_' || b[i] == '-') {
		i++
	}
	i, marks := skip(b, i, " \t\n\"'`])>"), i
	operator := i
	i = skip(b, i, "=:?>|.,(")
	if i == operator && i-marks < 2 && !bytes.HasPrefix(b[i:], []byte("is ")) {
		return false
	}
	if bytes.HasPrefix(b[i:], []byte("is ")) {
		i += 3
	}
	for range 2 {
		i = skip(b, i, " \t\"'`(@[")
		for _, word := range []string{"Bearer ", "bearer ", "Basic ", "basic ", "Token ", "token "} {
			if bytes.HasPrefix(b[i:], []byte(word)) {
				i += len(word)
			}
		}
	}
	end := i
	for end < len(b) && end < i+secretReach && b[end] > ' ' && bytes.IndexByte([]byte("\"'`,;)]}<>\\"), b[end]) < 0 {
		end++
	}
	return random(b[i:end])
}

func skip(b []byte, i int, set string) int {
	for n := 0; i < len(b) && n < 12 && bytes.IndexByte([]byte(set), b[i]) >= 0; n++ {
		i++
	}
	return i
}

// random reports whether a value looks like one that a machine made up: long, of several kinds of characters, without
// the look of a name, a path or an expression.
func random(v []byte) bool {
	const least, most = 16, 180
	if len(v) < least || len(v) > most || sample(v) || bytes.ContainsAny(v, "({$") || bytes.HasPrefix(v, []byte("http")) {
		return false
	}
	var digits, lower, upper, marks, turns int
	for i, c := range v {
		switch {
		case digit(c):
			digits++
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		default:
			marks++
		}
		if i > 0 && digit(c) != digit(v[i-1]) {
			turns++
		}
	}
	if digits < 2 || marks*4 > len(v) || turns < 3 || lower+upper < 2 {
		return false
	}
	if bytes.Count(v, []byte("/"))+bytes.Count(v, []byte("."))*2 > len(v)/8 {
		return false
	}
	least2 := minEntropy
	if lower == 0 || upper == 0 {
		least2 = minDigest + 0.3
	}
	return entropy(v) >= least2
}

// verifyJWT holds for a signed token: a header in base64 that is an object with an algorithm.
func verifyJWT(b []byte, at span) bool {
	header, _, ok := bytes.Cut(b[at.start:at.end], []byte("."))
	if !ok || len(header) > secretReach {
		return false
	}
	decoded, err := base64.RawURLEncoding.AppendDecode(nil, header)
	return err == nil && bytes.HasPrefix(decoded, []byte("{")) && bytes.Contains(decoded, []byte(`"alg"`))
}

// verifyCard holds for a card number of a known network with a correct check digit that is not all alike. Spaces and
// hyphens may stand between the digits.
func verifyCard(b []byte, at span) bool {
	sum, n, distinct := 0, 0, [10]bool{}
	first := 0
	for i := at.end - 1; i >= at.start; i-- {
		if !digit(b[i]) {
			if letter(b[i]) {
				break
			}
			continue
		}
		d := int(b[i] - '0')
		first = d
		distinct[d] = true
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	kinds := 0
	for _, seen := range distinct {
		if seen {
			kinds++
		}
	}
	return n >= 13 && n <= 19 && sum%10 == 0 && kinds > 2 && first >= 2 && first <= 6
}

// verifyIBAN holds for an international bank account number whose remainder by 97 is 1 (ISO 13616).
func verifyIBAN(b []byte, at span) bool {
	account := make([]byte, 0, maxIBAN)
	for i := at.end - 1; i >= at.start && len(account) <= maxIBAN; i-- {
		if letter(b[i]) || digit(b[i]) {
			account = append(account, b[i])
		}
	}
	slices.Reverse(account)
	for n := minIBAN; n <= len(account); n++ {
		if tail := account[len(account)-n:]; letter(tail[0]) && letter(tail[1]) && digit(tail[2]) && digit(tail[3]) && ibanRemainder(tail) == 1 {
			return true
		}
	}
	return false
}

// The shortest and the longest account number.
const (
	minIBAN = 15
	maxIBAN = 34
)

func ibanRemainder(account []byte) int {
	rest := 0
	for i := range account {
		c := account[(i+4)%len(account)]
		if letter(c) {
			rest = (rest*100 + int(c|0x20-'a') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return rest
}

var samplePasswords = [][]byte{
	[]byte(":pass"), []byte(":password"), []byte(":secret"), []byte(":postgres"), []byte(":root"), []byte(":changeme"),
	[]byte(":admin"), []byte(":guest"), []byte(":example"), []byte(":your"), []byte(":xxx"), []byte("@localhost"),
	[]byte("@127.0.0.1"), []byte("@example"), []byte(":pwd"), []byte(":mypass"), []byte(":test"), []byte(":***"), []byte(":<"), []byte(":${"),
}

// verifyPassword holds for a connection string whose password is no sample and whose host is another machine.
func verifyPassword(b []byte, at span) bool {
	lower := bytes.ToLower(b[at.start:at.end])
	for _, s := range samplePasswords {
		if bytes.Contains(lower, s) {
			return false
		}
	}
	return true
}
