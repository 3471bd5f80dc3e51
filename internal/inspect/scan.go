package inspect

import "ringfence.dev/ringfence/internal/a2a"

const (
	// fuelFloor, fuelStart and fuelShare bound the work behind the automaton: fuelStart units and one for each fuelShare
	// bytes, or fuelFloor, which short texts have that are all statements or keys. A unit is what at most 0.4 microseconds of work cost.
	fuelFloor = 8192
	fuelStart = 4096
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
	priceGate      = 1
	priceWeigh     = 8
	priceException = 4
	priceEntity    = 2
	// occurrencesPrice is how many occurrences of literals cost one unit.
	occurrencesPrice = 32
)

// scan is the memory of one Scan. Its buffers are reused and hold texts only while it runs.
type scan struct {
	set       *Set
	direction Direction
	place     uint8 // of the text that is read
	// bits are the places of the view that is read, asks what it asks of rules, and count the words in it so far.
	bits    uint32
	asks    trait
	count   cursor
	windows *windows // nil collects none
	fuel    int
	// namedFuel is what is left of that for values that are read behind their names.
	namedFuel int
	starved   bool // the bound on work cut the search short
	failed    bool // a verifier failed
	epoch     uint32
	marks     []mark
	progress  []progress
	pending
	findings []Finding
	// earlier is how many findings there were before the text that is read, or before the texts were joined: none of those is found
	// again.
	earlier int

	raw, mirror, joint []byte
	skeleton           skeleton
	levels             [maxDepth]level
	swaps              []swap
	letters            []spot
	cuts               []bool
	// room is how many bytes further views may have.
	room int
	// pieces are what the joined views are made of, next is the first of those of texts that are not read yet, and listening
	// are those of the text that is read. heard are the literals that were found in them, by the offsets in their pieces.
	pieces, listening []piece
	next              int
	// own are the pieces of the text that is read.
	own     span
	heard   []occurrence
	forms   []byte
	seams   seams
	tightly bool // the seams have nothing between
	// respelled is that there was reason to read something in another way.
	respelled bool
	// borders are the words at which the pieces of the joined view meet, and touching the literals that do so at one.
	borders  []int32
	touching []occurrence
	// crossings are these borders, and met the literals that touch them, in their order. early are places where such may end.
	crossings []crossing
	met       []occurrence
	early     []hit
	// vouches is that the text has a word of a rule which reads pairs of a name and a value.
	vouches bool
	// beginning is the role of the beginning of the text that is read, or -1, introducers are the texts in front of it that may
	// say what it is, and introduction is how a document has them.
	beginning int
	// names is the number of texts up to the last name of a member, that included, or 0.
	names        int
	introducers  []a2a.Text
	introduction []byte
	lanes        lanes
}

func newScan(s *Set) *scan {
	p := basicPlane()
	c := &scan{
		set: s, marks: make([]mark, s.marks), progress: make([]progress, len(s.rules)), pending: newPending(s),
		skeleton: skeleton{plane: p},
	}
	for i := range c.levels {
		c.levels[i].form.plane = p
	}
	return c
}

func (c *scan) begin(texts []a2a.Text, opts Options) {
	total := len(opts.Prior)
	for i := range texts {
		total += len(texts[i].Value)
	}
	c.direction, c.findings, c.starved, c.failed, c.respelled = opts.Direction, nil, false, false, false
	c.beginning, c.names = -1, 0
	c.namedFuel = 0
	c.fuel = max(fuelFloor, fuelStart+total/fuelShare)
	c.room = roomFloor + total*roomShare
	c.pieces, c.heard, c.early, c.forms, c.next = c.pieces[:0], c.heard[:0], c.early[:0], c.forms[:0], 0
	if len(texts) > 1 || opts.Prior != "" {
		c.cutPieces(texts, opts)
	}
}

// end returns the findings and drops what is too large to keep.
func (c *scan) end() []Finding {
	c.undecided()
	trim(&c.raw, 1)
	trim(&c.mirror, 1)
	trim(&c.swaps, 16)
	trim(&c.letters, 16)
	trim(&c.seen, 24)
	clear(c.pieces)
	trim(&c.pieces, 96)
	trim(&c.heard, 16)
	trim(&c.forms, 1)
	trim(&c.borders, 4)
	trim(&c.crossings, 32)
	trim(&c.met, 16)
	trim(&c.early, 8)
	trim((*[]seam)(&c.seams), 72)
	c.skeleton.trim()
	for i := range c.levels {
		c.levels[i].trim()
	}
	found := c.findings
	c.findings, c.introducers = nil, nil
	return found
}

// trim drops a buffer that is too large to keep: more than keepBytes, at about size bytes an element.
func trim[T any](b *[]T, size int) {
	if cap(*b) > keepBytes/size {
		*b = nil
	}
}

func (k *skeleton) trim() {
	trim(&k.text, 1)
	trim(&k.payload, 1)
	trim(&k.anchors, 8)
}

func (l *level) trim() {
	l.form.trim()
	l.form.from, l.view = nil, view{}
	trim(&l.form.changes, 16)
	trim(&l.decoded, 1)
	trim(&l.anchors, 8)
	trim(&l.shifted, 16)
	trim(&l.survey.runs, 8)
	trim(&l.survey.joined, 8)
	trim(&l.survey.apart, 8)
	trim(&l.survey.suspects, 8)
	trim(&l.survey.leets, 4)
}

// text judges one text in every view that it deserves.
func (c *scan) text(index int, value string) {
	c.raw, c.earlier = append(c.raw[:0], value...), len(c.findings)
	v := view{name: ViewText, bytes: c.raw, index: index, limit: len(value), own: true}
	if !isASCII(value) {
		c.skeleton.write(c.raw)
		v.name, v.bytes, v.anchors = ViewCanonical, c.skeleton.text, c.skeleton.anchors
		v.folded, v.folds = c.raw, v.anchors
		c.concealed(&v)
	}
	c.listen(&v)
	c.match(&v)
	c.heardOut()
	if c.starved {
		return
	}
	v.own = false
	c.views(&v, 0)
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
