// Package inspect reads the untrusted texts of one A2A message and names what in them looks like an attack or a
// leak. It decides by rules, which are data: literals found in one pass over a canonical form of the text, then
// token distances, windowed expressions and verifiers on the few places that the pass found. It knows nothing of
// who speaks and of what follows from a finding: policy weighs findings, and this package never alters a text.
package inspect

import (
	"slices"

	"ringfence.dev/ringfence/internal/a2a"
)

// Direction says which side wrote a text. The zero value is unknown: every rule applies.
type Direction uint8

// The directions: what a caller sends, what a callee answers, and an AgentCard.
const (
	DirectionUnknown Direction = iota
	Request
	Response
	Card
)

// String returns the name rule files use.
func (d Direction) String() string {
	switch d {
	case Request:
		return "request"
	case Response:
		return "response"
	case Card:
		return "card"
	default:
		return "unknown"
	}
}

// Severity ranks findings for those who read them; it never decides. The zero value is unrated and ranks lowest.
type Severity uint8

// The severities, in rising order.
const (
	Unrated Severity = iota
	Low
	Medium
	High
	Critical
)

// String returns the name rule files use.
func (s Severity) String() string {
	switch s {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	default:
		return "unrated"
	}
}

// The views a finding can come from: the text as it stands; its canonical form; text hidden in invisible characters;
// words whose letters stand apart (put together again, or without any borders) or run together; text decoded from a code
// or from the escapes of URLs, HTML, strings and mails; words in another spelling; a value behind the name of its member; and all texts joined.
const (
	ViewText      = "text"
	ViewCanonical = "canonical"
	ViewHidden    = "hidden"
	ViewTurned    = "upside-down"
	ViewCompact   = "compact"
	ViewSpaced    = "spaced"
	ViewBase64    = "base64"
	ViewBase32    = "base32"
	ViewHex       = "hex"
	ViewURL       = "url"
	ViewHTML      = "html"
	ViewEscape    = "escape"
	ViewQuoted    = "quoted-printable"
	ViewScrambled = "scrambled"
	ViewRot13     = "rot13"
	ViewReversed  = "reversed"
	ViewLeet      = "leet"
	ViewNamed     = "named"
	ViewJoined    = "joined"
)

// Views returns the names of all views, in the order in which a text is read.
func Views() []string {
	return []string{
		ViewText, ViewCanonical, ViewHidden, ViewTurned, ViewCompact, ViewSpaced, ViewBase64, ViewBase32, ViewHex, ViewURL,
		ViewHTML, ViewEscape, ViewQuoted, ViewScrambled, ViewRot13, ViewReversed, ViewLeet, ViewNamed, ViewJoined,
	}
}

// Finding is one place where a rule holds. It carries no text, so that it can be logged.
type Finding struct {
	// Rule and Class name the rule and its class, as rule files spell them.
	Rule, Class string
	Severity    Severity
	Action      Action
	// Text is the index of the text where the match begins, or -1 where the finding is about the whole scan.
	Text int
	// Start and End are byte offsets into the Value of that text, 0 <= Start <= End <= len(Value). They are what stands
	// there for the match; where one character has a canonical form of several, an offset can fall inside that character.
	// In the views hidden, base64, base32 and hex, and in what is read in these in turn, they are all that was decoded.
	// In the view named they are the part of the match that lies in the value.
	// In the view joined a match that goes on in a later text ends at the end of this one.
	Start, End int
	// Last is the index of the text where the match ends, and LastEnd its end there: Text and End but in the view
	// joined, where the texts between belong to the match too.
	Last, LastEnd int
	// View is one of the View constants.
	View string
}

// Options say how texts are judged.
type Options struct {
	Direction Direction
	// Prior is the end of what the same writer said just before, where texts arrive in pieces, as Tail makes it: a match may
	// begin in it and is then reported from the start of the first text that it touches. What lies in Prior alone was
	// judged when it arrived.
	Prior string
}

// Scan judges the texts one by one and joined, and returns the findings ordered by text; nil means that no rule
// holds. It is pure and safe for concurrent use. Work is bounded by the length of the texts; where the bound cuts
// the search short, that is a finding of its own. A nil or zero Set answers with one blocking finding.
func (s *Set) Scan(texts []a2a.Text, opts Options) []Finding { return s.scan(texts, opts, nil) }

// scan judges the texts, and collects their windows where somebody wants them.
func (s *Set) scan(texts []a2a.Text, opts Options, w *windows) []Finding {
	if s == nil || len(s.rules) == 0 {
		return []Finding{unjudged(unloadedRule)}
	}
	c := s.scans.Get().(*scan)
	c.begin(texts, opts)
	c.windows = w
	name := -1
	for i := range texts {
		c.place, c.vouches = place(opts.Direction, &texts[i]), false
		c.introduce(texts, i)
		c.text(i, texts[i].Value)
		switch {
		case texts[i].Key && c.vouches:
			name = i
		case texts[i].Key:
			name = -1
		case name >= 0:
			c.named(texts, name, i)
		}
		if c.starved {
			break
		}
	}
	if !c.starved {
		c.joined()
	}
	findings := c.end()
	c.windows = nil
	s.scans.Put(c)
	return findings
}

// Classes returns the classes that findings can have, sorted: those of the rules, and that of the inspection itself.
func (s *Set) Classes() []string {
	classes := []string{classInspection}
	if s != nil {
		for i := range s.rules {
			classes = append(classes, s.rules[i].class)
		}
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}

// Hash identifies the rules in force: the hex SHA-256 of the effective rules and of the engine's version. Equal
// hashes give equal findings.
func (s *Set) Hash() string {
	if s == nil {
		return ""
	}
	return s.hash
}
