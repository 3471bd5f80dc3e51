package store_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ringfence.dev/ringfence/internal/store"
)

// holdLock locks the directory until its standard input ends.
func holdLock(dir string) error {
	lock, err := store.LockDir(dir)
	if err != nil {
		return err
	}
	fmt.Println("locked")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return lock.Close()
}

// wantSentence wants one sentence with the given parts that wraps the cause.
func wantSentence(t *testing.T, got, cause error, parts ...string) {
	t.Helper()
	if !errors.Is(got, cause) {
		t.Fatalf("error %v, want one that wraps %v", got, cause)
	}
	if strings.Contains(got.Error(), "\n") {
		t.Errorf("error %q has more than one line", got)
	}
	for _, part := range parts {
		if !strings.Contains(got.Error(), part) {
			t.Errorf("error %q does not say %q", got, part)
		}
	}
}

func TestLockDirCreatesThePrivateDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "var", "ringfence")
	lock, err := store.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	info, err := os.Stat(dir)
	if err != nil || info.Mode() != os.ModeDir|0o700 {
		t.Errorf("mode %v, %v, want drwx------", info.Mode(), err)
	}
	pid, err := os.ReadFile(filepath.Join(dir, "lock"))
	if want := strconv.Itoa(os.Getpid()) + "\n"; err != nil || string(pid) != want {
		t.Errorf("lock file holds %q, %v, want %q", pid, err, want)
	}
}

func TestLockDirHeldByAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startChild(t, "lock", dir)
	if !c.lines.Scan() || c.lines.Text() != "locked" {
		t.Fatalf("the other process said %q", c.lines.Text())
	}
	_, err := store.LockDir(dir)
	wantSentence(t, err, syscall.EWOULDBLOCK, dir, "in use by process "+strconv.Itoa(c.Process.Pid), "stop it")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	lock, err := store.LockDir(dir)
	if err != nil {
		t.Fatalf("LockDir() after the other was killed = %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
}

func TestLockDirOncePerProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := store.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.LockDir(dir)
	wantSentence(t, err, syscall.EWOULDBLOCK, dir, "in use by process "+strconv.Itoa(os.Getpid()))
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := store.LockDir(dir)
	if err != nil {
		t.Fatalf("LockDir() after Close() = %v", err)
	}
	_ = again.Close()
}

func TestLockDirRefusesWhatIsNoDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := store.LockDir(dir)
		wantSentence(t, err, syscall.ENOTDIR, dir, "not a directory", "choose another directory")
	}
}

func TestLockDirWithoutPermission(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("the superuser may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := store.LockDir(dir)
	wantSentence(t, err, syscall.EACCES, dir, "not writable")
}
