package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/rulebook"
)

// policyProblem is why a document is refused.
type policyProblem struct {
	Policy string `json:"policy,omitempty" doc:"The document's name, where it has one."`
	File   string `json:"file,omitempty" doc:"The file, or policies/ and the name for a document that was written through the API."`
	Line   int    `json:"line,omitempty" doc:"The line in it, from 1; left out for the document as a whole."`
	Reason string `json:"reason" doc:"What is wrong."`
}

func problemsOf(problems []policy.Problem) []policyProblem {
	list := make([]policyProblem, len(problems))
	for i, p := range problems {
		list[i] = policyProblem{p.Document, p.File, p.Line, p.Reason}
	}
	return list
}

// String returns the problem in one line, as compilers write it.
func (p policyProblem) String() string {
	return policy.Problem{File: p.File, Line: p.Line, Reason: p.Reason}.String()
}

// policyBody is one document.
type policyBody struct {
	Name        string     `json:"name" doc:"The document's name."`
	Party       string     `json:"party,omitempty" doc:"Whose boundary it guards."`
	Mode        string     `json:"mode,omitempty" doc:"enforce or shadow."`
	Description string     `json:"description,omitempty" doc:"For people."`
	Rules       int        `json:"rules" doc:"How many rules it has."`
	Tests       int        `json:"tests" doc:"How many tests it has."`
	State       string     `json:"state" enum:"live,waiting,leaving" doc:"live: in force as it is here. waiting: not in force, as something that is held is refused. leaving: in force until that is solved."`
	Source      string     `json:"source" enum:"dir,api" doc:"Whether it is in a file of the policy directory, or was written through the API."`
	File        string     `json:"file,omitempty" doc:"The file, and the line where it begins."`
	ETag        string     `json:"etag" doc:"Its ETag, for If-Match."`
	Version     uint64     `json:"version,omitempty" doc:"How often it was written since it was created."`
	By          string     `json:"by,omitempty" doc:"Who wrote it, in their own words."`
	At          *time.Time `json:"at,omitempty" doc:"When."`
	Text        string     `json:"text,omitempty" doc:"The document as it was written."`
}

func policyTag(e rulebook.Entry) string { return `"` + e.Tag() + `"` }

func policyBodyOf(e rulebook.Entry, text bool) policyBody {
	b := policyBody{Name: e.Name, State: string(e.State), Source: "dir", ETag: policyTag(e), Version: e.Version, By: e.By}
	if e.Stored {
		b.Source, b.At = "api", &e.At
	}
	d := e.Document
	if d == nil {
		return b
	}
	b.Party, b.Mode, b.Description, b.Rules, b.Tests = d.Party.String(), d.Mode.String(), d.Description, len(d.Rules), len(d.Tests)
	if !e.Stored {
		b.File = fmt.Sprintf("%s:%d", d.File, d.Line)
	}
	if text {
		b.Text = string(d.Source)
	}
	return b
}

// policyStatus is how the set stands.
type policyStatus struct {
	Live       bool            `json:"live" doc:"That policies are in force. Without, every call is denied."`
	Current    bool            `json:"current" doc:"That what is in force is what is held now. If not, what is held is refused, and something older decides."`
	Epoch      string          `json:"epoch,omitempty" doc:"The name of what is in force: the same wherever the same documents are."`
	Generation uint64          `json:"generation" doc:"The number of what is in force, of all that this process held one after the other."`
	Tried      uint64          `json:"tried" doc:"The number of what it holds now."`
	Since      *time.Time      `json:"since,omitempty" doc:"Since when that is in force here."`
	Documents  int             `json:"documents" doc:"How many documents are in force."`
	Dir        string          `json:"dir,omitempty" doc:"The policy directory."`
	Problems   []policyProblem `json:"problems" doc:"Why what is held is refused."`
	Warnings   []policyProblem `json:"warnings" doc:"What is doubtful about documents in force, such as approvals that nobody can give, and problems that came up since, which their next change has to solve."`
}

func policyStatusOf(s *rulebook.Status) policyStatus {
	b := policyStatus{
		Live: s.Generation > 0, Current: s.Generation == s.Tried && s.Generation > 0, Epoch: s.Epoch, Generation: s.Generation, Tried: s.Tried,
		Documents: s.Documents, Dir: s.Dir, Problems: problemsOf(s.Problems), Warnings: problemsOf(s.Warnings),
	}
	if !s.Since.IsZero() {
		b.Since = &s.Since
	}
	return b
}

