package a2a_test

import (
	"fmt"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	lim := a2a.Limits{Bytes: 40, Depth: 3, Members: 5}
	for _, tc := range []struct {
		name, text string
		want       string
	}{
		{"bytes-at-limit", `"` + strings.Repeat("a", 38) + `"`, ""},
		{"bytes-over-limit", `"` + strings.Repeat("a", 39) + `"`, "TOO_LARGE"},
		{"depth-at-limit", `[[[]]]`, ""},
		{"depth-over-limit", `[[[[]]]]`, "TOO_DEEP"},
		{"depth-of-objects", `{"a":{"a":[{}]}}`, "TOO_DEEP"},
		{"depth-counts-open-levels-only", `[[[]],[[]]]`, ""},
		{"elements-at-limit", `[1,2,3,4,5]`, ""},
		{"elements-over-limit", `[1,2,3,4,5,6]`, "TOO_MANY_MEMBERS"},
		{"members-and-elements-together", `{"a":[1,2],"b":[3,4]}`, "TOO_MANY_MEMBERS"},
		{"members-over-limit", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}`, "TOO_MANY_MEMBERS"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := a2a.Reason([]byte(tc.text), lim); got != tc.want {
				t.Errorf("reason = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestZeroLimitsAcceptNothing(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"1", "{}", "[]", `""`} {
		if a2a.Sound([]byte(body), a2a.Limits{}) {
			t.Errorf("%s was accepted", body)
		}
	}
}

func TestDepthIsBoundedWhateverIsConfigured(t *testing.T) {
	t.Parallel()
	lim := a2a.Limits{Bytes: 1 << 24, Depth: 1 << 30, Members: 1 << 24}
	nest := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if got := a2a.Reason(nest(1000), lim); got != "" {
		t.Errorf("1000 levels: %s", got)
	}
	if got := a2a.Reason(nest(1001), lim); got != "TOO_DEEP" {
		t.Errorf("1001 levels: %q, want TOO_DEEP", got)
	}
}

// wide returns an object of n names, and between them objects that use the same names.
func wide(n int, last string) []byte {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		fmt.Fprintf(&b, `"k%d":{"k%d":1,"k%d":2},`, i, i, i+1)
	}
	b.WriteString(`"` + last + `":0}`)
	return []byte(b.String())
}

func TestDuplicateNamesInWideObjects(t *testing.T) {
	t.Parallel()
	lim := a2a.Limits{Bytes: 1 << 24, Depth: 8, Members: 1 << 20}
	for _, n := range []int{1, 7, 8, 9, 10, 31, 32, 33, 64, 1000, 20000} {
		if got := a2a.Reason(wide(n, "other"), lim); got != "" {
			t.Errorf("%d names: %s", n, got)
		}
		for _, i := range []int{0, n / 2, n - 1} {
			if got := a2a.Reason(wide(n, fmt.Sprintf("k%d", i)), lim); got != "DUPLICATE_KEY" {
				t.Errorf("%d names, k%d twice: %q, want DUPLICATE_KEY", n, i, got)
			}
			escaped := fmt.Sprintf(`\u006b%d`, i)
			if got := a2a.Reason(wide(n, escaped), lim); got != "DUPLICATE_KEY" {
				t.Errorf("%d names, k%d twice, once escaped: %q, want DUPLICATE_KEY", n, i, got)
			}
		}
	}
}

func TestStringsAroundWordBorders(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		fill := strings.Repeat("x", n)
		for _, tc := range []struct {
			text string
			want string
		}{
			{`"` + fill + `"`, ""},
			{`"` + fill + `\n"`, ""},
			{`"` + fill + `\u00e9` + fill + `"`, ""},
			{`"` + fill + `é"`, ""},
			{`"` + fill + "\x1f" + `"`, "INVALID_JSON"},
			{`"` + fill + `\`, "INVALID_JSON"},
			{`"` + fill, "INVALID_JSON"},
		} {
			if got := a2a.Reason([]byte(tc.text), a2a.DefaultLimits()); got != tc.want {
				t.Errorf("%q: reason = %q, want %q", tc.text, got, tc.want)
			}
		}
	}
}

func TestEveryShapeHasABitForEachRule(t *testing.T) {
	t.Parallel()
	if n := a2a.RulesOfWidestShape(); n < 10 || n > a2a.MaxRules {
		t.Errorf("an object defines %d names, which is not from 10 to %d", n, a2a.MaxRules)
	}
}
