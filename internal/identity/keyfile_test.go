package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestNewKey(t *testing.T) {
	t.Parallel()
	key, err := NewKey(bytes.NewReader(bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	if !key.Equal(alice) {
		t.Error("the key was not drawn from the given bytes")
	}
	if _, err := NewKey(bytes.NewReader(nil)); err == nil {
		t.Error("a key was made of nothing")
	}
}

func TestSaveAndLoadKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agent.pem")
	if err := SaveKey(path, alice); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("the file has mode %04o, want 0600", got)
	}
	key, err := LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if !key.Equal(alice) {
		t.Error("the key that was loaded is not the one that was saved")
	}
	if err := SaveKey(path, mallory); !errors.Is(err, fs.ErrExist) {
		t.Errorf("saving over a key: got error %v, want one that it exists", err)
	}
	if key, err := LoadKey(path); err != nil || !key.Equal(alice) {
		t.Errorf("after a refused save the file holds %v, %v, want the first key", key, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v, want the key alone", entries, err)
	}
}

func TestSaveKeyRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := SaveKey(filepath.Join(dir, "none", "agent.pem"), alice); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("saving into no directory: got error %v", err)
	}
	if err := SaveKey(filepath.Join(dir, "agent.pem"), nil); err == nil {
		t.Error("no key was saved")
	}
}

// Two that save at once: one key is kept, and it is whole.
func TestSaveKeyConcurrently(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agent.pem")
	var wins atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if SaveKey(path, alice) == nil {
				wins.Add(1)
			}
		})
	}
	wg.Wait()
	if got := wins.Load(); got != 1 {
		t.Errorf("%d saved, want 1", got)
	}
	if _, err := LoadKey(path); err != nil {
		t.Error(err)
	}
}

func TestLoadKeyRefuses(t *testing.T) {
	t.Parallel()
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := pkcs8(alice)
	tests := []struct {
		name string
		data []byte
		mode os.FileMode
		want string
	}{
		{"group-readable", good, 0o640, "run: chmod 600"},
		{"world-readable", good, 0o604, "run: chmod 600"},
		{"group-writable", good, 0o620, "run: chmod 600"},
		{"empty", nil, 0o600, "not a PEM file"},
		{"not-pem", []byte("secret"), 0o600, "not a PEM file"},
		{"other-pem", bytes.ReplaceAll(good, []byte("PRIVATE"), []byte("PUBLIC")), 0o600, "not a PEM file"},
		{"other-key-type", pkcs8(p256), 0o600, "not an Ed25519 key"},
		{"broken-der", pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: []byte("secret")}), 0o600, "not an Ed25519 key"},
		{"too-long", append(bytes.Repeat([]byte("\n"), maxKeyBytes), good...), 0o600, "not a PEM file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "agent.pem")
			if err := os.WriteFile(path, tt.data, tt.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := LoadKey(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got error %v, want one with %q and the path", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("the error %q quotes the file or is not one line", err)
			}
		})
	}
	if _, err := LoadKey(t.TempDir()); err == nil || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("loading a directory: got error %v", err)
	}
	if _, err := LoadKey(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("loading no file: got error %v", err)
	}
}
