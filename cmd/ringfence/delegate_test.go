package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/delegation"
	"ringfence.dev/ringfence/internal/identity"
)

// savedKey returns a new key and the file it is in.
func savedKey(t *testing.T, name string) (ed25519.PrivateKey, string) {
	t.Helper()
	key, err := identity.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := identity.SaveKey(path, key); err != nil {
		t.Fatal(err)
	}
	return key, path
}

func TestDelegateCommand(t *testing.T) {
	t.Parallel()
	key, keyFile := savedKey(t, "a.pem")
	holder, holderFile := savedKey(t, "b.pem")
	did := agent.NewKey(holder.Public().(ed25519.PublicKey)).DID
	root, err := execute(t, delegateCommand(), "--key", keyFile, "--to", did, "--can", "read:*", "--can", "call:ledger", "--for", "30m", "--depth", "1")
	if err != nil {
		t.Fatal(err)
	}
	parent := filepath.Join(t.TempDir(), "delegation")
	if err := os.WriteFile(parent, []byte(root), 0o600); err != nil {
		t.Fatal(err)
	}
	clerk, _ := savedKey(t, "c.pem")
	der, err := x509.MarshalPKIXPublicKey(clerk.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(t.TempDir(), "c.pub")
	if err := os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	chain, err := execute(t, delegateCommand(), "--key", holderFile, "--to", public, "--can", "read:ledger", "--parent", "@"+parent, "--audience", "ledger")
	if err != nil {
		t.Fatal(err)
	}
	statements, err := delegation.Inspect(strings.TrimSpace(chain))
	if err != nil || len(statements) != 2 || !statements[0].Holder.Equal(holder.Public()) || !statements[1].Holder.Equal(clerk.Public()) {
		t.Fatalf("%+v, %v", statements, err)
	}
	out, err := execute(t, delegateCommand(), "inspect", chain)
	if err != nil || !strings.Contains(out, agent.NewKey(key.Public().(ed25519.PublicKey)).DID) || strings.Count(out, "\n") != 3 || !strings.Contains(out, "read:ledger") {
		t.Errorf("inspect: %q, %v", out, err)
	}
	second := strings.TrimSpace(chain)[len(strings.TrimSpace(root))+1:]
	if out, err := execute(t, delegateCommand(), "inspect", second); err == nil || !strings.Contains(out, "read:ledger") {
		t.Errorf("inspecting a chain without its root: %q, %v", out, err)
	}
}

func TestDelegateCommandRefuses(t *testing.T) {
	t.Parallel()
	_, keyFile := savedKey(t, "a.pem")
	_, holder := savedKey(t, "b.pem")
	root, err := execute(t, delegateCommand(), "--key", keyFile, "--to", holder, "--can", "read:*")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, says string
		args       []string
	}{
		{"no-holder", `"can", "to" not set`, []string{"--key", keyFile}},
		{"holder-by-hash", "did:key", []string{"--can", "read:*", "--key", keyFile, "--to", "did:mesh:abc"}},
		{"holder-that-is-not-there", "reading the key", []string{"--can", "read:*", "--key", keyFile, "--to", "nowhere.pem"}},
		{"nothing-granted", `"can" not set`, []string{"--key", keyFile, "--to", holder}},
		{"no-capability", "--can", []string{"--key", keyFile, "--to", holder, "--can", "read"}},
		{"no-audience", "--audience", []string{"--can", "read:*", "--key", keyFile, "--to", holder, "--audience", "A B"}},
		{"too-long", "live", []string{"--can", "read:*", "--key", keyFile, "--to", holder, "--for", "25h"}},
		{"another's-parent", "another key", []string{"--can", "read:*", "--key", keyFile, "--to", holder, "--parent", strings.TrimSpace(root)}},
		{"below-a-last-link", "no link below", []string{"--can", "read:*", "--key", holder, "--to", keyFile, "--parent", strings.TrimSpace(root)}},
		{"parent-that-is-not-there", "reading delegation", []string{"--can", "read:*", "--key", holder, "--to", keyFile, "--parent", "@nowhere"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if out, err := execute(t, delegateCommand(), test.args...); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
}
