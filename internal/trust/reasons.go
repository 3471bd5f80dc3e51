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
	// What no signature covers: somebody on the way can have put it there.
	"length-invalid": "", "body-too-large": "", "content-encoded": "", "content-type": "", "gate-unsigned": "",
	// The mesh could not, or an administrator has decided.
	"undecided": "", "delegation-undecided": "", "state-stale": "", "caller-inactive": "", "holder-inactive": "", "tenant-undecided": "", "owner-undecided": "", "lineage-undecided": "",
	"binding-ungoverned": "", "callback-denied": "", "callback-lookup": "",

	// What the caller may not do.
	"ring-too-low": Overreach, "trust-too-low": Overreach, "out-of-scope": Overreach, "gate-closed": Overreach,
	"tenant-mismatch": Overreach, "task-not-found": Overreach, "context-not-found": Overreach,
	"callback-malformed": Overreach, "callback-scheme": Overreach, "callback-host": Overreach, "callback-port": Overreach,
	"callback-address": Overreach, "callback-mesh": Overreach,
	// What a party has written. What a body, an assurance or people decide proves nothing against whoever asks.
	"policy-forbids": Overreach, "policy-permits-nothing": Overreach, "policy-read-only": Overreach, "policy-trust-too-low": Overreach,
	"policy-ring-too-low": Overreach, "policy-assurance-too-low": "", "policy-body-too-large": "", "policy-undecided": "", "policy-content": "",
	"approval-required": "", "approval-denied": "", "approval-ambiguous": "", "approvals-waiting": Excess, "approval-undecided": "", "budget-undecided": "",
	"held-undecided": "", "task-waiting": "", "task-unnameable": "",
	// Limits.
	"policy-rate-exceeded": Excess, "policy-calls-waiting": Excess,
	"rate-exceeded": Excess, "calls-waiting": Excess, "too-large": Excess, "too-many-tasks": Excess,
	// Requests that two readers could read in two ways.
	"invalid-json": Malformed, "duplicate-key": Malformed, "misspelled-key": Malformed, "too-deep": Malformed,
	"too-many-members": Malformed, "batch": Malformed, "invalid-request": Malformed, "invalid-params": Malformed,
	"ambiguous-path": Malformed, "too-long": Malformed, "unexpected-body": Malformed, "ambiguous-query": Malformed,
	"conflicting-values": Malformed, "declaration-too-long": Malformed, "ambiguous-answer": Malformed, "invalid-protobuf": Malformed, "repeated-field": Malformed,
	"invalid-frame": Malformed, "compressed": Malformed, "ambiguous-name": Malformed, "unknown": Malformed,

	// Delegations. A link that has ended, or whose maker has left the mesh, is no fault of who presents it; one that stands
	// too deep may only be too deep for a ring. Links that were made to grant more than their maker had are handed on by
	// agents that trust who gave them: they count where the caller made them itself, as LinkForged.
	"delegation-expired": "", "delegation-not-yet-valid": "", "delegation-unknown-issuer": "", "delegation-unsigned": "",
	"authority-over": "", "delegation-too-deep": Overreach, "delegation-wrong-audience": Overreach,
	"delegation-malformed": LinkInvalid, "delegation-too-long": LinkInvalid, "delegation-bad-signature": LinkInvalid,
	"delegation-broken-hash": LinkInvalid, "delegation-spliced": "", "delegation-wrong-holder": LinkInvalid,
	"delegation-widened": "",
}

// answerReasons says what a refused answer is to the agent that gave it. Answers that cannot be read, are too large or
// wait for too long are no sign of bad intent, and their caller has a part in them.
var answerReasons = map[string]Kind{
	"answer-unreadable": "", "answer-unfit": "", "answer-encoded": "", "answer-charset": "", "answer-too-large": "",
	"answers-waiting": "", "card-ungoverned": "", "card-invalid": "", "answer-unredactable": "", "undecided": "", "owner-undecided": "", "too-many-tasks": "",
	"answer-redirects": AnswerBlocked, "answer-switches": AnswerBlocked, "answer-starts-many-tasks": AnswerForeign,
	"task-not-found": AnswerForeign,
	// Calls that are cut off because something changed while they were under way.
	"caller-inactive": "", "callee-inactive": "", "holder-inactive": "", "ring-too-low": "", "trust-too-low": "", "out-of-scope": "",
	"authority-over": "", "state-stale": "", "gate-closed": "", "time-exceeded": "", "policy-time-exceeded": "", "policy-content": "",
	"policy-forbids": "", "policy-permits-nothing": "", "policy-read-only": "", "policy-trust-too-low": "", "policy-ring-too-low": "",
	"policy-assurance-too-low": "", "policy-body-too-large": "", "policy-undecided": "",
}

// proved are the reasons under which the signature of a link proves who made it, whoever presents it.
var proved = map[string]bool{"delegation-widened": true, "delegation-spliced": true, "delegation-too-deep": true}

// CheckQuarantine returns an error for a word by which nothing would ever be quarantined: one that is neither the kind of a
// signal against a caller nor the reason of one.
func CheckQuarantine(word string) error {
	t, kind := traits[Kind(word)]
	if kind && !t.good && !t.callee || requestReasons[word] != "" || proved[word] || len(word) > len(contentPrefix) && strings.HasPrefix(word, contentPrefix) {
		return nil
	}
	var kinds []string
	for _, k := range Kinds() {
		if t := traits[k]; !t.good && !t.callee {
			kinds = append(kinds, string(k))
		}
	}
	return fmt.Errorf("%q quarantines nobody: it is no kind of signal against a caller (%s), and no reason of one", word, strings.Join(kinds, ", "))
}
