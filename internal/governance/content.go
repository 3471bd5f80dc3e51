package governance

import (
	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

// ContentMode says what a finding does. The zero value blocks.
type ContentMode uint8

// The modes: ContentEnforce lets blocking rules deny, ContentFlag only records.
const (
	ContentEnforce ContentMode = iota
	ContentFlag
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

func (s contentStage) Judge(x *Exchange) Verdict {
	if len(x.Operation.Texts) == 0 {
		return allow()
	}
	verdict := allow()
	for _, finding := range s.scanner.Scan(x.Operation.Texts, inspect.Options{Direction: inspect.Request}) {
		if finding.Action == inspect.Block && s.mode == ContentEnforce {
			verdict = verdict.Meet(deny(Forbidden, GatewaySide, "content-"+finding.Class, "the message holds content that is not let through"))
		}
		verdict.Evidence = append(verdict.Evidence, finding.Rule)
	}
	return verdict
}
