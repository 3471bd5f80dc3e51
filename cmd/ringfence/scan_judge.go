package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/inspect"
)

// scanJudge judges texts as the mesh does those of messages.
type scanJudge struct {
	rules      *inspect.Set
	treatments inspect.Treatments
}

// newScanJudge takes rules and treatments from the configuration, and the rules of further directories.
func newScanJudge(content config.Content, dirs []string) (scanJudge, error) {
	layers, err := ruleLayers(content.RulesDir, dirs)
	if err != nil {
		return scanJudge{}, err
	}
	rules, err := inspect.Load(layers...)
	if err != nil {
		return scanJudge{}, err
	}
	treatments, err := contentTreatments(content, rules)
	if err != nil {
		return scanJudge{}, err
	}
	return scanJudge{rules, treatments}, nil
}

// scanSide says on which side of a call a text stands, and in which ring its sender acts.
type scanSide struct {
	direction inspect.Direction
	ring      agent.Ring
}

// judged is what becomes of a message and why. The texts of the findings are those that were judged.
type judged struct {
	verdict  inspect.Action
	findings []inspect.Finding
}

// judge returns the findings with the actions that the treatments give them.
func (j scanJudge) judge(texts []a2a.Text, side scanSide) judged {
	found := j.rules.Scan(texts, inspect.Options{Direction: side.direction})
	v := judged{j.treatments.Worst(found, side.direction, side.ring), found}
	for i := range found {
		found[i].Action = j.treatments.Of(found[i], side.direction, side.ring)
	}
	return v
}

// span returns where a finding stands in its text: all of it, if the finding is about the whole scan.
func span(f inspect.Finding, texts []a2a.Text) (start, end int) {
	if f.Text < 0 || f.Text >= len(texts) {
		if len(texts) == 1 {
			return 0, len(texts[0].Value)
		}
		return 0, 0
	}
	return f.Start, f.End
}

// appendFinding appends the members that a finding has in every form of output.
func appendFinding(out []byte, f inspect.Finding, texts []a2a.Text) []byte {
	out = appendMember(append(out, '{'), "rule", f.Rule)
	out = appendMember(append(out, ','), "class", f.Class)
	out = appendMember(append(out, ','), "severity", f.Severity.String())
	out = appendMember(append(out, ','), "action", f.Action.String())
	start, end := span(f, texts)
	out = strconv.AppendInt(append(out, `,"span":[`...), int64(start), 10)
	out = strconv.AppendInt(append(out, ','), int64(end), 10)
	out = appendMember(append(out, "],"...), "view", f.View)
	return append(out, '}')
}

func appendMember(out []byte, name, value string) []byte {
	out = append(append(append(out, '"'), name...), `":`...)
	return appendQuoted(out, value)
}

// appendQuoted appends a JSON string; what is no Unicode becomes the replacement character.
func appendQuoted(out []byte, s string) []byte {
	quoted, _ := jsontext.AppendQuote(out, s)
	return quoted
}

// isDirectory refuses what rules cannot be read from with the operator's own name for it.
func isDirectory(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", dir)
	}
	if err != nil {
		return fmt.Errorf("reading rules: %w", err)
	}
	return nil
}
