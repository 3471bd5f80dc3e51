package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func trail(out io.Writer, recent, queue int) *Trail {
	return NewTrail(TrailConfig{Out: out, Recent: recent, Queue: queue, Logger: slog.New(slog.DiscardHandler)})
}

func record(i int) Record {
	return Record{ID: fmt.Sprint("d-", i), Time: time.Unix(int64(i), 0), Took: 1500 * time.Microsecond, Decision: "deny"}
}

func TestTrailWritesEveryRecord(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tr := trail(&out, 4, 100)
	for i := range 10 {
		tr.Record(record(i))
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	decoder, got := json.NewDecoder(&out), []string{}
	for decoder.More() {
		var r Record
		if err := decoder.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if r.Micros != 1500 || r.Time.Location() != time.UTC {
			t.Errorf("record %+v", r)
		}
		got = append(got, r.ID)
	}
	want := []string{"d-0", "d-1", "d-2", "d-3", "d-4", "d-5", "d-6", "d-7", "d-8", "d-9"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTrailRemembersTheLatest(t *testing.T) {
	t.Parallel()
	tr := trail(nil, 3, 1)
	defer tr.Close()
	if got := tr.Latest(5); len(got) != 0 {
		t.Errorf("latest of none: %v", got)
	}
	for i := range 5 {
		tr.Record(record(i))
	}
	var got []string
	for _, r := range tr.Latest(10) {
		got = append(got, r.ID)
	}
	if diff := cmp.Diff([]string{"d-4", "d-3", "d-2"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, ok := tr.Find("d-1", ""); ok {
		t.Error("found a record that was overwritten")
	}
	if r, ok := tr.Find("d-2", ""); !ok || r.ID != "d-2" {
		t.Errorf("found %+v", r)
	}
	if len(tr.Latest(-1)) != 0 || len(tr.Latest(2)) != 2 {
		t.Error("the limit does not hold")
	}
}

// TestTrailKeepsBothPhases holds that the record of an answer does not hide that of its request, nor outlive its place.
func TestTrailKeepsBothPhases(t *testing.T) {
	t.Parallel()
	tr := trail(nil, 3, 1)
	defer tr.Close()
	tr.Record(Record{ID: "d-1", Decision: "allow"})
	tr.Record(Record{ID: "d-1", Phase: AnswerPhase, Decision: "deny"})
	for _, want := range []struct{ phase, decision string }{{"", "allow"}, {AnswerPhase, "deny"}} {
		if r, ok := tr.Find("d-1", want.phase); !ok || r.Decision != want.decision {
			t.Errorf("phase %q: %+v", want.phase, r)
		}
	}
	tr.Record(record(2))
	tr.Record(record(3))
	if _, ok := tr.Find("d-1", ""); ok {
		t.Error("found the record of a request that was overwritten")
	}
	if _, ok := tr.Find("d-1", AnswerPhase); !ok {
		t.Error("the record of an answer left with that of its request")
	}
}

// chunks is a writer that hands on what it is given, call by call.
type chunks chan string

func (c chunks) Write(p []byte) (int, error) {
	c <- string(p)
	return len(p), nil
}

// TestTrailGathersRecords holds that the first record is written at once, and those that come while the writer rests
// together, when it has rested or at the end.
func TestTrailGathersRecords(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Trail){
		"rested": func(*Trail) { time.Sleep(time.Second) },
		"closed": func(tr *Trail) { _ = tr.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				out := make(chunks, 8)
				tr := NewTrail(TrailConfig{Out: out, Recent: 1, Queue: 8, Gather: time.Second, Logger: slog.New(slog.DiscardHandler)})
				for i := range 4 {
					tr.Record(record(i))
					synctest.Wait()
				}
				if n := len(out); n != 1 || strings.Count(<-out, "\n") != 1 {
					t.Errorf("%d writes while the writer rests", n)
				}
				end(tr)
				synctest.Wait()
				if n := len(out); n != 1 || strings.Count(<-out, "\n") != 3 {
					t.Errorf("%d writes of what has gathered", n)
				}
				_ = tr.Close()
			})
		})
	}
}

// stuck is a writer that takes nothing until released, then fails.
type stuck struct{ release chan struct{} }

func (s stuck) Write([]byte) (int, error) {
	<-s.release
	return 0, errors.New("disk full")
}

func TestTrailNeverBlocks(t *testing.T) {
	t.Parallel()
	out := stuck{make(chan struct{})}
	tr := NewTrail(TrailConfig{Out: out, Recent: 1000, Queue: 2, Logger: slog.New(slog.DiscardHandler)})
	var callers sync.WaitGroup
	for i := range 100 {
		callers.Go(func() { tr.Record(record(i)) })
	}
	callers.Wait()
	dropped, _ := tr.Lost()
	if dropped == 0 || len(tr.Latest(1000)) != 100 {
		t.Errorf("dropped %d, remembered %d", dropped, len(tr.Latest(1000)))
	}
	close(out.release)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if _, failed := tr.Lost(); failed+dropped != 100 {
		t.Errorf("dropped %d and failed %d of 100", dropped, failed)
	}
}
