package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ringfence.dev/ringfence/internal/store"
)

// mountTmpfs returns a directory on a file system of its own.
func mountTmpfs(t *testing.T, flags uintptr, data string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, data); err != nil {
		t.Skipf("no permission to mount a tmpfs here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return dir
}

// fillDisk takes all space and returns a function that gives it back.
func fillDisk(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

func TestLockDirReadOnly(t *testing.T) {
	t.Parallel()
	dir := mountTmpfs(t, unix.MS_RDONLY, "size=64k")
	for _, dir := range []string{dir, filepath.Join(dir, "new")} {
		_, err := store.LockDir(dir)
		wantSentence(t, err, syscall.EROFS, dir, "not writable", "choose another directory")
	}
}

func TestLockDirFullDisk(t *testing.T) {
	t.Parallel()
	dir := mountTmpfs(t, 0, "size=64k")
	free := fillDisk(t, dir)
	_, err := store.LockDir(dir)
	wantSentence(t, err, syscall.ENOSPC, dir, "full disk", "free some space")
	_, err = store.LockDir(filepath.Join(dir, "new"))
	wantSentence(t, err, syscall.ENOSPC, dir, "full disk", "free some space")
	free()
	lock, err := store.LockDir(dir)
	if err != nil {
		t.Fatalf("LockDir() with space again = %v", err)
	}
	_ = lock.Close()
}

func TestEmbeddedNeedsItsDirectory(t *testing.T) {
	t.Parallel()
	open := func(dir string) error {
		_, err := store.OpenNATS(context.Background(), store.NATSConfig{Dir: dir})
		return err
	}
	t.Run("held", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		openEmbedded(t, dir)
		err := open(dir)
		wantSentence(t, err, store.ErrUnavailable, dir, "in use by process", "stop it")
		wantSentence(t, err, syscall.EWOULDBLOCK)
	})
	t.Run("read-only", func(t *testing.T) {
		t.Parallel()
		dir := mountTmpfs(t, unix.MS_RDONLY, "size=64k")
		wantSentence(t, open(dir), store.ErrUnavailable, dir, "not writable", "choose another directory")
	})
	t.Run("full", func(t *testing.T) {
		t.Parallel()
		dir := mountTmpfs(t, 0, "size=32m")
		fillDisk(t, dir)
		wantSentence(t, open(dir), store.ErrUnavailable, dir, "full", "free some space")
	})
	t.Run("too-small", func(t *testing.T) {
		t.Parallel()
		dir := mountTmpfs(t, 0, "size=64k")
		wantSentence(t, open(dir), store.ErrUnavailable, dir, "full (60 KiB free, 16384 KiB needed)", "free some space")
	})
}

// TestEmbeddedOnFullDisk shows the usual case: the reserve is reached, and given back while the store is open.
func TestEmbeddedOnFullDisk(t *testing.T) {
	t.Parallel()
	dir := mountTmpfs(t, 0, "size=32m")
	ctx := t.Context()
	s := openEmbedded(t, dir)
	b := openBucket(t, s)
	kept, err := b.Put(ctx, "kept", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	free := fillDisk(t, dir)
	results := map[string]error{"Healthy": s.Healthy(ctx), "Delete": b.Delete(ctx, "kept", 0)}
	_, results["Put"] = b.Put(ctx, "kept", []byte("2"))
	_, results["Create"] = b.Create(ctx, "new", nil, 0)
	_, results["CompareAndSet"] = b.CompareAndSet(ctx, "kept", nil, kept)
	_, results["Bucket"] = s.Bucket(ctx, "new")
	for call, err := range results {
		t.Log(call, err)
		wantSentence(t, err, store.ErrUnavailable, dir, "full", "free some space")
	}
	if got, err := b.Get(ctx, "kept"); err != nil || got.Revision != kept {
		t.Errorf("Get() on a full disk = %+v, %v", got, err)
	}
	free()
	if err := s.Healthy(ctx); err != nil {
		t.Errorf("Healthy() with space again = %v", err)
	}
	if _, err := b.CompareAndSet(ctx, "kept", []byte("2"), kept); err != nil {
		t.Errorf("CompareAndSet() with space again = %v", err)
	}
}

// TestEmbeddedHitsTheEndOfTheDisk shows the rare case: another program takes the reserve in the middle of a
// write. No write is acknowledged that is not stored, the process lives, and a restart repairs it.
func TestEmbeddedHitsTheEndOfTheDisk(t *testing.T) {
	t.Parallel()
	dir := mountTmpfs(t, 0, "size=32m")
	ctx := t.Context()
	s := openEmbedded(t, dir)
	b := openBucket(t, s)
	value := make([]byte, 1000)
	acknowledged := map[string]uint64{}
	write := func(n int) (err error) {
		key := fmt.Sprintf("key-%d", n)
		revision, err := b.Put(ctx, key, value)
		if err == nil {
			acknowledged[key] = revision
		}
		return err
	}
	for n := range 10 {
		if err := write(n); err != nil {
			t.Fatal(err)
		}
	}
	store.DropReserve(s)
	free := fillDisk(t, dir)
	var failure error
	for n := 10; failure == nil && n < 1000; n++ {
		failure = write(n)
	}
	wantSentence(t, failure, store.ErrUnavailable, dir, "free some space", "restart")
	wantSentence(t, s.Healthy(ctx), store.ErrUnavailable, dir, "restart")
	if _, err := b.Get(ctx, "key-0"); err != nil {
		t.Errorf("Get() = %v, want reads to go on", err)
	}
	free()
	wantSentence(t, write(2000), store.ErrUnavailable, dir, "restart")
	_, err := s.Bucket(ctx, "new")
	wantSentence(t, err, store.ErrUnavailable, dir, "restart")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openEmbedded(t, dir)
	b = openBucket(t, s)
	for key, revision := range acknowledged {
		if got, err := b.Get(ctx, key); err != nil || got.Revision != revision {
			t.Errorf("Get(%s) after the restart = revision %d, %v, want %d", key, got.Revision, err, revision)
		}
	}
	if err := write(3000); err != nil {
		t.Errorf("Put() after the restart = %v", err)
	}
}
