package main

// gaps are marks that are missed today, by their names, with what the tests hold instead until they are met: no more may be
// missed. Reports go on telling the marks themselves. A gap that is closed is taken out, or the tests fail.
var gaps = map[string]float64{}

// miss is a mark that is missed.
type miss struct {
	// mark names it, value is what was measured, and sentence says so.
	mark     string
	value    float64
	sentence string
	// least says that a higher value is better.
	least bool
}

// known reports whether the gap is one that is known, and no wider than that.
func (m miss) known() bool {
	bound, ok := gaps[m.mark]
	return ok && (m.least && m.value >= bound || !m.least && m.value <= bound)
}
