package inspect

import "ringfence.dev/ringfence/internal/a2a"

const (
	// fuelFloor and fuelShare bound the work behind the automaton: fuelFloor units and one for each fuelShare bytes.
	// A unit is about half a microsecond.
	fuelFloor = 4096
	fuelShare = 8
	// maxFindings is how many findings of one rule one view of a text yields; the rule is decided by then.
	maxFindings = 8
	// keepBytes is the largest buffer that a scan keeps for the next one.
	keepBytes = 256 << 10
)

// The price of each check, in units of fuel.
const (
	priceMatch     = 1
	priceSieve     = 1
	priceCues      = 2
	priceGate      = 2
	priceException = 6
)

// mark is the latest place where a group of a rule was seen. In a rule with a fixed order it is the latest chain
// that ends in the group, from the start of its first word.
type mark struct {
	start, end int
	token      int32
}

// progress is how far a rule has come in the view that carries the number epoch.
type progress struct {
	epoch uint32
	seen  uint8
	found uint8
	// clear is the end of the last finding: one place is reported once.
	clear int
}

// view is one reading of a text.
type view struct {
	name    string
	bytes   []byte
	anchors []anchor
	// index is the text, or -1 for the joined view, which has segments instead.
	index int
	// whole is the span that every finding gets, for views decoded from one.
	whole *span
	limit int
}

// scan is the memory of one Scan. Its buffers are reused and hold texts only while it runs.
type scan struct {
	set       *Set
	direction Direction
	place     uint8 // of the text that is read
	fuel      int
	starved   bool
	epoch     uint32
	marks     []mark
	progress  []progress
	findings  []Finding

	raw, decoded, tight []byte
	tightAnchors        []anchor
	skeleton, inner     skeleton
	seams               []seam
	lanes               lanes
}

func newScan(s *Set) *scan {
	p := basicPlane()
	return &scan{
		set: s, marks: make([]mark, s.marks), progress: make([]progress, len(s.rules)),
		skeleton: skeleton{plane: p}, inner: skeleton{plane: p},
	}
}

func (c *scan) begin(d Direction, texts []a2a.Text) {
	total := 0
	for i := range texts {
		total += len(texts[i].Value)
	}
	c.direction, c.findings, c.starved = d, nil, false
	c.fuel = fuelFloor + total/fuelShare
}

// end returns the findings and drops what is too large to keep.
func (c *scan) end() []Finding {
	if c.starved {
		c.signal(signalBudget, -1, span{}, ViewText)
	}
	for _, b := range []*[]byte{&c.raw, &c.decoded, &c.tight, &c.skeleton.text, &c.inner.text} {
		if cap(*b) > keepBytes {
			*b = nil
		}
	}
	if cap(c.skeleton.anchors) > keepBytes/8 {
		c.skeleton.anchors = nil
	}
	if cap(c.tightAnchors) > keepBytes/8 {
		c.tightAnchors = nil
	}
	found := c.findings
	c.findings = nil
	return found
}

// text judges one text in every view that it deserves.
func (c *scan) text(index int, value string) {
	c.raw = append(c.raw[:0], value...)
	v := view{name: ViewText, bytes: c.raw, index: index, limit: len(value)}
	if !isASCII(value) {
		c.skeleton.write(c.raw)
		v.name, v.bytes, v.anchors = ViewCanonical, c.skeleton.text, c.skeleton.anchors
		c.hidden(index)
	}
	c.match(&v)
	s := surveyOf(v.bytes)
	if s.compact {
		c.compact(&v)
	}
	if s.encoded {
		c.encoded(&v)
	}
	if s.percent {
		c.percent(&v)
	}
}

// hidden judges what invisible characters spelled, and reports that they did.
func (c *scan) hidden(index int) {
	k := &c.skeleton
	if k.hidesPayload() {
		whole := span{k.payloadAt, k.payloadTo}
		c.signal(signalHiddenText, index, whole, ViewHidden)
		c.match(&view{name: ViewHidden, bytes: k.payload, index: index, whole: &whole})
	}
	if k.inWord > maxInWord {
		c.signal(signalHiddenSpacing, index, span{0, len(c.raw)}, ViewHidden)
	}
}

func (c *scan) compact(v *view) {
	c.tight, c.tightAnchors = compact(c.tight[:0], c.tightAnchors[:0], v.bytes)
	for i := range c.tightAnchors {
		c.tightAnchors[i].src = source(v.anchors, c.tightAnchors[i].src, v.limit)
	}
	c.match(&view{name: ViewCompact, bytes: c.tight, anchors: c.tightAnchors, index: v.index, limit: v.limit})
}

// encoded judges the runs of v that spell text in base64 or hex.
func (c *scan) encoded(v *view) {
	for at := 0; ; {
		run, ok := nextRun(v.bytes, at)
		if !ok {
			return
		}
		at = run.end
		var name string
		c.decoded, name = decodeRun(c.decoded[:0], v.bytes[run.start:run.end])
		if name != "" {
			c.inside(v, run, name)
		}
	}
}

// percent judges the stretches of v that hold percent escapes.
func (c *scan) percent(v *view) {
	for at := 0; ; {
		run, ok := nextPercent(v.bytes, at)
		if !ok {
			return
		}
		at = run.end
		c.decoded = decodePercent(c.decoded[:0], v.bytes[run.start:run.end])
		c.inside(v, run, ViewURL)
	}
}

// inside judges c.decoded, which run of v spells. Decoding is one level deep and never makes a text longer; its
// canonical form is at most four times as long.
func (c *scan) inside(v *view, run span, name string) {
	whole := span{source(v.anchors, run.start, v.limit), source(v.anchors, run.end, v.limit)}
	c.inner.write(c.decoded)
	c.match(&view{name: name, bytes: c.inner.text, index: v.index, whole: &whole})
}

// signal reports a condition that no literal shows, if a rule gives it a meaning.
func (c *scan) signal(s signal, index int, at span, name string) {
	for i := range c.set.rules {
		r := &c.set.rules[i]
		if r.signal == s && (index < 0 && r.places.speaks(c.direction) || index >= 0 && r.places.of(c.place)) {
			c.findings = append(c.findings, Finding{
				Rule: r.id, Class: r.class, Severity: r.severity, Action: r.action,
				Text: index, Start: at.start, End: at.end, Last: index, LastEnd: at.end, View: name,
			})
		}
	}
}
