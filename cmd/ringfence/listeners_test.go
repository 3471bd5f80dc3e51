package main

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/config"
)

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestSocket(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode       mode
		configured bool
		data       string // below the data directory
		want       string // below the directory of the test; empty for none
		elsewhere  bool
		may        fs.FileMode
	}{
		"of-up":             {mode: withEnvoy, want: "governor.sock", may: 0o600},
		"of-up-far-below":   {mode: withEnvoy, data: strings.Repeat("d", 100), elsewhere: true, may: 0o600},
		"of-up-configured":  {mode: withEnvoy, configured: true, want: "own.sock", may: 0o660},
		"of-serve":          {mode: servicesOnly},
		"of-serve-for-some": {mode: servicesOnly, configured: true, want: "own.sock", may: 0o660},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			settings := config.Default()
			if c.configured {
				settings.Listen.Socket = filepath.Join(dir, "own.sock")
			}
			data := filepath.Join(dir, c.data)
			if err := os.MkdirAll(data, 0o700); err != nil {
				t.Fatal(err)
			}
			// One that an earlier run has left.
			left, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "own.sock")})
			if err != nil {
				t.Fatal(err)
			}
			left.SetUnlinkOnClose(false)
			left.Close()
			l := &listeners{}
			if err := l.listenSocket(settings, c.mode, data); err != nil {
				t.Fatal(err)
			}
			if l.socket == nil {
				if c.want != "" || c.elsewhere {
					t.Fatal("no socket")
				}
				return
			}
			path := l.socket.Addr().String()
			if inside := strings.HasPrefix(path, dir); inside == c.elsewhere || !c.elsewhere && path != filepath.Join(dir, c.want) {
				t.Errorf("the socket is %s", path)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != c.may {
				t.Errorf("%v, error %v; want %v", info, err, c.may)
			}
			l.close()
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Errorf("the socket is left: %v", err)
			}
			if _, err := os.Stat(filepath.Dir(path)); os.IsNotExist(err) != c.elsewhere {
				t.Errorf("its directory: %v", err)
			}
		})
	}
}

func TestSocketTakesNoFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "notes")
	if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := socket(path, 0o600); err == nil {
		l.Close()
		t.Error("a file was in the way of nothing")
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "kept" {
		t.Errorf("%q, error %v", data, err)
	}
}
