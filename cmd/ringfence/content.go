package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/fx"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/internal/inspect/recall"
	"ringfence.dev/ringfence/internal/inspect/ruledir"
)

// contentModes are the names that the configuration has for what findings do. A name that is not among them enforces.
var contentModes = map[string]governance.ContentMode{
	"enforce": governance.ContentEnforce, "flag": governance.ContentFlag, "off": governance.ContentOff,
}

// newContentRules opens the rules that are in force, and follows the operator's files.
func newContentRules(lifecycle fx.Lifecycle, c config.Config, m *contentMetrics, logger *slog.Logger) (*ruledir.Rules, error) {
	memory := &contentMemory{bytes: int64(c.Content.Memory)}
	rules, err := ruledir.Open(ruledir.Config{
		Layer:   rulesLayer(c.Content),
		Check:   func(set *inspect.Set) error { _, err := contentTreatments(c.Content, set); return err },
		Scanner: memory.over,
		Logger:  logger,
	})
	if err != nil {
		return nil, inRulesDir(c.Content, err)
	}
	lifecycle.Append(fx.StopHook(memory.close))
	background(lifecycle, func(ctx context.Context) {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		rules.Follow(ctx, ticker.C)
	})
	m.follow(rules, memory.scanner)
	return rules, nil
}

// contentMemory remembers what was found, over all sets of rules that come into force. The zero value remembers nothing.
type contentMemory struct {
	bytes   int64
	scanner *recall.Scanner
}

// over returns what scans by a set of rules.
func (m *contentMemory) over(set *inspect.Set) (ruledir.Scanner, error) {
	switch {
	case m.bytes == 0:
		return set, nil
	case m.scanner != nil:
		return m.scanner.With(set), nil
	}
	var err error
	if m.scanner, err = recall.New(set, m.bytes); err != nil {
		return nil, err
	}
	return m.scanner, nil
}

func (m *contentMemory) close() {
	if m.scanner != nil {
		m.scanner.Close()
	}
}

// rulesLayer is where the operator's rules are; nil has none.
func rulesLayer(c config.Content) fs.FS {
	if c.RulesDir == "" {
		return nil
	}
	return os.DirFS(c.RulesDir)
}

// newTreatments returns the treatments for the rules in force. Rules that come later are held against the same ones.
func newTreatments(c config.Config, rules *ruledir.Rules) (inspect.Treatments, error) {
	return contentTreatments(c.Content, rules.Set())
}

// checkContent returns why the rules and treatments of a configuration cannot be in force.
func checkContent(c config.Content) error {
	_, err := newScanJudge(c, nil)
	return err
}

// inRulesDir says where the operator's rules are that cannot be loaded.
func inRulesDir(c config.Content, err error) error {
	if c.RulesDir == "" {
		return err
	}
	return fmt.Errorf("reading content.rulesDir %s: %w", c.RulesDir, err)
}

// contentTreatments are the operator's treatments, and the shipped ones behind them. A class or a rule that nothing has is
// refused: what was meant to be blocked would pass.
func contentTreatments(c config.Content, rules *inspect.Set) (inspect.Treatments, error) {
	var all inspect.Treatments
	var problems []string
	classes, ids := rules.Classes(), map[string]bool{}
	for _, rule := range rules.Rules() {
		ids[rule.ID] = true
	}
	for i, t := range c.Treatments {
		one := inspect.Treatment{Classes: t.Classes, Rules: t.Rules}
		for _, class := range t.Classes {
			if !slices.Contains(classes, class) {
				problems = append(problems, fmt.Sprintf("content.treatments[%d].classes: no rule is of class %q", i, class))
			}
		}
		for _, id := range t.Rules {
			if !ids[id] {
				problems = append(problems, fmt.Sprintf("content.treatments[%d].rules: there is no rule %q", i, id))
			}
		}
		one.AtLeast, _ = inspect.ParseSeverity(t.AtLeast)
		one.Action, _ = inspect.ParseAction(t.Action)
		for _, d := range t.Directions {
			direction, _ := inspect.ParseDirection(d)
			one.Directions = append(one.Directions, direction)
		}
		for _, n := range t.Rings {
			ring, _ := agent.RingFromNumber(n)
			one.Rings = append(one.Rings, ring)
		}
		all = append(all, one)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("reading content.treatments:\n%s", strings.Join(problems, "\n"))
	}
	return append(all, inspect.DefaultTreatments()...), nil
}

// cardContent judges the texts of cards before they stand in the mesh: callers' models read them, and pick agents by them.
type cardContent struct {
	scanner    governance.Scanner
	treatments inspect.Treatments
	mode       governance.ContentMode
	limits     a2a.Limits
	metrics    *contentMetrics
	logger     *slog.Logger
}

func newCardContent(c config.Config, rules *ruledir.Rules, t inspect.Treatments, m *contentMetrics, logger *slog.Logger) cardContent {
	limits := a2a.Limits{Bytes: agent.MaxCardBytes, Depth: c.Limits.Depth, Members: c.Limits.Members}
	return cardContent{scanner: rules, treatments: t, mode: contentModes[c.Content.Cards], limits: limits, metrics: m, logger: logger}
}

// refuses returns why the texts of a card may not stand in the mesh, as a sentence about the card. Nobody has vouched for an
// agent whose card is judged, so it is judged as that of an untrusted one.
func (c cardContent) refuses(card []byte) string {
	if c.mode == governance.ContentOff {
		return ""
	}
	answer, problem := a2a.ParseAnswer(a2a.HTTPJSON, a2a.GetExtendedAgentCard, card, c.limits)
	switch {
	case problem == nil:
	case c.mode == governance.ContentEnforce:
		return "cannot be judged: " + problem.Detail
	default:
		c.logger.LogAttrs(context.Background(), slog.LevelWarn, "the texts of a card cannot be judged", slog.String("problem", problem.Detail))
		return ""
	}
	var refused []string
	for _, f := range c.scanner.Scan(answer.Texts, inspect.Options{Direction: inspect.Card}) {
		action := c.mode.Action(c.treatments, f, inspect.Card, agent.Untrusted)
		c.metrics.findings.WithLabelValues(f.Rule, f.Class, inspect.Card.String(), action.String()).Inc()
		place := "/"
		if f.Text >= 0 {
			place = governance.Place(answer.Texts[f.Text].Steps(card))
		}
		if action != inspect.Flag {
			refused = append(refused, fmt.Sprintf("%s at %s by rule %s", f.Class, place, f.Rule))
			continue
		}
		c.logger.LogAttrs(context.Background(), slog.LevelWarn, "a card holds content that rules flag",
			slog.String("rule", f.Rule), slog.String("class", f.Class), slog.String("place", place))
	}
	if len(refused) == 0 {
		return ""
	}
	slices.Sort(refused)
	return "holds content that is not let through: " + strings.Join(slices.Compact(refused), ", ")
}
