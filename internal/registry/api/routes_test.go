package api

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryRouteIsDocumented holds the routes of the mux against the paths of the OpenAPI document, both ways, and
// the routes that need no token against the operations that say so.
func TestEveryRouteIsDocumented(t *testing.T) {
	t.Parallel()
	server, err := New(Config{Logger: slog.New(slog.DiscardHandler), Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Security    *[]map[string][]string
			RequestBody struct {
				Content map[string]struct {
					Schema map[string]any
				}
			}
		}
	}
	if err := json.Unmarshal(server.specJSON, &document); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", document.OpenAPI)
	}
	var documented, free []string
	for path, operations := range document.Paths {
		for method, operation := range operations {
			documented = append(documented, strings.ToUpper(method)+" "+path)
			if operation.Security != nil && len(*operation.Security) == 0 {
				free = append(free, path)
			}
			for media, content := range operation.RequestBody.Content {
				schema := "#/components/schemas/RegistrationBody"
				switch {
				case strings.Contains(path, "/card:"):
					schema = "#/components/schemas/DigestBody"
				case strings.HasSuffix(path, "/keys"):
					schema = "#/components/schemas/AddedKeyBody"
				case strings.HasSuffix(path, "/status"):
					schema = "#/components/schemas/StatusBody"
				}
				if media != "application/json" || content.Schema["$ref"] != schema {
					t.Errorf("%s %s takes %s with schema %v", method, path, media, content.Schema)
				}
			}
		}
	}
	slices.Sort(documented)
	slices.Sort(free)
	if diff := cmp.Diff(slices.Sorted(slices.Values(server.mux.patterns)), documented); diff != "" {
		t.Errorf("routes (-served +documented):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/.well-known/jwks.json", "/healthz", "/metrics", "/openapi.json", "/openapi.yaml", "/readyz"}, free); diff != "" {
		t.Errorf("documented as needing no token (-want +got):\n%s", diff)
	}
	for _, path := range free {
		if !open[path] {
			t.Errorf("%s needs a token", path)
		}
	}
	if len(open) != len(free) {
		t.Errorf("%d routes need no token, %d are documented so", len(open), len(free))
	}
}