// policySide is what one set says of a recorded call.
type policySide struct {
	Decision string `json:"decision" doc:"allow, approve or deny, leaving aside limits, findings in content, and approvals that were given."`
	Party    string `json:"party,omitempty" doc:"The party of the rule that decides."`
	Policy   string `json:"policy,omitempty" doc:"Its document."`
	Rule     *int   `json:"rule,omitempty" doc:"Its place in the document, from 0; left out for the document as a whole."`
	Kind     string `json:"kind,omitempty" doc:"Its kind."`
	Reason   string `json:"reason,omitempty" doc:"The stable word for why, where it refuses."`
}

func sideOf(s rulebook.Side) policySide {
	b := policySide{Decision: s.Decision.String(), Policy: s.Rule.Policy, Reason: s.Reason}
	if s.Rule.Policy == "" {
		return b
	}
	b.Party = s.Rule.Party.String()
	if s.Rule.Kind != 0 {
		b.Kind = s.Rule.Kind.String()
	}
	if s.Rule.Rule >= 0 {
		b.Rule = &s.Rule.Rule
	}
	return b
}

// String names the rule that decides, and why.
func (s policySide) String() string {
	if s.Policy == "" {
		return first(s.Reason, "no rule speaks of it")
	}
	text := s.Party + " " + s.Policy
	if s.Rule != nil {
		text += fmt.Sprintf(" rules[%d]", *s.Rule)
	}
	if s.Kind != "" {
		text += " " + s.Kind
	}
	if s.Reason != "" {
		text += " (" + s.Reason + ")"
	}
	return text
}

type policyTurn struct {
	Old   string `json:"old" doc:"What is decided now."`
	New   string `json:"new" doc:"What would be."`
	Count int    `json:"count" doc:"Of how many decisions."`
}

type policyFlip struct {
	ID     string     `json:"id" doc:"The decision."`
	Time   time.Time  `json:"time" doc:"When it was made."`
	Caller string     `json:"caller,omitempty" doc:"Who called."`
	Callee string     `json:"callee,omitempty" doc:"Who was called."`
	Method string     `json:"method,omitempty" doc:"The method."`
	Old    policySide `json:"old" doc:"What the policies in force say."`
	New    policySide `json:"new" doc:"What the changed ones say."`
}

// policyComparison is what a change would have meant for recorded decisions.
type policyComparison struct {
	Compared int          `json:"compared" doc:"How many recorded decisions tell what policies were asked."`
	Untold   int          `json:"untold" doc:"How many do not."`
	Flipped  int          `json:"flipped" doc:"How many would be decided otherwise."`
	Turns    []policyTurn `json:"turns" doc:"How many of them are which."`
	Flips    []policyFlip `json:"flips" doc:"The first of them."`
	Moved    int          `json:"moved" doc:"How many would be decided the same, by another rule."`
	Shifts   []policyFlip `json:"shifts,omitempty" doc:"The first of those, where they were asked for."`
}

func comparisonOf(c rulebook.Comparison, shifts bool) policyComparison {
	b := policyComparison{
		Compared: c.Compared, Untold: c.Untold, Flipped: c.Flipped(), Turns: []policyTurn{}, Flips: flipsOf(c.Flips), Moved: c.Moved,
	}
	if shifts {
		b.Shifts = flipsOf(c.Shifts)
	}
	for turn, count := range c.Turns {
		b.Turns = append(b.Turns, policyTurn{turn.Old.String(), turn.New.String(), count})
	}
	slices.SortFunc(b.Turns, func(x, y policyTurn) int { return cmp.Or(cmp.Compare(x.Old, y.Old), cmp.Compare(x.New, y.New)) })
	return b
}

func flipsOf(flips []rulebook.Flip) []policyFlip {
	list := make([]policyFlip, len(flips))
	for i, f := range flips {
		r := f.Record
		list[i] = policyFlip{r.ID, r.Time, string(r.Caller), string(r.Callee), r.Method, sideOf(f.Old), sideOf(f.New)}
	}
	return list
}
