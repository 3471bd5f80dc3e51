package identity

import (
	"slices"
	"strings"

	"github.com/dunglas/httpsfv"
)

// member is one member of a structured dictionary field, with the text its value was read from.
type member struct {
	key   string
	value httpsfv.Member
	text  string
}

// parseMembers reads a combined field value as a dictionary (RFC 9651 section 4.2.2) of 1 to limit members.
// A key that stands twice is an error, where the RFC lets the last one win: two readers must not choose
// differently.
func parseMembers(value string, limit int) ([]member, bool) {
	members := make([]member, 0, 2)
	for more := true; more; {
		var text string
		text, value, more = cutMember(value)
		if len(members) == limit {
			return nil, false
		}
		text = trim(text)
		dictionary, err := httpsfv.UnmarshalDictionary([]string{text})
		if err != nil || len(dictionary.Names()) != 1 {
			return nil, false
		}
		m := member{key: dictionary.Names()[0]}
		if slices.ContainsFunc(members, func(n member) bool { return n.key == m.key }) {
			return nil, false
		}
		m.value, _ = dictionary.Get(m.key)
		m.text = strings.TrimPrefix(text[len(m.key):], "=")
		members = append(members, m)
	}
	return members, true
}

// cutMember splits a dictionary at its first comma outside a quoted string.
func cutMember(value string) (text, rest string, more bool) {
	quoted := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			return value[:i], value[i+1:], true
		}
	}
	return value, "", false
}

// canonical reports whether the member is spelled exactly as RFC 9651 section 4.1 serializes it.
func (m member) canonical() bool {
	text, err := httpsfv.Marshal(m.value)
	return err == nil && text == m.text
}
