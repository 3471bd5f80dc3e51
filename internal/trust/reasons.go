package trust

import (
	"fmt"
	"strings"
)

// requestReasons says what a refused request is to its sender, by the reason of the decision record. Reasons under which
// nobody is to blame stand here too, so that a reason which nobody has thought about is told from them by a test.
var requestReasons = map[string]Kind{
	// Before or while the sender is verified. Whoever has seen a signed request can send it again, to another agent or
	// under another body.
	"callee-unknown": "", "callee-inactive": "", "entrance-unknown": "", "authority-invalid": "", "field-repeated": "",
	"version-conflict": "", "unknown-caller": "", "no-key": "", "identity-undecided": "", "replay-undecided": "",
	"malformed": "", "missing": "", "unsupported": "", "uncovered": "", "bad-signature": "", "expired": "", "not-yet-valid": "",
	"replayed": "", "before-boot": "", "wrong-audience": "", "keys-unavailable": "", "overloaded": "", "digest-mismatch": "", "body-unsigned": "", "hop-mismatch": "",
	// The mesh could not, or an administrator has decided.
	"undecided": "", "state-stale": "", "caller-inactive": "", "holder-inactive": "", "tenant-undecided": "", "owner-undecided": "",
	"binding-ungoverned": "", "callback-denied": "", "callback-lookup": "",

	// What the caller may not do.
	"ring-too-low": Overreach, "trust-too-low": Overreach, "out-of-scope": Overreach, "gate-closed": Overreach,
	"tenant-mismatch": Overreach, "task-not-found": Overreach, "context-not-found": Overreach,
	"callback-malformed": Overreach, "callback-scheme": Overreach, "callback-host": Overreach, "callback-port": Overreach,
	"callback-address": Overreach, "callback-mesh": Overreach,
	// Limits.
	"rate-exceeded": Excess, "calls-waiting": Excess, "body-too-large": Excess, "too-large": Excess, "too-many-tasks": Excess,
	// Requests that two readers could read in two ways.
	"invalid-json": Malformed, "duplicate-key": Malformed, "misspelled-key": Malformed, "too-deep": Malformed,
	"too-many-members": Malformed, "batch": Malformed, "invalid-request": Malformed, "invalid-params": Malformed,
	"ambiguous-path": Malformed, "too-long": Malformed, "unexpected-body": Malformed, "ambiguous-query": Malformed,
	"conflicting-values": Malformed, "ambiguous-answer": Malformed, "invalid-protobuf": Malformed, "repeated-field": Malformed,
	"invalid-frame": Malformed, "compressed": Malformed, "ambiguous-name": Malformed, "unknown": Malformed,
	"content-encoded": Malformed, "content-type": Malformed, "length-invalid": Malformed,

	// Delegations. A link that has ended, or whose maker has left the mesh, is no fault of who presents it; one that stands
	// too deep may only be too deep for a ring.
	"delegation-expired": "", "delegation-not-yet-valid": "", "delegation-unknown-issuer": "", "delegation-unsigned": "",
	"authority-over": "", "delegation-too-deep": Overreach, "delegation-wrong-audience": Overreach,
	"delegation-malformed": LinkInvalid, "delegation-too-long": LinkInvalid, "delegation-bad-signature": LinkInvalid,
	"delegation-broken-hash": LinkInvalid, "delegation-spliced": LinkInvalid, "delegation-wrong-holder": LinkInvalid,
	"delegation-widened": LinkWidened,
}

// answerReasons says what a refused answer is to the agent that gave it. Answers that cannot be read, are too large or
// wait for too long are no sign of bad intent, and their caller has a part in them.
var answerReasons = map[string]Kind{
	"answer-unreadable": "", "answer-unfit": "", "answer-encoded": "", "answer-charset": "", "answer-too-large": "",
	"answers-waiting": "", "card-ungoverned": "", "card-invalid": "", "undecided": "", "owner-undecided": "", "too-many-tasks": "",
	"answer-redirects": AnswerBlocked, "answer-switches": AnswerBlocked, "answer-starts-many-tasks": AnswerForeign,
	"task-not-found": AnswerForeign,
	// Calls that are cut off because something changed while they were under way.
	"caller-inactive": "", "callee-inactive": "", "holder-inactive": "", "ring-too-low": "", "trust-too-low": "", "out-of-scope": "",
	"authority-over": "", "state-stale": "", "gate-closed": "", "time-exceeded": "",
}

// validateQuarantine returns an error for a word by which nothing would ever be quarantined: one that is neither the kind
// of a signal against a caller nor the reason of one.
func validateQuarantine(words []string) error {
	for _, word := range words {
		t, kind := traits[Kind(word)]
		if kind && !t.good && !t.callee || requestReasons[word] != "" || len(word) > len(contentPrefix) && strings.HasPrefix(word, contentPrefix) {
			continue
		}
		return fmt.Errorf("%q quarantines nobody: it is no kind of signal against a caller, and no reason of one", word)
	}
	return nil
}
