package identity

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

var update = flag.Bool("update", false, "write golden files")

func TestDocument(t *testing.T) {
	t.Parallel()
	tests := []struct {
		golden string
		hosted agent.Hosted
	}{
		{"did.json", agent.Hosted{Key: names(alice), Role: agent.AgentKey}},
		{"did-sidecar.json", agent.Hosted{Key: names(alice), Role: agent.SidecarKey}},
		{"did-full.json", agent.Hosted{
			Key: names(alice), Role: agent.AgentKey, Sidecars: []agent.Key{names(mallory)}, Webs: []string{"did:web:agents.example.com"},
		}},
	}
	for _, test := range tests {
		t.Run(test.golden, func(t *testing.T) {
			t.Parallel()
			data, err := Document(test.hosted)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, data, "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			golden := filepath.Join("testdata", test.golden)
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("document (-want +got):\n%s", diff)
			}
			again, err := Document(test.hosted)
			if err != nil || !bytes.Equal(data, again) {
				t.Errorf("a second document differs: %s, %v", again, err)
			}
		})
	}
}
