package inspect

import (
	"bytes"
	"strings"
)

const (
	// pathReach is how much of a path is looked at on each side of a match, in bytes.
	pathReach = 320
	// deepClimb is how many directories a path climbs at most that names a file of its own project.
	deepClimb = 5
)

// pathForms are the ways to write the characters of a climb that stand in attacks alone, longest first where one begins
// another: overlong UTF-8, code points, percent signs encoded again, and what programs make of bytes they cannot decode.
var pathForms = strings.NewReplacer(
	"%%32%%65", ".", "%%32%65", ".", "%%32%%66", "/", "%%32%66", "/", "%%35%%63", "/", "%%35%63", "/",
	"%f0%80%80%ae", ".", "%f0%80%80%af", "/", "%e0%80%ae", ".", "%e0%80%af", "/", "%e0%81%9c", "/",
	"%c0%ae", ".", "%c0%2e", ".", "%c0%ee", ".", "%c0.", ".", "%c0%af", "/", "%c0%2f", "/", "%c0%5c", "/", "%c0%9v", "/", "%c0%qf", "/",
	"%c1%9c", "/", "%c1%pc", "/", "%c1%8s", "/", "%c1%1c", "/", "%bg%qf", "/", "%uff0e", ".", "%u002e", ".", "%u2024", ".",
	"%u2215", "/", "%u2216", "/", "%uff0f", "/", "%uff3c", "/", "%u002f", "/", "%u005c", "/", "%uefc8", "/", "%uf025", "/",
	"0x2e", ".", "0x2f", "/", "0x5c", "/", "..2f", "../", "..5c", "../", "%01", "", "%09", "", "..;/", "../",
)

// pathPercent are the ways that programs write those characters too.
var pathPercent = strings.NewReplacer("%2e", ".", "%2f", "/", "%5c", "/", `\`, "/")

var (
	// pathOdd are separators and dots that no program writes between two steps.
	pathOdd = newPattern(`\.\./{2,}\.\.|(?:^|/)(?:\.{4}/+){2}|\.\./+\./+\.\.|(?:\./){4}|/\./\.\./\./|\.{9,}/`)
	// pathTarget are files that hold secrets of a machine or that attacks read to show that they can.
	pathTarget = newPattern(`(?:^|/)(?:etc/+(?:passwd|shadow|hosts|group|issue|sudoers|ssh|fstab|crontab|my\.cnf|apache2?|httpd|nginx|php)|proc/+(?:self|\d+|version|cmdline)|windows/|winnt/|boot\.ini|win\.ini|\.ssh|\.aws|id_rsa|\.env(?:[.\s]|$)|\.htpasswd|\.htaccess|wp-config|web\.config|\.git/config|passwd|shadow$|secrets?(?:[./]|$)|credentials|\.kube|\.bash_history|\.history|var/log|inetpub|httpd\.conf|php\.ini|root/\.|_?config\.(?:php|js|asp|inc))`)
	// pathModule is how code names another file of its project.
	pathModule = newPattern(`(?i)(?:import|require|from|include|extends|src|href|path|\]\(|url\(|@)[\s"'(=:]*$`)
)

// verifyClimb decides whether the path around the match climbs out of the place it is meant for: disguised, or to a file
// that attacks read, or higher than any project is deep.
func verifyClimb(b []byte, at span) bool {
	from, to := at.start, at.end
	for from > 0 && from > at.start-pathReach && !pathEnd(b[from-1]) {
		from--
	}
	for to < len(b) && to < at.end+pathReach && !pathEnd(b[to]) {
		to++
	}
	raw := strings.ToLower(string(b[from:to]))
	null := strings.Contains(raw, "%00") || strings.Contains(raw, "\x00")
	twice := strings.Contains(raw, "%25")
	for range 2 {
		raw = strings.ReplaceAll(raw, "%25", "%")
	}
	raw = strings.ReplaceAll(strings.ReplaceAll(raw, "%00", ""), "\x00", "")
	plain := pathForms.Replace(raw)
	disguised := twice || plain != raw
	plain = pathPercent.Replace(plain)
	up := climbs(plain)
	target := pathTarget.MatchString(plain)
	switch {
	case null:
		return up > 0 || strings.Count(plain, "/") > 1
	case up == 0:
		return pathOdd.MatchString(plain) && target
	case disguised:
		return true
	case target && (up > 1 || strings.HasPrefix(plain, "/") || strings.Contains(plain, "..//") || strings.Contains(raw, "%")):
		return !pathModule.Match(line(b, from)) || strings.Contains(plain, "etc/")
	case pathOdd.MatchString(plain):
		return true
	case up > 1 && strings.Contains(raw, "%2e"):
		return true
	}
	return up >= deepClimb && !pathModule.Match(line(b, from)) && !bytes.HasPrefix(b[to:], []byte(")"))
}

// gateClimb turns away a match inside a climb that was looked at where it began, and the paths by which files of a
// project name each other.
func gateClimb(b []byte, at span) bool {
	if i := at.start - 1; i >= 0 && b[i] == '.' && b[at.start] == '.' {
		return false
	}
	if i := at.start - 3; i >= 0 && b[i] == '.' && b[i+1] == '.' && (b[i+2] == '/' || b[i+2] == '\\') {
		return false
	}
	end := at.end
	for end < len(b) && end < at.start+pathReach && !pathEnd(b[end]) {
		end++
	}
	path := b[at.start:end]
	if !bytes.HasPrefix(path, []byte("../..")) || bytes.ContainsAny(path, `%\`) || bytes.Count(path, []byte("../")) >= deepClimb ||
		bytes.Contains(path, []byte("...")) || bytes.Contains(path, []byte("//")) {
		return true
	}
	for _, hint := range pathHints {
		if bytes.Contains(path, hint) {
			return true
		}
	}
	return false
}

// pathHints are parts of what pathTarget looks for, one of each.
var pathHints = func() (all [][]byte) {
	for _, hint := range strings.Fields("etc proc win boot ssh aws id_rsa env ht wp-config web.config git/ passwd shadow secret credentials kube hist log " +
		"inetpub httpd php root config") {
		all = append(all, []byte(hint))
	}
	return all
}()

// climbs counts the steps up in a path. Three dots and more are what is left of two where a filter takes steps out.
func climbs(p string) int {
	n := 0
	for step := range strings.SplitSeq(p, "/") {
		step = step[strings.LastIndexAny(step, "=:")+1:]
		if len(step) > 1 && strings.Trim(step, ".") == "" {
			n++
		}
	}
	return n
}

// pathEnd reports whether c ends a path that stands in a text.
func pathEnd(c byte) bool {
	switch c {
	case ' ', '\n', '\t', '\r', '"', '\'', '`', '<', '>', '|', '(', ')', '[', ']', ',':
		return true
	}
	return false
}
