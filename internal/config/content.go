package config

import (
	"fmt"
	"slices"

	"ringfence.dev/ringfence/internal/agent"
)

// Content is what content rules do.
type Content struct {
	// Mode is enforce, which lets findings block and redact, or flag, which only records them.
	Mode string `yaml:"mode"`
	// Answers is what they do in answers: enforce, flag, or off, which does not look.
	Answers string `yaml:"answers"`
	// Cards is what they do when an agent's card is registered or has changed: enforce, flag or off.
	Cards string `yaml:"cards"`
	// RulesDir adds rule files to the shipped set; a rule with the id of a shipped one replaces it.
	RulesDir string `yaml:"rulesDir"`
	// Treatments say what becomes of messages by class, direction and ring; the first that means a finding decides, before the shipped ones and the rule itself.
	Treatments []Treatment `yaml:"treatments"`
	// Memory is how many bytes are used to remember what was found in texts seen before, 1048576 to 4294967296; 0 remembers nothing.
	Memory int `yaml:"memory"`
}

// Treatment says what becomes of messages with certain findings; an empty list means all.
type Treatment struct {
	// Classes are those of the finding, such as secret.
	Classes []string `yaml:"classes"`
	// Rules are ids of rules; where classes are named too, one of either is enough.
	Rules []string `yaml:"rules"`
	// AtLeast is the lowest severity: low, medium, high or critical.
	AtLeast string `yaml:"atLeast"`
	// Directions are whose words they are: request, response, card.
	Directions []string `yaml:"directions"`
	// Rings are those in which the writer acts, 0 to 3.
	Rings []int `yaml:"rings"`
	// Action is block, redact or flag.
	Action string `yaml:"action"`
}

func defaultContent() Content {
	return Content{Mode: "enforce", Answers: "enforce", Cards: "enforce", Memory: 16 << 20}
}

func (c Content) validate(v *validation) {
	v.check(slices.Contains([]string{"enforce", "flag"}, c.Mode), "content.mode", "must be enforce or flag")
	v.check(slices.Contains([]string{"enforce", "flag", "off"}, c.Answers), "content.answers", "must be enforce, flag or off")
	v.check(slices.Contains([]string{"enforce", "flag", "off"}, c.Cards), "content.cards", "must be enforce, flag or off")
	v.check(c.Memory == 0 || c.Memory >= 1<<20 && c.Memory <= 4<<30, "content.memory", "must be 1048576 to 4294967296, or 0")
	for i, t := range c.Treatments {
		t.validate(v, fmt.Sprintf("content.treatments[%d].", i))
	}
}

func (t Treatment) validate(v *validation, at string) {
	v.check(slices.Contains([]string{"", "low", "medium", "high", "critical"}, t.AtLeast), at+"atLeast", "must be low, medium, high or critical")
	v.check(slices.Contains([]string{"block", "redact", "flag"}, t.Action), at+"action", "must be block, redact or flag")
	for i, d := range t.Directions {
		v.check(slices.Contains([]string{"request", "response", "card"}, d), fmt.Sprintf("%sdirections[%d]", at, i), "must be request, response or card")
	}
	for i, n := range t.Rings {
		_, err := agent.RingFromNumber(n)
		v.wrap(err, fmt.Sprintf("%srings[%d]", at, i))
	}
}
