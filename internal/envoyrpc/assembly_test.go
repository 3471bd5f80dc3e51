package envoyrpc

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
)

func kept(a *assembly) int {
	if a.message == nil {
		return 0
	}
	return cap(*a.message)
}

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
			if err := a.add([]byte(rest[:n]), largest, func(m mem.Buffer) { got = append(got, string(m.ReadOnlyData())); m.Free() }); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			if bound := 4*len(wire) + 1024; kept(&a) > bound {
				t.Fatalf("%d octets are kept", kept(&a))
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
		if err := a.add([]byte(piece), 1<<30, func(mem.Buffer) { t.Error("a message came early") }); err != nil {
			t.Fatal(err)
		}
		// The smallest room that the pool lends for more than 256 has 4 KiB.
		if most := 4096 + 8*came; kept(&a) > most {
			t.Errorf("%d octets are kept of %d", kept(&a), came)
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
		if err := a.add([]byte(wire), 10, func(mem.Buffer) {}); !errors.Is(err, want) {
			t.Errorf("%q: %v, not %v", wire, err, want)
		}
	}
}
