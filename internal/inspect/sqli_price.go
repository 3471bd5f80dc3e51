package inspect

import "bytes"

// furtherSQL decides what firstSQL leaves open.
func furtherSQL(b []byte, at span) bool {
	from, to := reachSQL(b, at)
	return sqlGoesOn.Match(b[from:to])
}

// reachSQL returns from where to where an injection is looked for: from the value that is left to the end of the line.
func reachSQL(b []byte, at span) (from, to int) {
	to = min(len(b), max(at.start+sqlReach, at.end))
	if i := bytes.IndexByte(b[at.end:to], '\n'); i >= 0 {
		to = at.end + i
	}
	return valueBefore(b, at.start), to
}

// What firstSQL costs at most, in units of fuel: where the long expressions are asked, and where they are not.
const (
	priceSQLHinted = 140
	priceSQL       = 60
)

// weighSQL says what it costs to decide on a match. What stands in a statement and in no value of JSON need not be asked.
func weighSQL(b []byte, at span) int {
	from := valueBefore(b, at.start)
	if _, ok := valueAround(b, at); !ok {
		if inStatement(b[max(0, from-4*sqlReach):from]) {
			return 0
		}
		if from, to := reachSQL(b, at); !hinted(b[from:to]) {
			return priceSQL
		}
	}
	return priceSQLHinted
}
