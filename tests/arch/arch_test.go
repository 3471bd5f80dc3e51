// Package arch holds the rules of docs/architecture.md about who may import whom and how files look, as tests.
package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "ringfence.dev/ringfence/"

// domain lists the packages that decide, which must know nothing of how they are reached.
var domain = []string{
	"internal/a2a", "internal/agent", "internal/identity", "internal/authority", "internal/inspect",
	"internal/registry", "internal/audit", "internal/governance", "internal/config", "internal/store",
	"internal/network", "internal/task", "internal/callback", "internal/cards", "internal/shards", "internal/mirror",
	"internal/delegation", "internal/did", "internal/gate", "internal/killswitch", "internal/limit", "internal/lineage",
	"internal/nonce", "internal/token", "internal/trust", "internal/vouch", "internal/base64url", "trustbridge",
	"internal/policy", "internal/rulebook", "internal/budget", "internal/approval", "internal/held",
	"internal/inspect/recall", "internal/inspect/ruledir",
}

// allowed lists which of the module's own packages each package may import directly. A package without an entry
// may import anything.
var allowed = map[string][]string{
	"internal/a2a":        {},
	"internal/agent":      {"internal/strictjson"},
	"internal/strictjson": {},
	"internal/base64url":  {},
	"internal/network":    {},
	"internal/shards":     {},
	"internal/mirror":     {"internal/shards", "internal/store"},
	"internal/cards":      {"internal/agent", "internal/base64url", "internal/strictjson"},
	"internal/task":       {"internal/agent", "internal/store"},
	"internal/callback":   {"internal/network"},
	"internal/store":      {},
	"internal/identity":   {"internal/a2a", "internal/agent"},
	"internal/authority":  {"internal/agent"},
	"internal/delegation": {"internal/agent", "internal/authority", "internal/base64url", "internal/identity", "internal/strictjson"},
	"internal/did":        {"internal/agent", "internal/base64url", "internal/mirror", "internal/network", "internal/store", "internal/strictjson"},
	"internal/gate":       {"internal/agent", "internal/authority", "internal/mirror", "internal/store"},
	"internal/killswitch": {"internal/agent", "internal/mirror", "internal/store"},
	"internal/limit":      {"internal/agent"},
	"internal/lineage":    {"internal/agent", "internal/authority", "internal/mirror", "internal/store"},
	"internal/nonce":      {"internal/identity", "internal/store"},
	"internal/token":      {"internal/agent", "internal/base64url", "internal/identity", "internal/strictjson"},
	"internal/trust":      {"internal/agent", "internal/mirror", "internal/shards", "internal/store"},
	"internal/vouch":      {"internal/agent", "internal/authority"},
	"internal/inspect":    {"internal/a2a", "internal/agent"},

	"internal/inspect/recall":  {"internal/a2a", "internal/inspect"},
	"internal/inspect/ruledir": {"internal/a2a", "internal/inspect"},
	"internal/audit":           {"internal/agent"},
	"internal/registry":        {"internal/a2a", "internal/agent", "internal/cards", "internal/mirror", "internal/network", "internal/shards", "internal/store"},
	"internal/config": {
		"internal/a2a", "internal/agent", "internal/approval", "internal/callback", "internal/did", "internal/identity", "internal/limit",
		"internal/token", "internal/trust",
	},
	"internal/policy":   {"internal/a2a", "internal/agent", "internal/identity"},
	"internal/rulebook": {"internal/a2a", "internal/agent", "internal/audit", "internal/identity", "internal/mirror", "internal/policy", "internal/store"},
	"internal/budget":   {"internal/store"},
	"internal/approval": {
		"internal/a2a", "internal/agent", "internal/base64url", "internal/mirror", "internal/policy", "internal/store", "internal/strictjson",
	},
	"internal/held":      {"internal/a2a", "internal/agent", "internal/store"},
	"internal/envoywire": {"internal/identity"},
	"internal/envoyrpc":  {},
	"internal/envoyhttp": {"internal/envoywire", "internal/identity"},
	"internal/governance": {
		"internal/a2a", "internal/agent", "internal/approval", "internal/audit", "internal/authority", "internal/budget", "internal/callback",
		"internal/delegation", "internal/did", "internal/gate", "internal/held", "internal/identity", "internal/inspect", "internal/killswitch", "internal/limit", "internal/lineage",
		"internal/policy", "internal/registry", "internal/task", "internal/token", "internal/trust",
	},
	"trustbridge": {"internal/agent", "internal/delegation", "internal/identity"},
	"accesslog":   {"internal/envoyhttp", "internal/envoywire", "internal/governance"},
	"extauthz":    {"internal/envoyhttp", "internal/envoywire", "internal/governance", "internal/identity"},
	"extproc":     {"internal/envoyhttp", "internal/envoywire", "internal/governance"},
	"xds":         {"internal/agent", "internal/config", "internal/registry"},
	"envoy":       {},
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func list(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps=false", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestDomainSeesNoTransport(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if !slices.ContainsFunc(domain, func(d string) bool { return name == d || strings.HasPrefix(name, d+"/") }) {
			continue
		}
		for _, dep := range p.Deps {
			for _, forbidden := range []string{"github.com/envoyproxy/", "google.golang.org/grpc", "go.uber.org/fx"} {
				if strings.HasPrefix(dep, forbidden) {
					t.Errorf("%s depends on %s", name, dep)
				}
			}
		}
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		rule, ok := allowed[name]
		for _, imported := range p.Imports {
			own, local := strings.CutPrefix(imported, module)
			if !local {
				continue
			}
			if strings.HasPrefix(own, "tests/") && !strings.HasPrefix(name, "tests/") {
				t.Errorf("%s imports %s: nothing imports tests", name, own)
			}
			if ok && !slices.Contains(rule, own) {
				t.Errorf("%s may not import %s", name, own)
			}
		}
	}
}

