package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

func TestReadHeaders(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "signature")
	if err := os.WriteFile(file, []byte("Signature: agent=:eA==:\r\nContent-Digest: sha-256=:eQ==:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readHeaders(strings.NewReader("A: 1\nB: 2\n"), []string{"@" + file, "A2A-Version: 1.0", "@-"})
	want := http.Header{
		"Signature": {"agent=:eA==:"}, "Content-Digest": {"sha-256=:eQ==:"}, "A2a-Version": {"1.0"}, "A": {"1"}, "B": {"2"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for _, wrong := range []string{"@" + file + "-missing", "no colon"} {
		if _, err := readHeaders(nil, []string{wrong}); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestExplanationPrinted(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := printExplanation(&out, explained{
		Decision: "deny", Factor: "policy", Reason: "policy-forbids", Revision: 5, Ring: agent.User, Trust: 400,
		Factors: []explainedFactor{
			{Factor: "fields", Verdict: "allow"},
			{Factor: "policy", Value: "epoch e; counted by x; policy p rules[0] forbid", Verdict: "deny", Reason: "policy-forbids", Message: "no", Witness: true},
			{Factor: "budget", Value: "not judged: x"},
		},
	})
	want := `FACTOR  VALUE                     VERDICT                WITNESS
fields                            allow
policy  epoch e                   deny (policy-forbids)  this one: no
        counted by x
        policy p rules[0] forbid
budget  not judged: x             -

deny by policy (policy-forbids), in ring 2 with trust 400, at revision 5
`
	if diff := cmp.Diff(want, out.String()); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}
