package envoyrpc

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAssembly(t *testing.T) {
	t.Parallel()
	want := []string{"", "a", strings.Repeat("b", 1000), "", strings.Repeat("c", 100_000), "d"}
	wire := ""
	for _, text := range want {
		wire += message(text)
	}
	for _, size := range []int{1, 2, 3, 5, 6, 7, 100, 1023, 16 << 10, len(wire)} {
		var a assembly
		var got []string
		for rest := wire; rest != ""; {
			n := min(len(rest), size)
			if err := a.add([]byte(rest[:n]), largest, func(m []byte) { got = append(got, string(m)) }); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			if bound := 4*len(wire) + 1024; cap(a.message) > bound {
				t.Fatalf("%d octets are kept", cap(a.message))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || a.partial() {
			t.Errorf("in pieces of %d: %s", size, diff)
		}
	}
}

func TestAssemblyKeepsNoMoreThanCame(t *testing.T) {
	t.Parallel()
	var a assembly
	came := 0
	for _, piece := range []string{"\x00\x40\x00\x00\x00", "a", strings.Repeat("b", 600), strings.Repeat("c", 5000), strings.Repeat("d", 1<<20)} {
		came += len(piece)
		if err := a.add([]byte(piece), 1<<30, func([]byte) { t.Error("a message came early") }); err != nil {
			t.Fatal(err)
		}
		if kept := cap(a.message); kept > 512+8*came {
			t.Errorf("%d octets are kept of %d", kept, came)
		}
	}
}

func TestAssemblyRefuses(t *testing.T) {
	t.Parallel()
	for wire, want := range map[string]error{
		"\x01\x00\x00\x00\x00":                     errCompressed,
		"\x80\x00\x00\x00\x00":                     errCompressed,
		"\x00\x00\x00\x00\x0b":                     errSize,
		"\x00\xff\xff\xff\xff":                     errSize,
		message("one") + "\x00\x00\x00\x00\x0b":    errSize,
		message("one") + "\x01\x00\x00\x00\x01abc": errCompressed,
	} {
		var a assembly
		if err := a.add([]byte(wire), 10, func([]byte) {}); !errors.Is(err, want) {
			t.Errorf("%q: %v, not %v", wire, err, want)
		}
	}
}
