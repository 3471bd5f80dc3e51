package governance

import (
	"context"
	"slices"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

// ContentMode says what a finding does. The zero value blocks.
type ContentMode uint8

// The modes: ContentEnforce lets blocking rules deny, ContentFlag only records, ContentOff does not look.
const (
	ContentEnforce ContentMode = iota
	ContentFlag
	ContentOff
)

// Scanner finds what rules look for in the texts of a message. It must be safe for concurrent use.
type Scanner interface {
	Scan(texts []a2a.Text, opts inspect.Options) []inspect.Finding
}

// contentStage holds what is said against the content rules.
type contentStage struct {
	scanner Scanner
	mode    ContentMode
}

func (s contentStage) Judge(_ context.Context, x *Exchange) Verdict {
	return judgeContent(x, s.scanner, s.mode, x.Operation.Texts, inspect.Request)
}

// answeredContentStage holds what the agent said against the content rules. The history of a task repeats what its user
// said, which is no attack by the agent.
type answeredContentStage struct {
	scanner Scanner
	mode    ContentMode
}

func (s answeredContentStage) Judge(_ context.Context, x *Exchange) Verdict {
	if s.mode == ContentOff && len(x.Policy.Thresholds) == 0 {
		return allow()
	}
	texts := x.Answer.Texts
	if slices.ContainsFunc(texts, saidByUser) {
		texts = slices.DeleteFunc(slices.Clone(texts), saidByUser)
	}
	return judgeContent(x, s.scanner, s.mode, texts, inspect.Response)
}

func saidByUser(t a2a.Text) bool { return t.Author == a2a.AuthorUser }

// judgeContent holds texts against the rules, and what they find against the thresholds that policies set: these count
// whatever the mode is.
func judgeContent(x *Exchange, scanner Scanner, mode ContentMode, texts []a2a.Text, direction inspect.Direction) Verdict {
	verdict := allow()
	if len(texts) == 0 || mode == ContentOff && len(x.Policy.Thresholds) == 0 {
		return verdict
	}
	if scanner == nil {
		return Verdict{}
	}
	worst, written := inspect.Low, allow()
	var evidence []string
	for _, finding := range scanner.Scan(texts, inspect.Options{Direction: direction}) {
		if finding.Action == inspect.Block && mode == ContentEnforce {
			verdict = verdict.Meet(deny(Forbidden, GatewaySide, "content-"+finding.Class, "the message holds content that is not let through"))
			worst = max(worst, finding.Severity)
			verdict.Severity = worst.String()
		}
		evidence = append(evidence, finding.Rule)
		if by := x.meets(finding, direction); by.Decision != Allow {
			evidence = append(evidence, by.Evidence...)
			written = written.Meet(by)
		}
	}
	// What the mesh itself blocks weighs on the sender's trust, so it is told first.
	verdict = verdict.Meet(written)
	verdict.Evidence = evidence
	return verdict
}
