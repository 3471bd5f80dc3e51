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

// What firstSQL costs at most, in units of fuel: always, and besides where the long expressions are asked, where what follows is
// spelled for a filter, where it is read as a value up to the end of its sentence, and where a statement is looked for before the
// match.
const (
	priceSQL          = 12
	priceSQLHinted    = 16
	priceSQLLoose     = 48
	priceSQLLeft      = 60
	priceSQLStatement = 60
)

// weighSQL says what it costs to decide on a match. What stands in a statement and in no value of JSON need not be asked.
func weighSQL(b []byte, at span) (price int, worth bool) {
	from, to := reachSQL(b, at)
	tail, lead := b[from:to], b[max(0, from-4*sqlReach):from]
	q, valued := valueAround(b, at)
	stands := sqlClauses.may(lead)
	if stands && !valued && inStatement(lead) {
		return priceSQLStatement, false
	}
	price = priceSQL
	if valued {
		price += costSQLValue(b[q.start:q.end])
	}
	if stands {
		price += priceSQLStatement
	}
	if hinted(tail) {
		price += priceSQLHinted
		if sqlLoose.may(tail) {
			price += priceSQLLoose
		}
	}
	if sqlLeft.Match(tail) {
		price += priceSQLLeft
	}
	return price, true
}

// What it costs at most to decide on a value, in units of fuel: priceValue and one for each valueShare bytes, or, of a document,
// the strings of which are judged where they stand, one for each documentShare bytes.
const (
	priceValue    = 12
	valueShare    = 4
	documentShare = 32
)

// costSQLValue says what verifySQLValue costs at most.
func costSQLValue(b []byte) int {
	if objectOpens.Match(b) {
		return priceValue + len(b)/documentShare
	}
	return priceValue + len(b)/valueShare
}
