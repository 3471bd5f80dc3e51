//go:build !race

package a2a_test

import (
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

// The race detector makes pools drop entries at random, so allocations are counted without it. The result has
// three: the copy of the body with the unescaped strings, the texts, the extensions.
func TestParseJSONRPCAllocatesOnlyItsResult(t *testing.T) {
	body := sendBody(2 << 10)
	got := testing.AllocsPerRun(200, func() {
		if _, p := a2a.ParseJSONRPC(body, a2a.DefaultLimits()); p != nil {
			t.Fatal(p)
		}
	})
	if got > 3 {
		t.Errorf("%v allocations, want at most 3", got)
	}
}

// The result has three: the copy of the body with the unescaped strings, the texts, the tasks.
func TestParseAnswerAllocatesOnlyItsResult(t *testing.T) {
	body := taskBody(2 << 10)
	got := testing.AllocsPerRun(200, func() {
		if _, p := a2a.ParseAnswer(a2a.JSONRPC, a2a.GetTask, body, a2a.DefaultLimits()); p != nil {
			t.Fatal(p)
		}
	})
	if got > 3 {
		t.Errorf("%v allocations, want at most 3", got)
	}
}

func TestEventsAllocateNothingOnceWarm(t *testing.T) {
	e := a2a.NewEvents(1 << 10)
	head, tail := []byte("data: {\ndata: \"a"), []byte("bc\"}\n\n: keep-alive\n\n")
	got := testing.AllocsPerRun(200, func() {
		for _, chunk := range [][]byte{head, tail} {
			e.Feed(chunk)
			for {
				if _, ok, err := e.Next(); err != nil {
					t.Fatal(err)
				} else if !ok {
					break
				}
			}
		}
	})
	if got > 0 {
		t.Errorf("%v allocations, want none", got)
	}
}
