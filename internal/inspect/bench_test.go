package inspect

import (
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/tests/detect/pressure"
)

// benignText is 2 KB of ordinary prose from the benign corpus.
func benignText(tb testing.TB, size int) string {
	tb.Helper()
	var b strings.Builder
	for b.Len() < size {
		for _, line := range benignLines(tb) {
			if isASCII(line) && b.Len() < size {
				b.WriteString(line)
				b.WriteString(" ")
			}
		}
	}
	return b.String()[:size]
}

func benchmarkScan(b *testing.B, texts ...string) {
	s := builtin(b)
	in := make([]a2a.Text, len(texts))
	total := 0
	for i, t := range texts {
		in[i].Value = t
		total += len(t)
	}
	b.SetBytes(int64(total))
	b.ReportAllocs()
	for b.Loop() {
		s.Scan(in, Options{Direction: Request})
	}
}

const plainParagraph = "The committee met on Tuesday to go over the plans for the new library. The architect showed three drafts, and " +
	"each of them keeps the old oak at the gate. Members liked the second one best, since it gives the children's " +
	"corner more light in winter. The treasurer reported that costs have risen by four percent since spring. "

func BenchmarkScanBenign(b *testing.B) {
	b.Run("prose-2k", func(b *testing.B) { benchmarkScan(b, strings.Repeat(plainParagraph, 7)[:2048]) })
	b.Run("trigger-rich-2k", func(b *testing.B) { benchmarkScan(b, benignText(b, 2048)) })
	b.Run("accented-2k", func(b *testing.B) {
		benchmarkScan(b, strings.Repeat("Crème brûlée – the menu’s “best” dessert, naïve façade. ", 60)[:2048])
	})
	b.Run("cyrillic-2k", func(b *testing.B) {
		benchmarkScan(b, strings.Repeat("Можно забронировать столик на двоих завтра? ", 60)[:2048])
	})
	b.Run("eight-parts-2k", func(b *testing.B) {
		part := strings.Repeat(plainParagraph, 2)[:256]
		benchmarkScan(b, part, part, part, part, part, part, part, part)
	})
}

func BenchmarkScanAdversarial(b *testing.B) {
	const size = 64 << 10
	for _, c := range pressure.Units() {
		b.Run(c.Name, func(b *testing.B) { benchmarkScan(b, strings.Repeat(c.Unit, size/len(c.Unit)+1)[:size]) })
	}
}
