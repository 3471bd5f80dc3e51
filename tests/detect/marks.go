package main

import (
	"fmt"
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/tests/detect/evasion"
)

// The marks that the repository's own sets are held to.
const (
	maxBlocked = 0.003
	maxFlagged = 0.01
	// maxLost and maxRaised are how many points of recall a transform may cost, and how many of false alarms it may
	// add.
	maxLost   = 0.03
	maxRaised = 0.01
	// maxKept is how many of the attacks that a control turns benign may be stopped still.
	maxKept = 0.05
)

// leastRecall is the recall that attacks of a class are found with; leastRecallElse is that of all other classes.
var leastRecall = map[string]float64{
	"sql-injection":        0.99,
	"command-injection":    0.95,
	"path-traversal":       0.95,
	"secret":               0.95,
	"dangerous-field":      0.95,
	"exfiltration":         0.90,
	"prompt-injection":     0.90,
	"prompt-leak":          0.90,
	"privilege-escalation": 0.85,
}

const leastRecallElse = 0.85

func leastRecallOf(row string) float64 {
	class, _, _ := strings.Cut(row, ",")
	if least, ok := leastRecall[class]; ok {
		return least
	}
	return leastRecallElse
}

// misses returns which marks are missed.
func (m *measurement) misses() []miss {
	var all []miss
	if v := m.Total.Blocked.value(); v > maxBlocked {
		all = append(all, miss{"benign blocked", v, fmt.Sprintf("%.2f %% of the benign texts are blocked; %.1f %% may be", 100*v, 100*maxBlocked), false})
	}
	if v := m.Total.Flagged.value(); v > maxFlagged {
		all = append(all, miss{"benign flagged", v, fmt.Sprintf("%.2f %% of the benign texts are flagged; %.1f %% may be", 100*v, 100*maxFlagged), false})
	}
	for i := range m.Classes {
		c := &m.Classes[i]
		if r, least := c.recall(), leastRecallOf(c.Name); r.Of > 0 && r.value() < least {
			all = append(all, miss{"recall of " + c.Name, r.value(), fmt.Sprintf("recall of %s is %.1f %%; %.0f %% are wanted", c.Name, 100*r.value(), 100*least), true})
		}
	}
	for _, l := range m.Evasion {
		all = append(all, l.misses()...)
	}
	return all
}

// misses returns which marks of evasion are missed.
func (l loss) misses() []miss {
	if l.Control {
		kept := (rate{l.Lost.Of, l.Lost.Of - l.Lost.Count}).value()
		if kept <= maxKept {
			return nil
		}
		return []miss{{l.Name + " kept", kept, fmt.Sprintf("%.1f %% of the attacks that %s makes harmless are stopped still; %.0f %% may be", 100*kept, l.Name, 100*maxKept), false}}
	}
	var all []miss
	if v := l.Lost.value(); v > maxLost {
		all = append(all, miss{l.Name + " hides", v, fmt.Sprintf("%s hides %.1f %% of the attacks; %.0f %% may be hidden", l.Name, 100*v, 100*maxLost), false})
	}
	if v := l.Raised.value(); !l.Hides && v > maxRaised {
		all = append(all, miss{l.Name + " stops", v, fmt.Sprintf("%s has %.1f %% of the benign texts stopped; %.0f %% may be", l.Name, 100*v, 100*maxRaised), false})
	}
	return all
}

// loss is what one transform does.
type loss struct {
	Name string `json:"name"`
	// Lost are the attacks, found as they are, that are not found when transformed; for a control, that is what is
	// wanted. Texts that the transform leaves alone do not count.
	Lost rate `json:"lost"`
	// Raised are the benign texts, let through as they are, that are stopped when transformed.
	Raised  rate `json:"raised"`
	Hides   bool `json:"hides,omitempty"`
	Control bool `json:"control,omitempty"`
	// lines name the first attacks that were lost, or kept by a control, and the first benign texts that were stopped.
	lines []string
}

// maxLines is how many texts a loss names.
const maxLines = 20

// stopped returns which of the samples are stopped as they are.
func (f filter) stopped(samples []sample) []bool {
	all := make([]bool, len(samples))
	for i := range samples {
		v, _ := f.verdict(samples[i].texts(), samples[i].direction)
		all[i] = stops(v)
	}
	return all
}

// takes reports whether a benign sample can still be one of an honest sender when it is transformed.
func (s *sample) takes(t evasion.Transform) bool {
	return s.attack || !t.Breaks || s.class != "sql" && s.class != "shell" && s.class != "code" && s.class != "path"
}

// lose measures one transform on all samples that it means, of which before says whether they are stopped as they are.
func lose(f filter, samples []sample, before []bool, t evasion.Transform) loss {
	l := loss{Name: t.Name, Hides: t.Hides, Control: t.Control}
	for i := range samples {
		s := &samples[i]
		if s.key || s.place != a2a.KindText || before[i] != s.attack || t.Control && !s.attack || s.attack && !t.Keeps(s.class, s.text) || !s.takes(t) {
			continue
		}
		parts := t.Apply(s.text, uint64(s.line))
		if len(parts) == 0 || len(parts) == 1 && parts[0] == s.text {
			continue
		}
		after, found := f.verdict(s.parts(parts), s.direction)
		wrong := stops(after) != s.attack
		if s.attack {
			l.Lost.add(wrong)
		} else {
			l.Raised.add(wrong)
		}
		if wrong != t.Control && len(l.lines) < maxLines {
			l.lines = append(l.lines, fmt.Sprintf("%s:%d %s %v %q", s.set, s.line, after, firedBy(found), begins(strings.Join(parts, " ‖ "))))
		}
	}
	return l
}
