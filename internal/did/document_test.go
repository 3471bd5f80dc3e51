package did_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/did"
)

var update = flag.Bool("update", false, "write golden files")

const (
	alice  = "did:web:agents.example:a"
	aliceK = "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"
	otherK = "z6MkjchhfUsD6mmvni8mCdXHw216Xrm9bQe2mBH1P5RDjVJG"
)

// TestParseDocument reads each document of testdata and compares what counts of it with its golden file.
func TestParseDocument(t *testing.T) {
	t.Parallel()
	for _, path := range documents(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			document, err := did.ParseDocument(raw, alice)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(document, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := strings.TrimSuffix(path, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, key := range document.Keys {
				if agent.NewKey(key.Public).DID != key.DID {
					t.Errorf("%s has the public key of another did:key", key.ID)
				}
			}
		})
	}
}

func documents(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob("testdata/documents/*.json")
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no documents: %v", err)
	}
	return paths
}

// method returns a verification method of alice as JSON, with more members behind the usual ones.
func method(id, key string, more ...string) string {
	members := append([]string{
		fmt.Sprintf(`"id":%q`, id), `"type":"Multikey"`, fmt.Sprintf(`"controller":%q`, alice), fmt.Sprintf(`"publicKeyMultibase":%q`, key),
	}, more...)
	return "{" + strings.Join(members, ",") + "}"
}

func TestParseDocumentRefuses(t *testing.T) {
	t.Parallel()
	good := method("#k1", aliceK)
	document := func(methods, authentication, more string) string {
		return fmt.Sprintf(`{"id":%q,"verificationMethod":[%s],"authentication":[%s]%s}`, alice, methods, authentication, more)
	}
	many := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, method(fmt.Sprintf("#k%d", i), aliceK))
		}
		return strings.Join(all, ",")
	}
	tests := []struct {
		name, document, want string
		noKey                bool
	}{
		{"empty", ``, "is not valid: is empty; it must be JSON", false},
		{"array", `[]`, "is not a JSON object", false},
		{"html", `<html>secret`, "is not valid: is not valid JSON at byte 1", false},
		{"trailing-data", document(good, `"#k1"`, "") + "{}", "is not valid: has data after the JSON value", false},
		{"duplicate-id", `{"id":"` + alice + `",` + document(good, `"#k1"`, "")[1:], "is not valid: a member appears more than once", false},
		{"duplicate-in-jwk", document(method("#k1", aliceK, `"publicKeyJwk":{"x":"a","x":"b"}`), `"#k1"`, ""), "is not valid: a member appears more than once", false},
		{"too-deep", document(good, `"#k1"`, `,"x":`+strings.Repeat("[", 80)+strings.Repeat("]", 80)), "is not valid: is nested deeper than 64 levels", false},
		{"too-long", document(good, `"#k1"`, `,"x":"`+strings.Repeat("x", did.MaxDocument)+`"`), "has more than 65536 bytes", false},
		{"no-id", `{"verificationMethod":[]}`, "is not that of the DID: its id differs", false},
		{"other-id", strings.Replace(document(good, `"#k1"`, ""), alice, "did:web:agents.example:b", 1), "is not that of the DID: its id differs", false},
		{"other-case-of-id", strings.Replace(document(good, `"#k1"`, ""), alice, "did:web:agents.example:A", 1), "is not that of the DID: its id differs", false},
		{"id-with-fragment", strings.Replace(document(good, `"#k1"`, ""), alice, alice+"#", 1), "is not that of the DID: its id differs", false},
		{"member-in-other-case", strings.Replace(document(good, `"#k1"`, ""), "authentication", "Authentication", 1), "", true},
		{"methods-not-an-array", strings.Replace(document("", `"#k1"`, ""), "[]", "{}", 1), "has a member verificationMethod that is not an array", false},
		{"methods-null", strings.Replace(document("", `"#k1"`, ""), "[]", "null", 1), "has a member verificationMethod that is not an array", false},
		{"method-not-an-object", document(`"#k1"`, `"#k1"`, ""), "has an entry verificationMethod[0] that is not an object", false},
		{"authentication-number", document(good, `7`, ""), "has an entry of authentication that is neither a string nor an object", false},
		{"aliases-not-strings", document(good, `"#k1"`, `,"alsoKnownAs":[1]`), "has an entry of alsoKnownAs that is not a string of at most 2048 bytes", false},
		{"two-keys-of-one-id", document(good+","+method(alice+"#k1", otherK), `"#k1"`, ""), "has two different methods with one id", false},
		{"key-replaced-where-it-is-used", document(good, method("#k1", otherK), ""), "has two different methods with one id", false},
		{"key-skipped-once", document(method("#k1", "z1")+","+good, `"#k1"`, ""), "has two different methods with one id", false},
		{"too-many-methods", document(many(65), `"#k1"`, ""), "has more than 64 entries of verificationMethod", false},
		{"too-many-with-embedded", document(many(64), method("#more", aliceK), ""), "has more than 64 methods", false},
		{"no-method", document("", "", ""), "", true},
		{"no-authentication", document(good, "", `,"assertionMethod":["#k1"]`), "", true},
		{"only-foreign-keys", document(strings.Replace(good, alice, "did:web:evil.example", 1), `"#k1"`, ""), "", true},
		{"only-weak-keys", document(method("#k1", agent.NewKey(make([]byte, 32)).Fragment()), `"#k1"`, ""), "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			document, err := did.ParseDocument([]byte(test.document), alice)
			if err == nil {
				t.Fatalf("accepted with %d keys", len(document.Keys))
			}
			if errors.Is(err, did.ErrNoKey) != test.noKey {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(test.want, err.Error()); !test.noKey && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if document.Keys != nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), aliceK) {
				t.Errorf("%v came with the error %v", document, err)
			}
		})
	}
}

// Laws: what is read is that of the DID, has a key for authentication, only keys of sound order with a purpose and
// with names of their own, and is read the same way twice.
func FuzzParseDocument(f *testing.F) {
	for _, path := range documents(f) {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"id":"` + alice + `","authentication":[` + method("#a", aliceK, `"revoked":"2026-01-01T00:00:00Z"`) + `]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		document, err := did.ParseDocument(raw, alice)
		if err != nil {
			return
		}
		authenticates, names := false, map[string]bool{}
		for _, key := range document.Keys {
			parsed, err := agent.ParseKeyDID(key.DID)
			if err != nil || !bytes.Equal(parsed.Public, key.Public) || names[key.ID] || !strings.HasPrefix(key.ID, alice+"#") || !key.Authentication && !key.Assertion {
				t.Fatalf("the key %+v counts: %v", key, err)
			}
			names[key.ID] = true
			authenticates = authenticates || key.Authentication
		}
		again, err := did.ParseDocument(raw, alice)
		if diff := cmp.Diff(document, again); err != nil || diff != "" || document.DID != alice || !authenticates {
			t.Fatalf("%v, differs:\n%s", err, diff)
		}
	})
}
