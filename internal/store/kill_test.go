package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

// writeUntilKilled writes keys as fast as it can and prints each one whose write was acknowledged.
func writeUntilKilled(dir string) error {
	ctx := context.Background()
	s, err := store.OpenNATS(ctx, store.NATSConfig{Dir: dir})
	if err != nil {
		return err
	}
	b, err := s.Bucket(ctx, "agents")
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		// Keys repeat, so that overwriting is under test as well.
		key := fmt.Sprintf("key-%d", n%50)
		revision, err := b.Put(ctx, key, fmt.Appendf(nil, "value-%d", n))
		if err != nil {
			return err
		}
		fmt.Println(key, revision, n)
	}
}

func TestKillLosesNoAcknowledgedWrite(t *testing.T) {
	t.Parallel()
	const rounds = 6
	dir := t.TempDir()
	acknowledged := map[string]ack{}
	total := 0
	for round := range rounds {
		total += writeAndKill(t, dir, acknowledged)
		s, err := store.OpenNATS(t.Context(), store.NATSConfig{Dir: dir})
		if err != nil {
			t.Fatalf("round %d: OpenNATS() after a kill = %v", round, err)
		}
		b := openBucket(t, s)
		for key, want := range acknowledged {
			got, err := b.Get(t.Context(), key)
			if err != nil {
				t.Fatalf("round %d: Get(%s) = %v, but revision %d was acknowledged", round, key, err, want.revision)
			}
			// The last write before the kill may be stored without its acknowledgement having been read.
			if got.Revision < want.revision || got.Revision == want.revision && string(got.Value) != fmt.Sprintf("value-%d", want.n) {
				t.Fatalf("round %d: %s is %q at %d, but value-%d at %d was acknowledged", round, key, got.Value, got.Revision, want.n, want.revision)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged writes over %d kills", total, rounds)
}

type ack struct {
	revision uint64
	n        int
}

// writeAndKill kills the writer after a random number of acknowledgements and at a random moment of a write.
func writeAndKill(t *testing.T, dir string, acknowledged map[string]ack) int {
	t.Helper()
	c := startChild(t, "write", dir)
	defer func() { _ = c.Wait() }()
	stopAfter := 1 + rand.IntN(400)
	count := 0
	for c.lines.Scan() {
		var key string
		var a ack
		if _, err := fmt.Sscan(c.lines.Text(), &key, &a.revision, &a.n); err != nil {
			t.Fatalf("the writer said %q", c.lines.Text())
		}
		if old := acknowledged[key]; a.revision <= old.revision {
			t.Fatalf("revision %d after %d", a.revision, old.revision)
		}
		acknowledged[key] = a
		if count++; count == stopAfter {
			delay := time.Duration(rand.IntN(1000)) * time.Microsecond
			time.AfterFunc(delay, func() { _ = c.Process.Kill() })
		}
	}
	if count < stopAfter {
		t.Fatalf("the writer stopped by itself after %d writes", count)
	}
	return count
}
