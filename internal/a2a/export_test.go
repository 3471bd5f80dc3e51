package a2a

// Sound exposes the scanner alone, without any request around the value.
func Sound(body []byte, lim Limits) bool { return Reason(body, lim) == "" }

// Reason returns why the scanner refuses body, or nothing.
func Reason(body []byte, lim Limits) string {
	s := scanners.Get().(*scanner)
	defer s.release()
	if f := s.scan(body, lim, &free); f != sound {
		return problem(f, BindingUnknown).Reason
	}
	return ""
}

// RulesOfWidestShape returns how many names the object has that defines the most.
func RulesOfWidestShape() int {
	widest := 0
	var visit func(r *rule)
	seen := map[*shape]bool{}
	visit = func(r *rule) {
		if r == nil {
			return
		}
		visit(r.elements)
		if r.members == nil || seen[r.members] {
			return
		}
		seen[r.members] = true
		widest = max(widest, len(r.members.rules))
		visit(r.members.others)
		for i := range r.members.rules {
			visit(&r.members.rules[i])
		}
	}
	visit(&jsonrpcRoot)
	for _, f := range []*resultForm{&eventForm, &taskForm, &listForm, &pushForm, &pushListForm, &cardForm, &otherForm} {
		visit(&f.bare)
		visit(&f.enveloped)
	}
	return widest
}

// MaxRules is the bound on what RulesOfWidestShape returns.
const MaxRules = maxRules

// Held returns how many bytes of the stream are kept.
func (e *Events) Held() int { return len(e.rest) + cap(e.own) + cap(e.joined) }
