package a2a

import (
	"slices"
	"strconv"
)

// DropTasks returns the answer in body without the listed tasks that drop marks, in the order of a.Tasks, and with the
// number of all tasks less by as many. What remains, remains byte for byte; if nothing is dropped, body itself is
// returned. The answer must be the one that was parsed from body. A task for which drop says nothing is dropped.
func DropTasks(body []byte, a Answer, drop []bool) []byte {
	var cuts []Span
	for i, t := range a.Tasks {
		if t.Start < t.End && (i >= len(drop) || drop[i]) {
			cuts = append(cuts, Span{t.Start, t.End})
		}
	}
	if len(cuts) == 0 {
		return body
	}
	total, at := fewer(body, a.Total, len(cuts))
	kept := make([]byte, 0, len(body))
	from := 0
	write := func(upTo, next int32, instead string) {
		kept = append(append(kept, body[from:upTo]...), instead...)
		from = int(next)
	}
	before := at.End > 0 && at.End <= cuts[0].Start
	if before {
		write(at.Start, at.End, total)
	}
	for _, c := range cuts {
		write(c.Start, c.End, "")
		kept, from = joined(kept, body, from)
	}
	if at.End > 0 && !before {
		write(at.Start, at.End, total)
	}
	return append(kept, body[from:]...)
}

// joined removes one comma around an element that was left out behind kept and that ends at end: the one behind it, or,
// for the last element, the one before it, unless that went with the element before. It returns where to read on.
func joined(kept, body []byte, end int) ([]byte, int) {
	next := end
	for next < len(body) && blank(body[next]) {
		next++
	}
	if next < len(body) && body[next] == ',' {
		return kept, next + 1
	}
	n := len(kept)
	for n > 0 && blank(kept[n-1]) {
		n--
	}
	if n > 0 && kept[n-1] == ',' {
		kept = slices.Delete(kept, n-1, n)
	}
	return kept, end
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// fewer returns the number at the place less n, at least 0, and the place; the place is zero for what is no such
// number, which stays as it is.
func fewer(body []byte, at Span, n int) (string, Span) {
	if at.Start >= at.End || int(at.End) > len(body) {
		return "", Span{}
	}
	total, err := strconv.ParseUint(string(body[at.Start:at.End]), 10, 63)
	if err != nil {
		return "", Span{}
	}
	return strconv.FormatInt(max(int64(total)-int64(n), 0), 10), at
}

// ReplaceCard returns the answer in body with card for its AgentCard, all else byte for byte. An answer without a card
// is returned as it is. The answer must be the one that was parsed from body.
func ReplaceCard(body []byte, a Answer, card []byte) []byte {
	if a.Card.Start >= a.Card.End || int(a.Card.End) > len(body) {
		return body
	}
	out := make([]byte, 0, len(body)+len(card)-int(a.Card.End-a.Card.Start))
	out = append(append(out, body[:a.Card.Start]...), card...)
	return append(out, body[a.Card.End:]...)
}
