package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

const reference = "../../docs/configuration.md"

// TestReference holds docs/configuration.md to the structs: every key, its default, its comment.
func TestReference(t *testing.T) {
	want := referencePage(t)
	if *update {
		if err := os.WriteFile(reference, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("run `go test ./internal/config -update` (-want +got)\n%s", diff)
	}
}

func referencePage(t *testing.T) string {
	t.Helper()
	comments := fieldComments(t)
	var page strings.Builder
	page.WriteString(`# Configuration

` + "`ringfence up`, `serve` and `check`" + ` take a YAML file with ` + "`--config`" + `. Every key is optional. Unknown keys, wrong types and
impossible values are errors, all reported at once. Flags override the file.

| key | default | meaning |
|---|---|---|
`)
	defaults := Default()
	defaults.DataDir = "~/.local/share/ringfence"
	rows(&page, comments, reflect.ValueOf(defaults), "")
	return page.String()
}

func rows(page *strings.Builder, comments map[string]string, v reflect.Value, prefix string) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key := prefix + field.Tag.Get("yaml")
		if field.Type.Kind() == reflect.Struct {
			rows(page, comments, v.Field(i), key+".")
			continue
		}
		if field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct {
			fmt.Fprintf(page, "| `%s` | `empty` | %s |\n", key, comments[v.Type().Name()+"."+field.Name])
			rows(page, comments, reflect.Zero(field.Type.Elem()), key+"[].")
			continue
		}
		value := fmt.Sprint(v.Field(i).Interface())
		if d, ok := v.Field(i).Interface().(time.Duration); ok {
			value = d.String()
		}
		if value == "" || value == "[]" {
			value = "empty"
		}
		fmt.Fprintf(page, "| `%s` | `%s` | %s |\n", key, value, comments[v.Type().Name()+"."+field.Name])
	}
}

// fieldComments returns the comments of the structs' fields by Type.Field, on one line each.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	comments := map[string]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		addComments(comments, file)
	}
	return comments
}

func addComments(comments map[string]string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		structure, ok := spec.Type.(*ast.StructType)
		if !ok {
			return true
		}
		for _, field := range structure.Fields.List {
			for _, name := range field.Names {
				text := strings.Join(strings.Fields(field.Doc.Text()), " ")
				comments[spec.Name.Name+"."+name.Name] = strings.TrimPrefix(text, name.Name+" ")
			}
		}
		return false
	})
}

func TestEveryFieldIsExplained(t *testing.T) {
	t.Parallel()
	for _, line := range strings.Split(referencePage(t), "\n") {
		if strings.HasPrefix(line, "| `") && strings.HasSuffix(line, "|  |") {
			t.Errorf("no comment: %s", line)
		}
	}
}
