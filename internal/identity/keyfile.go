package identity

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const (
	pemType     = "PRIVATE KEY" // RFC 7468 section 10
	maxKeyBytes = 16 << 10
)

// NewKey returns a new Ed25519 key drawn from random.
func NewKey(random io.Reader) (ed25519.PrivateKey, error) {
	_, private, err := ed25519.GenerateKey(random)
	if err != nil {
		return nil, fmt.Errorf("drawing key: %w", err)
	}
	return private, nil
}

// SaveKey writes the key to a new file, PKCS#8 in PEM, readable by its owner alone. The file appears whole or
// not at all; one that exists is never replaced.
func SaveKey(path string, key ed25519.PrivateKey) error {
	if len(key) != ed25519.PrivateKeySize {
		return fmt.Errorf("saving key %s: not an Ed25519 key", path)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("saving key %s: %w", path, err)
	}
	err = createFile(path, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}))
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("saving key %s: %w; choose another name, or move the old key away first", path, fs.ErrExist)
	}
	if err != nil {
		return fmt.Errorf("saving key %s: %w", path, err)
	}
	return nil
}

// createFile writes a new file of mode 0600. Linking a finished file to its name is atomic and, unlike
// renaming, fails when the name is taken.
func createFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, ".key-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a new name in dir survive a crash. Some file systems cannot, and the key is there all the same.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}

// LoadKey reads a key that SaveKey wrote, or any Ed25519 key in PKCS#8 PEM. A file that others than its owner
// can read is refused.
func LoadKey(path string) (ed25519.PrivateKey, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("loading key: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("loading key: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("loading key: %s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return nil, fmt.Errorf("loading key: %s can be read by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxKeyBytes+1))
	if err != nil {
		return nil, fmt.Errorf("loading key: %w", err)
	}
	key, err := parseKey(data)
	if err != nil {
		return nil, fmt.Errorf("loading key %s: %w", path, err)
	}
	return key, nil
}

func parseKey(data []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != pemType || len(data) > maxKeyBytes {
		return nil, fmt.Errorf("not a PEM file with one %s; make one with: ringfence identity new", pemType)
	}
	// The parser's error may quote the key.
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("not an Ed25519 key; make one with: ringfence identity new")
	}
	return key, nil
}
