package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v3"
)

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("policy.schema.json", value); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plainValue is a YAML node as editors hand it to a schema.
func plainValue(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plainValue(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		all := []any{}
		for _, item := range n.Content {
			all = append(all, plainValue(item))
		}
		return all
	}
	switch n.Tag {
	case "!!int", "!!float":
		return json.Number(n.Value)
	case "!!bool":
		return n.Value == "true"
	case "!!null":
		return nil
	}
	return n.Value
}

// documentFiles are all files of documents that have to be right.
func documentFiles(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"testdata/*.yaml", "testdata/golden/*.yaml", "../../examples/policies/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		all = append(all, found...)
	}
	return all
}

func TestSchemaAccepts(t *testing.T) {
	t.Parallel()
	s := compileSchema(t)
	for _, path := range documentFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(data), "\n")
		relative, ok := strings.CutPrefix(line, "# yaml-language-server: $schema=")
		if schema, err := os.ReadFile(filepath.Join(filepath.Dir(path), relative)); !ok || err != nil || !bytes.Equal(schema, Schema()) {
			t.Errorf("%s: the first line %q leads to no schema: %v", path, line, err)
		}
		docs := mustParse(t, string(data))
		if len(docs) == 0 {
			t.Errorf("%s holds no document", path)
		}
		for _, d := range docs {
			n, err := parseNode(d.Source)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(plainValue(n)); err != nil {
				t.Errorf("%s: %s: %v", path, d.Name, err)
			}
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	s := compileSchema(t)
	for _, tt := range refusals() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, err := parseNode([]byte(tt.text))
			if err != nil || n == nil || !utf8.ValidString(tt.text) || !new(reader).plain(n) {
				if !tt.silent {
					t.Fatalf("a schema does not come to see this: %v", err)
				}
				return
			}
			if err := s.Validate(plainValue(n)); (err == nil) != tt.silent {
				t.Errorf("silent %t, but the schema says %v", tt.silent, err)
			}
		})
	}
}

// TestSchemaNames holds the lists of the schema against those of the parser.
func TestSchemaNames(t *testing.T) {
	t.Parallel()
	var value struct {
		Defs struct {
			Rule struct {
				Properties map[string]any `json:"properties"`
			} `json:"rule"`
			Method struct {
				Enum []string `json:"enum"`
			} `json:"method"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &value); err != nil {
		t.Fatal(err)
	}
	for k := Permit; k <= Cedar; k++ {
		if _, ok := value.Defs.Rule.Properties[k.String()]; !ok || forms[k].fields == nil && !forms[k].bare {
			t.Errorf("%s is missing in the schema or in the parser", k)
		}
	}
	if len(value.Defs.Rule.Properties) != len(forms) || !slices.Equal(value.Defs.Method.Enum, methods) {
		t.Errorf("the schema has rules or methods that the parser has not: %s", fmt.Sprint(value.Defs.Method.Enum))
	}
}

// TestSchemaTellsWhere holds that editors mark the value that is wrong, and not the rule around it.
func TestSchemaTellsWhere(t *testing.T) {
	t.Parallel()
	s := compileSchema(t)
	for rule, want := range map[string]string{
		"max_body: 64K":                  "/spec/rules/0/max_body",
		"max_body: {bytes: 0}":           "/spec/rules/0/max_body/bytes",
		"time_limit: 1d":                 "/spec/rules/0/time_limit",
		"require_assurance: agnet":       "/spec/rules/0/require_assurance",
		"rate_limit: {requests: 0}":      "/spec/rules/0/rate_limit/requests",
		"concurrency: {calls: 1, by: x}": "/spec/rules/0/concurrency/by",
		"forbid: {effects: [reads]}":     "/spec/rules/0/forbid/effects/0",
		"read_onyl":                      "/spec/rules/0",
	} {
		n, err := parseNode([]byte(spec(rule)))
		if err != nil {
			t.Fatal(err)
		}
		var invalid *jsonschema.ValidationError
		if !errors.As(s.Validate(plainValue(n)), &invalid) {
			t.Errorf("%s is valid", rule)
			continue
		}
		for len(invalid.Causes) == 1 {
			invalid = invalid.Causes[0]
		}
		if at := "/" + strings.Join(invalid.InstanceLocation, "/"); at != want || len(invalid.Causes) > 0 {
			t.Errorf("%s is wrong at %s, not at %s: %v", rule, at, want, invalid)
		}
	}
}
