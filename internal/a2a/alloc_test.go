//go:build !race

package a2a_test

import (
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

// The race detector makes pools drop entries at random, so allocations are counted without it. The result has
// four: the copy of the body, the unescaped strings, the texts, the extensions.
func TestParseJSONRPCAllocatesOnlyItsResult(t *testing.T) {
	body := sendBody(2 << 10)
	got := testing.AllocsPerRun(200, func() {
		if _, p := a2a.ParseJSONRPC(body, a2a.DefaultLimits()); p != nil {
			t.Fatal(p)
		}
	})
	if got > 4 {
		t.Errorf("%v allocations, want at most 4", got)
	}
}
