package extproc

import "ringfence.dev/ringfence/internal/governance"

// judge says whether an exchange under way is still allowed.
type judge = func(*governance.Exchange) governance.Verdict

// Review cuts off the exchange when it is not allowed any more. It waits for nobody: while the exchange takes a message,
// whoever holds it judges it afterwards.
func (e *exchange) Review(j func(*governance.Exchange) governance.Verdict) {
	e.due.Store(&j)
	e.settle()
}

// settle judges the exchange if that is due. Nobody else does when the exchange is held: then its holder settles it
// after letting go, so that what is due is never left.
func (e *exchange) settle() {
	for e.due.Load() != nil && e.mu.TryLock() {
		if j := e.due.Swap(nil); j != nil && e.cuttable() {
			if v := (*j)(e.current); v.Decision != governance.Allow {
				// Envoy may be slow to take the answers: the exchange stays held until it has, and nobody waits.
				go e.part(e.cut(v))
				return
			}
		}
		e.mu.Unlock()
	}
}

// cuttable reports whether the request was allowed and its answer, which is the agent's, is not over.
func (e *exchange) cuttable() bool {
	return e.decided && !e.over && !e.mesh && e.watch == governance.WatchAnswer
}

// cut returns what tells Envoy of the verdict. While it waits for the agent, Envoy takes an immediate response for the
// answer; one under way ends like those that are denied on the way.
func (e *exchange) cut(v governance.Verdict) replies {
	if e.answer != nil {
		return e.answer.cut(v)
	}
	e.governor.Cut(e.current, v)
	return one(denial(e.current))
}

// part sends the last answers and lets the exchange go. Envoy then closes the stream, which ends Process.
func (e *exchange) part(last replies) {
	defer e.mu.Unlock()
	e.failed = e.say(last)
	e.over = e.failed == nil
}

// ended reports whether the last answer was sent.
func (e *exchange) ended() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.over
}
