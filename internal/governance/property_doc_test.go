package governance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	citation = regexp.MustCompile("`([a-z0-9]+)\\.(Test[A-Za-z0-9]+)`")
	declared = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
)

// testsOf returns the names of the tests in a package of internal or tests.
func testsOf(t *testing.T, name string) []string {
	t.Helper()
	var names []string
	for _, parent := range []string{"..", "../inspect", "../../tests"} {
		files, err := filepath.Glob(filepath.Join(parent, name, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
				names = append(names, match[1])
			}
		}
	}
	return names
}

// TestSemanticsAreHeld reads docs/semantics.md: every test it names exists, every sentence of its lists names one, each of
// the fifteen properties has a row, and no test of a property is left out.
func TestSemanticsAreHeld(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/semantics.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string][]string{}
	for _, cited := range citation.FindAllStringSubmatch(string(text), -1) {
		name, test := cited[1], cited[2]
		if _, read := tests[name]; !read {
			tests[name] = testsOf(t, name)
		}
		if !slices.Contains(tests[name], test) {
			t.Errorf("there is no test %s.%s", name, test)
		}
	}
	for _, item := range strings.Split(string(text), "\n- ")[1:] {
		item, _, _ = strings.Cut(item, "\n\n")
		if !citation.MatchString(item) {
			t.Errorf("no test holds %q", item)
		}
	}
	for number := range 15 {
		row := fmt.Sprintf("\n| P%d ", number+1)
		if strings.Count(string(text), row) != 1 {
			t.Errorf("P%d has no row", number+1)
		}
	}
	files, err := filepath.Glob("property_*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no properties", err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range declared.FindAllStringSubmatch(string(source), -1) {
			if name := match[1]; name != "TestSemanticsAreHeld" && name != "TestEveryStageHasAFault" && !strings.Contains(string(text), "`governance."+name+"`") {
				t.Errorf("docs/semantics.md leaves out %s of %s", name, file)
			}
		}
	}
}
