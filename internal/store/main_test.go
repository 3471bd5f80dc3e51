package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"ringfence.dev/ringfence/internal/store"
)

// childRole names what this test binary does when a test starts it again; childDir is its data directory.
const (
	childRole = "RINGFENCE_TEST_CHILD"
	childDir  = "RINGFENCE_TEST_DIR"
)

// TestMain also shows that nothing is left running when all stores are closed.
func TestMain(m *testing.M) {
	switch role, dir := os.Getenv(childRole), os.Getenv(childDir); role {
	case "":
		goleak.VerifyTestMain(m)
	case "lock":
		exitWith(holdLock(dir))
	case "write":
		exitWith(writeUntilKilled(dir))
	default:
		exitWith(fmt.Errorf("unknown role %q", role))
	}
}

func exitWith(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child is this test binary, started again in a role.
type child struct {
	*exec.Cmd
	lines *bufio.Scanner
	stdin interface{ Close() error }
}

func startChild(t *testing.T, role, dir string) *child {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &child{Cmd: cmd, lines: bufio.NewScanner(stdout), stdin: stdin}
}

// openEmbedded opens the embedded store in dir and closes it when the test ends.
func openEmbedded(t testing.TB, dir string) *store.NATS {
	t.Helper()
	s, err := store.OpenNATS(context.Background(), store.NATSConfig{Dir: dir})
	if err != nil {
		t.Fatalf("OpenNATS() = %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

func openBucket(t testing.TB, s store.Store) store.Bucket {
	t.Helper()
	b, err := s.Bucket(context.Background(), "agents")
	if err != nil {
		t.Fatalf("Bucket() = %v", err)
	}
	return b
}
