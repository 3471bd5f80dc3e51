package envoy

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
)

// Envoy repeats what a start failed of on its last line, in these words when it is an address.
var bindFailure = regexp.MustCompile(`cannot bind '([^']{1,128})': ([A-Za-z ]+)$`)

// exitFailure says in one sentence why Envoy ended by itself. err is what waiting for it returned.
func exitFailure(err error, output *output) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		if err != nil {
			return fmt.Errorf("running Envoy failed (%w): see %s", err, output.path)
		}
		return fmt.Errorf("the Envoy process ended without being asked: see %s", output.path)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Errorf("the Envoy process was ended by signal %d (%s): see %s", int(status.Signal()), status.Signal(), output.path)
	}
	printed := output.latest()
	reason := lastLine(printed)
	if bind := bindFailure.FindStringSubmatch(reason); bind != nil {
		return listenFailure(bind[1], bind[2])
	}
	if bytes.Contains(printed, []byte("initializing config")) {
		return fmt.Errorf("the Envoy configuration was refused (%s): see %s", reason, output.path)
	}
	return fmt.Errorf("the Envoy process ended with status %d (%s): see %s", exit.ExitCode(), reason, output.path)
}

// listenFailure says what to do when Envoy cannot listen on address, given the system's reason.
func listenFailure(address, reason string) error {
	switch reason {
	case "Address already in use":
		return fmt.Errorf("the address %s is in use: stop what listens there, or choose another", address)
	case "Permission denied":
		return fmt.Errorf("the address %s needs more rights: choose a port of 1024 or above", address)
	case "Cannot assign requested address":
		return fmt.Errorf("the address %s is not one of this machine: choose another", address)
	}
	return fmt.Errorf("the address %s cannot be listened on (%s): choose another", address, reason)
}

// lastLine returns the last line of what Envoy printed, shortened. Envoy repeats there what a start failed of.
func lastLine(printed []byte) string {
	printed = bytes.TrimSpace(printed)
	line := printed[bytes.LastIndexByte(printed, '\n')+1:]
	const limit = 300
	// Envoy pads messages with spaces at random.
	text := strings.Join(strings.Fields(string(line)), " ")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	if text == "" {
		return "it printed nothing"
	}
	return text
}

// directoryFailure says in one sentence why Envoy's directory cannot be used.
func directoryFailure(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("there is no room for Envoy's files in %s: free some, or choose another data directory", dir)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s cannot be written to: choose another data directory", dir)
	default:
		return fmt.Errorf("preparing %s for Envoy failed (%w): choose another data directory", dir, err)
	}
}
