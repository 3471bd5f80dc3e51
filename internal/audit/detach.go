package audit

import "slices"

// detach gives the record texts of its own in the place of those that may be parts of the request: one name would keep all
// header fields, or the whole body, for as long as the record is remembered. What else it says are the mesh's own words.
func (r *Record) detach() {
	var room [16]*string
	texts := append(room[:0], &r.ID, (*string)(&r.Caller), &r.DID, &r.Skill)
	if r.Call != nil {
		texts = append(texts, (*string)(&r.Call.Origin), &r.Call.Action)
	}
	if r.Authority != nil {
		r.Authority.Chain = slices.Clone(r.Authority.Chain) // the exchange goes on with it
		for i := range r.Authority.Chain {
			texts = append(texts, (*string)(&r.Authority.Chain[i]))
		}
		texts = append(texts, &r.Authority.Gate)
	}
	r.Evidence = slices.Clone(r.Evidence)
	for i := range r.Evidence {
		texts = append(texts, &r.Evidence[i])
	}
	own(texts)
}

// own puts equal texts in the place of the given ones, all of them in one piece of memory.
func own(texts []*string) {
	length := 0
	for _, t := range texts {
		length += len(*t)
	}
	var room [256]byte
	all := room[:0]
	if length > len(room) {
		all = make([]byte, 0, length)
	}
	for _, t := range texts {
		all = append(all, *t...)
	}
	rest := string(all)
	for _, t := range texts {
		*t, rest = rest[:len(*t)], rest[len(*t):]
	}
}
