package inspect

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

// hastily matches a text as its view, with the rules looking at every occurrence.
func hastily(c *scan, text string) []Finding {
	c.begin([]a2a.Text{{Value: text}}, Options{})
	v := view{name: ViewText, bytes: []byte(text), limit: len(text)}
	c.epoch++
	c.count, c.bits, c.asks = cursor{}, bit(0), 0
	c.seen, c.kept, c.counted, c.first, c.hasty = c.seen[:0], 0, 0, 0, true
	for pos, state := c.set.words.next(v.bytes, 0, 0); pos >= 0; pos, state = c.set.words.next(v.bytes, pos, state) {
		c.seen, _ = c.set.words.found(c.seen, v.bytes, []hit{{uint32(pos), state}}, isASCII(text))
		c.settle(&v, true)
	}
	return c.findings
}

// Rules that look only where their groups are near each other find what they find when they look everywhere.
func TestRulesMissNothingOutsideTheirRegions(t *testing.T) {
	if raceDetector {
		t.Skip("it scans by one goroutine alone, and takes minutes under the race detector")
	}
	t.Parallel()
	s := builtin(t)
	c := newScan(s)
	r := rand.New(rand.NewPCG(11, 12))
	attacks, benign := attacks(t), benignLines(t)
	found := 0
	for range 300 {
		var b strings.Builder
		for size := 200 + r.IntN(6*laneBlock); b.Len() < size; {
			line := benign[r.IntN(len(benign))]
			if r.IntN(4) == 0 {
				line = attacks[r.IntN(len(attacks))].text
			}
			from := r.IntN(len(line))
			b.WriteString(line[from:min(len(line), from+20+r.IntN(200))] + []string{" ", "\n\n", ". ", ""}[r.IntN(4)])
		}
		text := canonical(strings.ToValidUTF8(b.String(), ""))
		want := hastily(c, text)
		c.begin([]a2a.Text{{Value: text}}, Options{})
		v := view{name: ViewText, bytes: []byte(text), limit: len(text)}
		c.match(&v)
		if diff := cmp.Diff(want, c.findings); diff != "" {
			t.Fatalf("%q (-everywhere +near):\n%s", text, diff)
		}
		found += len(want)
	}
	if found < 300 {
		t.Errorf("only %d findings were compared", found)
	}
}

func TestSmearReachesSoFar(t *testing.T) {
	t.Parallel()
	for reach := range int32(70) {
		for at := range 64 {
			want := uint64(0)
			for bit := range 64 {
				if bit-at <= int(reach) && at-bit <= int(reach) {
					want |= 1 << bit
				}
			}
			if got := smear(1<<at, reach); got != want {
				t.Fatalf("smear(1<<%d, %d) = %x, want %x", at, reach, got, want)
			}
		}
	}
}
