package inspect

import (
	"regexp"
	"sync"
)

// Set is the rules in force, compiled. It is immutable and safe for concurrent use; make one with Load. The zero
// value lets nothing through.
type Set struct {
	rules []rule
	// gates are what is asked of each rule most often, by the numbers of rules.
	gates []gate
	// literals are indexed by the ids that words reads them by. The uses are those of rules that look in texts of the
	// direction, by the roles that words yields.
	literals []literal
	uses     [Card + 1]roles
	words    *automaton
	// beginnings are the roles of the beginnings of texts.
	beginnings [beginnings]uint16
	// reach is how near to a border each role is of use, in texts of a direction.
	reach [Card + 1][]nearness
	// longest is the length of the longest literal that may end in each accepting state of words.
	longest []uint8
	// cueLiterals and cueUses are indexed by the ids that cues yields: literals that excuse a match.
	cueLiterals []literal
	cueUses     [][]uint16
	cues        *automaton
	// cueStates holds, for each accepting state of cues, the groups that its literals are of, as bits of their numbers modulo 64.
	cueStates  []uint64
	marks      int
	hash       string
	catalogue  []RuleInfo
	vocabulary *vocabulary
	scans      sync.Pool
}

// literal is what the automaton cannot check: where words must end.
type literal struct {
	text        string
	left, right bool // a word boundary is needed on this side
	// known is how many bytes at the end the automaton has read, without a space among them.
	known uint8
	role  uint16
}

// use says that a literal counts for one group of a rule.
type use struct {
	rule  uint16
	group uint8
}

// gate is the part of a rule that decides on most of the literals that are found.
type gate struct {
	places   places
	mark     int32 // the index of the first of the rule's marks
	distance int32
	most     int32 // the longest view that the rule reads, in bytes, or 0 for any; what it decides is the whole view
	groups   uint8
	ordered  bool
	// words is that words alone decide, and no expression or verifier.
	words bool
	// begins is that the first group of the rule only introduces the second: it is where a value begins.
	begins bool
	reads  trait
}

// trait is a set of what a view can ask of the rules that read it.
type trait uint8

const (
	// traitProse is that the rule reads texts put together with a space between.
	traitProse trait = 1 << iota
	// traitJoined is that the rule reads texts put together.
	traitJoined
	// traitPairs is that the rule reads a value behind the name of its member.
	traitPairs
	// traitWords is that the rule reads words put apart that ran together, or put together that stood apart.
	traitWords
	// traitValue is that the rule judges values, and so also those that stand in other texts.
	traitValue
)

// rule is one rule, compiled.
type rule struct {
	gate
	id, class  string
	severity   Severity
	action     Action
	expression *regexp.Regexp
	sieve      *sieve
	lead       int // how far before a literal the expression may begin, in bytes
	price      int // of one run of the expression, in units of fuel
	verify     verifier
	except     exception
	unless     int // the cue group of the words that excuse a match, or -1
	signal     signal
}

// signal is a condition that no literal shows. A rule names one to say what it means.
type signal uint8

const (
	signalNone signal = iota
	signalHiddenText
	signalHiddenSpacing
	signalBidiOverride
	signalMixedScript
	signalStackedMarks
	signalBudget
)

var signals = map[string]signal{
	"hidden-text":    signalHiddenText,
	"hidden-spacing": signalHiddenSpacing,
	"bidi-override":  signalBidiOverride,
	"mixed-script":   signalMixedScript,
	"stacked-marks":  signalStackedMarks,
	"budget":         signalBudget,
}

// exception is a set of contexts in which a match is no attack.
type exception uint8

const (
	exceptQuoted exception = 1 << iota
	exceptDiscussed
	exceptQuestion
	exceptNegated
	exceptStatement
	exceptDescribed
	exceptStudied
)

var exceptions = map[string]exception{
	"quoted":    exceptQuoted,
	"discussed": exceptDiscussed,
	"question":  exceptQuestion,
	"negated":   exceptNegated,
	"statement": exceptStatement,
	"described": exceptDescribed,
	"studied":   exceptStudied,
}

// The cue groups that the exceptions read; rule files fill them as lists of these names. A rule's own unless words
// are groups behind these.
const (
	cueMention = iota
	cueDiscussion
	cueInterrogative
	cueNegation
	cueImperative
	cueStatement
	cueObedience
	cueDemand
	cueExhibit
	cueActor
	cueStudy
	cueGroups
)

var cueLists = [cueGroups]string{
	cueMention:       "cue-mention",
	cueDiscussion:    "cue-discussion",
	cueInterrogative: "cue-interrogative",
	cueNegation:      "cue-negation",
	cueImperative:    "cue-imperative",
	cueStatement:     "cue-statement",
	cueObedience:     "cue-obedience",
	cueDemand:        "cue-demand",
	cueExhibit:       "cue-exhibit",
	cueActor:         "cue-actor",
	cueStudy:         "cue-study",
}
