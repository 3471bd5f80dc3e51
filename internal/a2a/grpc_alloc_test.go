//go:build !race

package a2a_test

import (
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

// The result has three: the copy of the body, the texts, the extensions.
func TestParseGRPCAllocatesOnlyItsResult(t *testing.T) {
	body := sendMessage(t, 2<<10)
	got := testing.AllocsPerRun(200, func() {
		if _, p := a2a.ParseGRPC(current+"SendMessage", body, a2a.DefaultLimits()); p != nil {
			t.Fatal(p)
		}
	})
	if got > 3 {
		t.Errorf("%v allocations, want at most 3", got)
	}
}
