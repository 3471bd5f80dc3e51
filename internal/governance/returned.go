package governance

import (
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

// returned judges the ids that a caller has chosen as what an agent says: it has to say them again, in this answer or in
// later ones, and would be blamed for what its caller has put into them.
func (s contentStage) returned(x *Exchange) Verdict {
	if s.answers != ContentEnforce || x.Callee == nil {
		return allow()
	}
	var ids []a2a.Text
	for _, t := range x.Operation.Texts {
		if t.Kind == a2a.KindID && !t.Key && !plain(t.Value) {
			ids = append(ids, t)
		}
	}
	switch {
	case len(ids) == 0:
		return allow()
	case s.scanner == nil:
		return Verdict{}
	}
	callee, _ := x.Mesh.Standing(x.Callee, x.Moment)
	r := reading{texts: ids, body: x.Request.Body, direction: inspect.Response, ring: callee.Ring}
	verdict, worst := allow(), inspect.Low
	var refused []inspect.Finding
	var actions []inspect.Action
	for _, f := range s.scan(&r) {
		action := s.action(&r, f)
		if action == inspect.Flag {
			continue // the answer has the finding then
		}
		refused, actions = append(refused, f), append(actions, action)
		worst = max(worst, f.Severity)
		evidence := with(verdict.Evidence, f.Rule)
		verdict = verdict.Meet(blocked(f))
		verdict.Evidence, verdict.Severity = evidence, worst.String()
	}
	x.found(&r, refused, actions)
	return verdict
}

// plain reports whether an id is one in which nothing can be found: a number, a UUID, a short word such as a role, or the
// version that every JSON-RPC request names.
func plain(id string) bool {
	if id == "2.0" {
		return true
	}
	const digits, letters = "0123456789-abcdefABCDEF", "_ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ"
	return len(id) <= 64 && strings.Trim(id, digits) == "" || len(id) <= 16 && strings.Trim(id, digits+letters) == ""
}
