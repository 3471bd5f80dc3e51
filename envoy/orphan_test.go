package envoy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/tests/envoytest"
)

// parentVariable makes the test binary run one Envoy, say its process id, and wait to be killed.
const parentVariable = "RINGFENCE_TEST_ENVOY_PARENT"

func TestMain(m *testing.M) {
	if spec := os.Getenv(parentVariable); spec != "" {
		if err := runParent(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func runParent(spec string) error {
	binary, dir, _ := strings.Cut(spec, "\n")
	bootstrap, err := os.ReadFile(dir + "/bootstrap")
	if err != nil {
		return err
	}
	instance, err := envoy.Start(context.Background(), envoy.Process{Binary: binary, Bootstrap: bootstrap, Dir: dir, Concurrency: 1})
	if err != nil {
		return err
	}
	fmt.Println(instance.PID())
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, instance.Wait())
}

func TestEnvoyDiesWithItsParent(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux kills children with their parent")
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/bootstrap", static(t, anyPort, nowhere), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), self)
	parent.Env = append(os.Environ(), parentVariable+"="+envoytest.Binary(t)+"\n"+dir)
	parent.Stderr = os.Stderr
	stdin, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // It was killed.
	envoytest.Eventually(t, func() error {
		// An orphan that nobody has waited for yet is dead all the same.
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || strings.Contains(string(state), ") Z ") {
			return nil
		}
		return fmt.Errorf("Envoy %d outlives its parent", pid)
	})
}
