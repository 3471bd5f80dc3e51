package trust

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// childDir is the data directory of a ledger that a test started to kill it.
const childDir = "RINGFENCE_TRUST_TEST_DIR"

// TestMain also shows that nothing is left running when all ledgers are closed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := observeUntilKilled(dir); err != nil {
			fmt.Println(err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// openStored opens a ledger on the embedded store in dir.
func openStored(ctx context.Context, dir string, recorded func(Entry)) (*Ledger, *store.NATS, error) {
	s, err := store.OpenNATS(ctx, store.NATSConfig{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	bucket, err := s.Bucket(ctx, "trust")
	if err != nil {
		return nil, nil, err
	}
	config := settings(bucket, newDirectory("agent-0", "agent-1", "agent-2", "agent-3"))
	config.Recorded, config.Weights = recorded, Weights{LinkForged: Point / 1000} // far from the cap, where nothing is stored
	l, err := Open(ctx, config)
	return l, s, err
}

// observeUntilKilled observes as fast as it can and prints each event that was acknowledged.
func observeUntilKilled(dir string) error {
	l, _, err := openStored(context.Background(), dir, func(e Entry) { fmt.Println(e.Agent, e.Seq, e.Exchange) })
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		l.Observe(Signal{
			Agent: agent.ID(fmt.Sprintf("agent-%d", n%4)), Counterparty: "bank", Kind: LinkForged, Exchange: fmt.Sprintf("d-%d", n),
			Class: fmt.Sprint(n), At: time.Now().Unix(),
		})
		time.Sleep(time.Millisecond)
	}
}

// TestKillLosesNoRecordedEvent kills a process between events: whatever it told the audit trail is in the store, and folds
// to the state that the next process has.
func TestKillLosesNoRecordedEvent(t *testing.T) {
	t.Parallel()
	dir, last := t.TempDir(), map[agent.ID]uint64{}
	for range 3 {
		killObserver(t, dir, last)
		l, s, err := openStored(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, seq := range last {
			state, ok := l.Image().State(name)
			if !ok || state.Seq < seq || state.Latch == nil {
				t.Errorf("%s has event %d, but %d was acknowledged", name, state.Seq, seq)
			}
		}
		// What is stored goes on being counted, told or not: the process may have been killed in between.
		for n := range 4 {
			name := agent.ID(fmt.Sprintf("agent-%d", n))
			if state, ok := l.Image().State(name); ok {
				last[name] = state.Seq
			}
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func killObserver(t *testing.T, dir string, last map[agent.ID]uint64) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopAfter, count := 1+rand.IntN(100), 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var name, exchange string
		var seq uint64
		if n, _ := fmt.Sscan(lines.Text(), &name, &seq, &exchange); n < 2 {
			t.Fatalf("the observer said %q", lines.Text())
		}
		if seq != last[agent.ID(name)]+1 {
			t.Fatalf("event %d of %s after %d", seq, name, last[agent.ID(name)])
		}
		last[agent.ID(name)] = seq
		if count++; count == stopAfter {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	if count < stopAfter {
		t.Fatalf("the observer stopped by itself after %d events", count)
	}
}
