package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

const (
	tokenBytes     = 32
	minTokenLength = 32
	maxTokenFile   = 4096
)

// Token is the secret of the API's administrator. It prints redacted; convert it to a string to get the secret.
type Token string

const redacted = "[redacted]"

// String hides the token from formatted output.
func (t Token) String() string { return redacted }

// GoString hides the token from %#v.
func (t Token) GoString() string { return redacted }

// LogValue hides the token from logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// admits reports whether the Authorization fields are exactly one, which carries the token.
func (t Token) admits(fields []string) bool {
	if len(fields) != 1 || t == "" {
		return false
	}
	scheme, credentials, _ := strings.Cut(fields[0], " ")
	given, want := sha256.Sum256([]byte(strings.TrimSpace(credentials))), sha256.Sum256([]byte(t))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(given[:], want[:]) == 1
}

// LoadOrCreateToken returns the token in the file, first creating it from random where there is none. The file is
// the owner's alone (mode 0600) and appears complete or not at all; one that others may read is refused, because
// its token may be known.
func LoadOrCreateToken(path string, random io.Reader) (Token, error) {
	token, err := loadToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	secret := make([]byte, tokenBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return "", fmt.Errorf("creating API token: %w", err)
	}
	err = createFile(path, base64.RawURLEncoding.EncodeToString(secret)+"\n")
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("creating API token: %w", err)
	}
	return loadToken(path) // another process may have been first: its token counts
}

func loadToken(path string) (Token, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("loading API token: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", fmt.Errorf("loading API token: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("loading API token: %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("loading API token: others may read %s (mode %04o): run chmod 600 on it, or delete it to get a new token", path, mode)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxTokenFile))
	if err != nil {
		return "", fmt.Errorf("loading API token: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if len(token) < minTokenLength || strings.ContainsFunc(token, notInToken) {
		return "", fmt.Errorf("loading API token: %s must hold one token of at least %d visible characters: delete it to get a new one", path, minTokenLength)
	}
	return Token(token), nil
}

func notInToken(c rune) bool { return c <= ' ' || c > '~' }

// createFile makes a file that did not exist, with its whole content, or returns fs.ErrExist.
func createFile(path, content string) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".token-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.WriteString(content)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	return os.Link(temporary.Name(), path)
}
