package a2a

import "unicode/utf8"

// slot names a value the parsers need after the scan. Each slot stands at one place of a message, except those
// after slots, which stand in a list, and the own ones, which each object of an answer has for itself.
type slot uint8

const (
	noSlot slot = iota
	inVersion
	inMethod
	inRequestID
	inParams
	inTenant
	inID
	inTaskID
	inContextID
	inName
	inParent
	inConfigName
	inMessageID
	inMessageTask
	inMessageContext
	inSkill
	inAction
	inConfigID

	// The parts of an answer.
	inResult
	inError
	inErrorCode
	inContent // what only the result of the method has
	inTotal
	inTaskMember
	inMessageMember
	inStatusMember
	inArtifactMember

	// What an object of an answer says of itself: see scanner.about.
	ownKind
	ownID
	ownTask
	ownContext
	ownState
	ownStatus
	ownRole
	ownParts
	ownMessageID
	ownArtifact
	ownArtifactID
	ownFinal
	ownInterfaces
	ownURL
	ownSkills
	slots
	inExtensions
	inReferences
	inPushTask
	inPushTenant
	inMentions
)

// names reports whether the slot names a task or a tenant, which only a string does. Some readers make one of a number.
func (s slot) names() bool { return s.task() || s == inTenant || s == inPushTenant }

// task reports whether the slot names a task, for one method or another.
func (s slot) task() bool {
	switch s {
	case inID, inTaskID, inName, inParent, inConfigName, inMessageTask, inReferences, inPushTask:
		return true
	}
	return false
}

// shape is an object A2A defines, as the union of both generations: which one applies is known only with the
// method, which may stand behind its params. A nil shape is free-form data.
type shape struct {
	// rules are at most maxRules.
	rules []rule
	// immediate says that a misspelled name is judged at once, not after the scan.
	immediate bool
	// open says that names without a rule are free-form data, however near they come to a rule's name.
	open bool
	// near says that a member whose name comes near a rule's holds what the rule says, although it is not the rule's: some
	// readers find it there.
	near bool
	// others is the rule for the values of members without a rule; nil is free-form data.
	others *rule
	// subject is what the object is in an answer.
	subject subject
}

const (
	firstOwn = ownKind
	ownSlots = slots - firstOwn
)

// maxRules is how many names one object can define: the scanner keeps a bit for each that it has met.
const maxRules = 64

// rule says what a defined member holds.
type rule struct {
	name  string
	proto string // the name of the field in the proto, where it is another
	// folded and foldedProto are the caseless forms of both.
	folded, foldedProto string
	kind                Kind
	slot                slot
	members             *shape // of the value, if it is an object
	elements            *rule  // of the value's elements, if it is an array
}

// free is the rule for all that A2A does not define, astrayName that for a member which names a task in another
// spelling.
var (
	free       = rule{}
	astrayName = rule{slot: inMentions}
)

// find returns the index of the rule for name and true, or of the rule some server could take name for and false, or
// -1.
//
// A2A names are camelCase, and ProtoJSON readers take the names of the proto's fields too: a member may have either name,
// but not both. Beyond that, Go servers match names by Unicode case folding, and lenient readers drop separators. A
// request that uses such a spelling means different things to different servers, so it has no meaning here.
func (s *shape) find(name []byte) (index int, exact bool) {
	for i := range s.rules {
		if s.rules[i].name == string(name) {
			return i, true
		}
	}
	for i := range s.rules {
		if proto := s.rules[i].proto; proto != "" && proto == string(name) {
			return i, true
		}
	}
	if s.open && !s.near {
		return -1, false
	}
	var buf [maxFolded]byte
	folded, ok := fold(buf[:0], name)
	if !ok {
		return -1, false
	}
	for i := range s.rules {
		if s.rules[i].folded == string(folded) || s.rules[i].foldedProto == string(folded) {
			return i, false
		}
	}
	return -1, false
}

// maxFolded is longer than every folded name of the schema.
const maxFolded = 40

// fold appends the caseless form of name without separators to buf. It reports false when the form is longer
// than any defined name. Beyond ASCII it folds the four letters that some case folding maps to an ASCII letter.
func fold(buf, name []byte) ([]byte, bool) {
	for i := 0; i < len(name); {
		c, n := rune(name[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRune(name[i:])
		}
		i += n
		switch {
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		case c == '_' || c == '-' || c <= ' ' || c == 0x7F:
			continue
		case c == 'ſ':
			c = 's'
		case c == '\u212A': // Kelvin sign
			c = 'k'
		case c == 'ı' || c == 'İ':
			c = 'i'
		}
		if len(buf)+utf8.UTFMax > maxFolded {
			return buf, false
		}
		buf = utf8.AppendRune(buf, c)
	}
	return buf, true
}