// sources calls visit for each Go file of the module.
func sources(t *testing.T, visit func(path string, file *ast.File, set *token.FileSet, lines int)) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && len(entry.Name()) > 2:
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, data, parser.ParseComments)
		if err != nil {
			return err
		}
		visit(strings.TrimPrefix(path, "../../"), file, set, bytes.Count(data, []byte("\n")))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFxIsWiringOnly(t *testing.T) {
	t.Parallel()
	sources(t, func(path string, file *ast.File, _ *token.FileSet, _ int) {
		if strings.HasPrefix(path, "cmd/") || filepath.Base(path) == "module.go" || strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, i := range file.Imports {
			if name, _ := strconv.Unquote(i.Path.Value); strings.HasPrefix(name, "go.uber.org/fx") {
				t.Errorf("%s imports fx: only cmd and module.go files wire", path)
			}
		}
	})
}

func TestFileLength(t *testing.T) {
	t.Parallel()
	sources(t, func(path string, file *ast.File, _ *token.FileSet, lines int) {
		limit := 400
		if strings.HasSuffix(path, "_test.go") {
			limit = 600
		}
		if lines > limit && !ast.IsGenerated(file) {
			t.Errorf("%s has %d lines; %d are allowed", path, lines, limit)
		}
	})
}

// TestDecisionsArePure forbids the clock, chance and panics in the packages that decide.
func TestDecisionsArePure(t *testing.T) {
	t.Parallel()
	sources(t, func(path string, file *ast.File, set *token.FileSet, _ int) {
		decides := slices.ContainsFunc([]string{
			"internal/a2a/", "internal/agent/", "internal/identity/", "internal/authority/", "internal/inspect/", "internal/governance/",
			"internal/task/", "internal/callback/", "internal/cards/", "internal/delegation/", "internal/did/", "internal/gate/",
			"internal/killswitch/", "internal/limit/", "internal/lineage/", "internal/mirror/", "internal/nonce/", "internal/token/",
			"internal/trust/", "internal/vouch/", "internal/policy/", "internal/rulebook/", "internal/budget/", "internal/approval/", "internal/held/",
		}, func(d string) bool { return strings.HasPrefix(path, d) })
		if !decides || strings.HasSuffix(path, "_test.go") {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "panic" {
					t.Errorf("%s: panic", set.Position(n.Pos()))
				}
			case *ast.SelectorExpr:
				base, ok := n.X.(*ast.Ident)
				if ok && (base.Name == "time" && (n.Sel.Name == "Now" || n.Sel.Name == "Since" || n.Sel.Name == "Sleep") ||
					base.Name == "rand" && n.Sel.Name == "Reader" || base.Name == "fmt" && strings.HasPrefix(n.Sel.Name, "Print")) {
					t.Errorf("%s: %s.%s", set.Position(n.Pos()), base.Name, n.Sel.Name)
				}
			}
			return true
		})
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	banned := []string{"util", "utils", "common", "manager", "helper", "helpers", "impl", "types", "misc"}
	sources(t, func(path string, file *ast.File, _ *token.FileSet, _ int) {
		if slices.Contains(banned, file.Name.Name) || slices.Contains(banned, strings.TrimSuffix(filepath.Base(path), ".go")) {
			t.Errorf("%s: say what it is for", path)
		}
	})
}
