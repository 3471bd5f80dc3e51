package policy

import "strings"

// lookup is how an index finds a glob: by all of a name, by how it begins or ends, or not at all. The zero value looks at
// the glob for every name.
type lookup uint8

const (
	byNothing lookup = iota
	byName
	byPrefix
	bySuffix
)

// key is what an index keeps a glob under. Names that the glob matches lead to the key.
type key struct {
	by   lookup
	text string
}

// keyOf returns the key of a glob. It is whole if all names that lead to the key match the glob.
func keyOf(glob string) (k key, whole bool) {
	first := strings.IndexByte(glob, '*')
	if first < 0 {
		return key{byName, glob}, true
	}
	last := strings.LastIndexByte(glob, '*')
	switch {
	case first > 0:
		return key{byPrefix, glob[:first]}, first == len(glob)-1
	case last < len(glob)-1:
		return key{bySuffix, glob[last+1:]}, first == last
	default:
		return key{}, strings.Trim(glob, "*") == ""
	}
}

// globMatches reports whether s matches the glob, in which * stands for any characters. It goes back to the last * only,
// so that its cost is bounded by the product of the lengths. Of a glob in the place of s it reports whether all that this
// one matches is proved to match.
func globMatches(glob, s string) bool {
	g, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, mark = g, i
			g++
		case g < len(glob) && glob[g] == s[i]:
			g++
			i++
		case star >= 0:
			g = star + 1
			mark++
			i = mark
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == '*' {
		g++
	}
	return g == len(glob)
}

// anyGlob reports whether s matches one of the globs.
func anyGlob(globs []string, s string) bool {
	for _, glob := range globs {
		if globMatches(glob, s) {
			return true
		}
	}
	return false
}

// globsMeet reports whether there is a text that matches both globs. Where both have a *, what stands between the first
// and the last one can follow each other, so that only their beginnings and their ends have to agree.
func globsMeet(a, b string) bool {
	aFirst, bFirst := strings.IndexByte(a, '*'), strings.IndexByte(b, '*')
	switch {
	case aFirst < 0:
		return globMatches(b, a)
	case bFirst < 0:
		return globMatches(a, b)
	}
	aPrefix, bPrefix := a[:aFirst], b[:bFirst]
	aSuffix, bSuffix := a[strings.LastIndexByte(a, '*')+1:], b[strings.LastIndexByte(b, '*')+1:]
	return (strings.HasPrefix(aPrefix, bPrefix) || strings.HasPrefix(bPrefix, aPrefix)) &&
		(strings.HasSuffix(aSuffix, bSuffix) || strings.HasSuffix(bSuffix, aSuffix))
}

// listsMeet reports whether a text can match both lists of globs, of which an empty one matches all.
func listsMeet(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	for _, x := range a {
		for _, y := range b {
			if globsMeet(x, y) {
				return true
			}
		}
	}
	return false
}

// listCovers reports whether all that the inner list matches is proved to match the outer one. An empty list matches all.
func listCovers(outer, inner []string) bool {
	if len(outer) == 0 {
		return true
	}
	if len(inner) == 0 {
		return anyGlob(outer, "*")
	}
	for _, glob := range inner {
		if !anyGlob(outer, glob) {
			return false
		}
	}
	return true
}
