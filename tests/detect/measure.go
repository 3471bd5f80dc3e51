package main

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/inspect"
)

// filter is what texts are judged by: rules, and what becomes of messages for findings where an operator has set
// nothing. Senders act in the ring that may do least.
type filter struct {
	rules      *inspect.Set
	treatments inspect.Treatments
}

// verdict returns what becomes of a message with the texts.
func (f filter) verdict(texts []a2a.Text, d inspect.Direction) (inspect.Action, []inspect.Finding) {
	found := f.rules.Scan(texts, inspect.Options{Direction: d})
	return f.treatments.Worst(found, d, agent.Untrusted), found
}

// stops reports whether a message does not arrive as it was sent.
func stops(a inspect.Action) bool { return a == inspect.Block || a == inspect.Redact }

// flagsOnly reports whether the worst finding of the class is no more than flagged in the direction, so that an attack
// of it is found when it is flagged.
func (f filter) flagsOnly(class string, d inspect.Direction) bool {
	worst := inspect.Finding{Class: class, Severity: inspect.Critical, Action: inspect.Block}
	return f.treatments.Of(worst, d, agent.Untrusted) == inspect.Flag
}

// row is what became of the texts of one set, or of one class in one direction.
type row struct {
	Name string `json:"name"`
	// Found are the attacks that were blocked or redacted, Noticed those that were flagged alone.
	Found   rate `json:"found"`
	Noticed rate `json:"noticed"`
	// Blocked are the benign texts that were blocked or redacted, Flagged those that were flagged alone.
	Blocked rate `json:"blocked"`
	Flagged rate `json:"flagged"`
	// Flags says that attacks of this row are meant to be flagged and no more.
	Flags bool `json:"flags,omitempty"`
}

func (r *row) add(s *sample, v inspect.Action) {
	if s.attack {
		r.Found.add(stops(v))
		r.Noticed.add(v == inspect.Flag)
		return
	}
	r.Blocked.add(stops(v))
	r.Flagged.add(v == inspect.Flag)
}

// recall is how many attacks got what they are meant to get.
func (r *row) recall() rate {
	if r.Flags {
		return rate{r.Found.Of, r.Found.Count + r.Noticed.Count}
	}
	return r.Found
}

// ruleRow is how often one rule had a finding.
type ruleRow struct {
	Rule   string `json:"rule"`
	Class  string `json:"class"`
	Action string `json:"action"`
	// Attacks and Benign count texts.
	Attacks int `json:"attacks"`
	Benign  int `json:"benign"`
	// Alone counts the attacks that would be missed without the rule.
	Alone int `json:"alone"`
}

// fault is a text that got what it should not.
type fault struct {
	Set     string   `json:"set"`
	Line    int      `json:"line"`
	Class   string   `json:"class,omitempty"`
	Verdict string   `json:"verdict"`
	Rules   []string `json:"rules,omitempty"`
	Begins  string   `json:"begins"`
}

// measurement is everything that one run saw.
type measurement struct {
	RuleSet string    `json:"ruleSet"`
	Total   row       `json:"total"`
	Sets    []row     `json:"sets"`
	Classes []row     `json:"classes"`
	Rules   []ruleRow `json:"rules"`
	Silent  []string  `json:"silent"`
	Evasion []loss    `json:"evasion,omitempty"`
	Missed  []fault   `json:"missed"`
	Alarms  []fault   `json:"alarms"`
	// took is how long each text took.
	took []time.Duration
}

// measure judges all samples. The clock is read around each.
func measure(f filter, samples []sample, now func() time.Time) measurement {
	m := measurement{RuleSet: f.rules.Hash(), Total: row{Name: "all"}, Missed: []fault{}, Alarms: []fault{}, Silent: []string{}}
	sets, classes, rules := map[string]*row{}, map[string]*row{}, map[string]*ruleRow{}
	for _, r := range f.rules.Rules() {
		rules[r.ID] = &ruleRow{Rule: r.ID, Class: r.Class, Action: r.Action.String()}
	}
	for i := range samples {
		s := &samples[i]
		texts := s.texts()
		begin := now()
		v, found := f.verdict(texts, s.direction)
		m.took = append(m.took, now().Sub(begin))
		m.Total.add(s, v)
		rowOf(sets, s.set).add(s, v)
		class := rowOf(classes, cmp.Or(s.class, "benign")+", "+s.direction.String())
		class.Flags = s.class != "" && f.flagsOnly(s.class, s.direction)
		class.add(s, v)
		fired := firedBy(found)
		countRules(rules, fired, s.attack)
		m.fault(s, v, fired, f.flagsOnly(s.class, s.direction))
	}
	m.Sets, m.Classes = sortedRows(sets), sortedRows(classes)
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		if r := rules[id]; r.Attacks+r.Benign > 0 {
			m.Rules = append(m.Rules, *r)
		} else {
			m.Silent = append(m.Silent, id)
		}
	}
	return m
}

func rowOf(rows map[string]*row, name string) *row {
	r, ok := rows[name]
	if !ok {
		r = &row{Name: name}
		rows[name] = r
	}
	return r
}

func sortedRows(rows map[string]*row) []row {
	all := make([]row, 0, len(rows))
	for _, r := range rows {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b row) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// firedBy returns the rules of the findings, each once.
func firedBy(found []inspect.Finding) []string {
	var ids []string
	for _, f := range found {
		ids = append(ids, f.Rule)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func countRules(rules map[string]*ruleRow, fired []string, attack bool) {
	for _, id := range fired {
		r, ok := rules[id]
		if !ok {
			r = &ruleRow{Rule: id}
			rules[id] = r
		}
		switch {
		case !attack:
			r.Benign++
		case len(fired) == 1:
			r.Alone++
			fallthrough
		default:
			r.Attacks++
		}
	}
}

// maxBegins is how much of a text that was judged wrongly is shown, in characters.
const maxBegins = 72

func (m *measurement) fault(s *sample, v inspect.Action, fired []string, flags bool) {
	at := fault{Set: s.set, Line: s.line, Class: s.class, Verdict: v.String(), Rules: fired, Begins: begins(s.written)}
	switch {
	case s.attack && !stops(v) && (!flags || v == inspect.Pass):
		m.Missed = append(m.Missed, at)
	case !s.attack && v != inspect.Pass:
		m.Alarms = append(m.Alarms, at)
	}
}

// begins returns the first characters of a text.
func begins(text string) string {
	runes := []rune(text)
	if len(runes) <= maxBegins {
		return text
	}
	return string(runes[:maxBegins]) + "…"
}
