package api

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func TestLoadOrCreateToken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	created, err := LoadOrCreateToken(path, strings.NewReader(strings.Repeat("r", 32)))
	if err != nil {
		t.Fatal(err)
	}
	if want := "cnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI"; string(created) != want {
		t.Errorf("token %s, want %s", string(created), want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	loaded, err := LoadOrCreateToken(path, iotest.ErrReader(errors.New("not needed")))
	if err != nil || loaded != created {
		t.Errorf("loaded %s, %v", string(loaded), err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%d files are left", len(files))
	}
}

func TestTokenFileIsRefused(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("a", 40)
	tests := []struct {
		name, content string
		mode          os.FileMode
		want          string
	}{
		{"good", good + "\n", 0o600, ""},
		{"read-only", good, 0o400, ""},
		{"group-may-read", good, 0o640, "chmod 600"},
		{"world-may-read", good, 0o604, "chmod 600"},
		{"group-may-write", good, 0o620, "chmod 600"},
		{"empty", "", 0o600, "delete it"},
		{"too-short", "secret", 0o600, "delete it"},
		{"two-lines", good + "\n" + good, 0o600, "delete it"},
		{"not-ascii", good + "é", 0o600, "delete it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(path, []byte(test.content), test.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			token, err := LoadOrCreateToken(path, strings.NewReader(""))
			if test.want == "" {
				if err != nil || string(token) != good {
					t.Errorf("%s, %v", string(token), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), good) {
				t.Errorf("error %v", err)
			}
		})
	}
	if _, err := LoadOrCreateToken(t.TempDir(), strings.NewReader("")); err == nil {
		t.Error("a directory was taken for a token")
	}
	if _, err := LoadOrCreateToken(filepath.Join(t.TempDir(), "none", "token"), strings.NewReader(strings.Repeat("r", 32))); err == nil {
		t.Error("a token was created in no directory")
	}
	path := filepath.Join(t.TempDir(), "token")
	if _, err := LoadOrCreateToken(path, strings.NewReader("short")); err == nil {
		t.Error("a token was created from too little randomness")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a failed creation left a file")
	}
}

// TestTokenCreatedOnce lets many create the file at once: all get the token of one of them.
func TestTokenCreatedOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	tokens := make([]Token, 16)
	var group sync.WaitGroup
	for i := range tokens {
		group.Go(func() {
			var err error
			if tokens[i], err = LoadOrCreateToken(path, strings.NewReader(strings.Repeat(string(rune('a'+i)), 32))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, token := range tokens {
		if token != tokens[0] {
			t.Errorf("%s and %s", string(tokens[0]), string(token))
		}
	}
}

func TestTokenPrintsRedacted(t *testing.T) {
	t.Parallel()
	const secret = "secret-secret-secret-secret-secret"
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", slog.Any("token", Token(secret)))
	for _, printed := range []string{log.String(), fmt.Sprint(Token(secret)), fmt.Sprintf("%v %s %#v %q", Token(secret), Token(secret), Token(secret), Token(secret))} {
		if strings.Contains(printed, secret) {
			t.Errorf("the secret is printed: %s", printed)
		}
	}
	if Token("").admits([]string{"Bearer "}) {
		t.Error("an empty token lets everybody in")
	}
}
