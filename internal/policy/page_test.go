package policy

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestPage compiles each block of the page for operators: whole documents, and rules, which it puts into one.
func TestPage(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	blocks := yamlBlock.FindAllStringSubmatchIndex(page, -1)
	if len(blocks) < 5 || len(blocks) != strings.Count(page, "```yaml") {
		t.Fatalf("the page has %d blocks", len(blocks))
	}
	for _, at := range blocks {
		line, text := strings.Count(page[:at[0]], "\n")+1, page[at[2]:at[3]]
		if strings.HasPrefix(text, "- ") {
			text = head + "spec:\n  party: callee\n  rules:\n  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
		}
		docs, problems := Parse("docs/policies.md", []byte(text))
		if _, found := Compile(docs, nil); len(problems)+len(found) > 0 || len(docs) == 0 {
			t.Errorf("the block at line %d is refused:\n%s", line, problemText(append(problems, found...)))
		}
	}
	for k := Permit; k <= Cedar; k++ {
		if !strings.Contains(page, "| `"+k.String()+"` |") {
			t.Errorf("the page does not say what %s is", k)
		}
	}
	for _, a := range vocabulary {
		if !strings.Contains(page, "`"+string(a.name)+"`") {
			t.Errorf("the page does not say what context.%s is", a.name)
		}
	}
}

// TestPagePrivilege holds what the page says of rules that are refused, and of what to write instead.
func TestPagePrivilege(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, subjects, rule string
		taken                bool
	}{
		{"permit-of-ring-2", "{rings: [2]}", "permit", false},
		{"permit-from-ring-2-on", "{rings: [0, 1, 2]}", "permit", true},
		{"forbid-of-ring-2", "{rings: [2]}", "forbid", false},
		{"forbid-from-ring-2-on", "{rings: [2, 3]}", "forbid", true},
		{"ring-1-instead", "{}", "require_ring: 1", true},
		{"forbid-of-trust", "{}", "cedar: 'forbid (principal, action, resource) when { context.trust > 900 };'", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, problems := Compile(mustParse(t, spec(tt.rule)+"  subjects: "+tt.subjects+"\n"), nil)
			if (len(problems) == 0) != tt.taken {
				t.Errorf("problems:\n%s", problemText(problems))
			}
		})
	}
}
