package main

import (
	"bytes"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"ringfence.dev/ringfence/internal/inspect"
)

func rulesShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show RULE [DIR...]",
		Short: "Print a content rule with its tests and the lists that it names, as its file has them",
		Example: `  ringfence rules show override-prior-instructions
  ringfence rules show our-tokens ./rules`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			layers, err := ruleLayers(args[1:])
			if err != nil {
				return err
			}
			set, err := inspect.Load(layers...)
			if err != nil {
				return err
			}
			for _, r := range set.Rules() {
				if r.ID == args[0] {
					source, err := ruleSource(layers, r)
					if err != nil {
						return fmt.Errorf("reading rule %s: %w", r.ID, err)
					}
					_, err = cmd.OutOrStdout().Write(source)
					return err
				}
			}
			return fmt.Errorf("there is no rule %q: ringfence rules list has all", args[0])
		},
	}
}

// ruleDocument is the part of a rule file that one rule is in.
type ruleDocument struct {
	Lists map[string]yaml.Node `yaml:"lists,omitempty"`
	Rules []yaml.Node          `yaml:"rules"`
}

// ruleSource returns a rule file that has the rule alone, with the lists that it names.
func ruleSource(layers []fs.FS, r inspect.RuleInfo) ([]byte, error) {
	var file ruleDocument
	if err := readRuleFile(layers[r.Layer], r.File, &file); err != nil {
		return nil, err
	}
	shown := ruleDocument{Lists: map[string]yaml.Node{}}
	for _, rule := range file.Rules {
		if rule.Line == r.Line {
			shown.Rules = append(shown.Rules, rule)
		}
	}
	for _, layer := range layers {
		files, err := fs.Glob(layer, "*.yaml")
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			var other ruleDocument
			if err := readRuleFile(layer, name, &other); err != nil {
				return nil, err
			}
			for list, terms := range other.Lists {
				if len(shown.Rules) > 0 && names(&shown.Rules[0], "$"+list) {
					shown.Lists[list] = terms
				}
			}
		}
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	err := encoder.Encode(shown)
	return out.Bytes(), err
}

func readRuleFile(layer fs.FS, name string, into *ruleDocument) error {
	data, err := fs.ReadFile(layer, name)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(data, into)
}

// names reports whether a node has the text anywhere in it.
func names(n *yaml.Node, text string) bool {
	if n.Kind == yaml.ScalarNode && n.Value == text {
		return true
	}
	for _, child := range n.Content {
		if names(child, text) {
			return true
		}
	}
	return false
}
