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
	return judgeContent(s.scanner, s.mode, x.Operation.Texts, inspect.Request)
}

// answeredContentStage holds what the agent said against the content rules. The history of a task repeats what its user
// said, which is no attack by the agent.
type answeredContentStage struct {
	scanner Scanner
	mode    ContentMode
}

func (s answeredContentStage) Judge(_ context.Context, x *Exchange) Verdict {
	if s.mode == ContentOff {
		return allow()
	}
	texts := x.Answer.Texts
	if slices.ContainsFunc(texts, saidByUser) {
		texts = slices.DeleteFunc(slices.Clone(texts), saidByUser)
	}
	return judgeContent(s.scanner, s.mode, texts, inspect.Response)
}

func saidByUser(t a2a.Text) bool { return t.Author == a2a.AuthorUser }

func judgeContent(scanner Scanner, mode ContentMode, texts []a2a.Text, direction inspect.Direction) Verdict {
	verdict := allow()
	if len(texts) == 0 || mode == ContentOff {
		return verdict
	}
	if scanner == nil {
		return Verdict{}
	}
	worst := inspect.Low
	for _, finding := range scanner.Scan(texts, inspect.Options{Direction: direction}) {
		if finding.Action == inspect.Block && mode == ContentEnforce {
			verdict = verdict.Meet(deny(Forbidden, GatewaySide, "content-"+finding.Class, "the message holds content that is not let through"))
			worst = max(worst, finding.Severity)
			verdict.Severity = worst.String()
		}
		verdict.Evidence = append(verdict.Evidence, finding.Rule)
	}
	return verdict
}
