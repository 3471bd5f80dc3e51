package trust

import (
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Outcome is what one decision came to: what enforcement points know of a request, or of the answer to it.
type Outcome struct {
	// Caller and Callee are the two agents. Without either nothing counts.
	Caller, Callee agent.ID
	// Verified says that evidence proves the caller to have made this very request: whoever saw the proof could not have
	// used it for another. Assurance is that of the proof, as identity.Assurance spells it.
	Verified  bool
	Assurance string
	// Denied says that the request, or in the answer phase the answer, was refused. Factor and Reason are those of the
	// decision record, and Phase is "answer" for an answer.
	Denied                bool
	Factor, Reason, Phase string
	// Severity is that of the worst blocking finding where content was the reason.
	Severity string
	// Forged says that a delegation was refused for a link that no honest holder makes and that the caller itself signed.
	Forged bool
	// Culprit is the agent that signed such a link, if that is proved; it need not be the caller.
	Culprit agent.ID
	// Excused says that the caller could have had by itself what was refused to those for whom it asked.
	Excused bool
	// AnswerStatus is the HTTP status of the answer; Completed says that the answer reached its end and was let through.
	AnswerStatus int
	Completed    bool
	// Exchange is the decision's id, At when the exchange began.
	Exchange string
	At       time.Time
}

// answerPhase is what decision records call the phase of an answer.
const answerPhase = "answer"

// Classify returns what the outcome says for or against the two agents. Four rules hold it together:
//
//   - Only a request whose sender was verified before it was refused costs the sender anything. What a stranger can bring
//     about in an agent's name costs it nothing: signatures that do not verify, replays, and bodies under another digest.
//   - What others may not do costs nobody who asks for them: they could bring it about at will.
//   - What the mesh could not decide, what its operator has turned off, and what the callee did, never costs the caller
//     anything. A callee is held to what it answers alone, and to that only as far as one caller could not make it so.
//   - A reason that is not known counts for nothing.
func Classify(o Outcome) []Signal {
	if !o.Verified || o.Caller == "" || o.Callee == "" || o.Caller == o.Callee || !proves(o.Assurance) {
		return nil
	}
	s := Signal{Agent: o.Caller, Counterparty: o.Callee, Exchange: o.Exchange, At: o.At.Unix()}
	if !o.Denied {
		return completed(o, s)
	}
	s.Class = o.Reason
	if proved[o.Reason] && o.Culprit != "" && !o.Forged {
		// Its signature proves it, whoever hands the link on.
		s.Agent, s.Counterparty, s.Kind = o.Culprit, o.Caller, LinkWidened
		return []Signal{s}
	}
	s.Kind = blame(o)
	switch t := traits[s.Kind]; {
	case s.Kind == "":
		return nil
	case t.callee:
		s.Agent, s.Counterparty, s.Framable = o.Callee, o.Caller, true
	}
	return []Signal{s}
}

// proves reports whether an assurance binds a request to its caller. A bearer token does not: whoever was sent it can send
// it on.
func proves(assurance string) bool {
	return assurance == "workload" || assurance == "mesh" || assurance == "agent"
}

// completed credits both sides of a call that was let through and answered as it should be. An answer that says that the
// request was wrong credits nobody, and neither does one that says that the agent failed.
func completed(o Outcome, s Signal) []Signal {
	if !o.Completed || o.AnswerStatus < 200 || o.AnswerStatus >= 400 {
		return nil
	}
	caller, callee := s, s
	caller.Kind = Completed
	callee.Kind, callee.Agent, callee.Counterparty = Served, o.Callee, o.Caller
	return []Signal{caller, callee}
}

// blame returns the kind of a refusal, none where nobody is to blame.
func blame(o Outcome) Kind {
	answered := o.Phase == answerPhase
	if class, ok := strings.CutPrefix(o.Reason, contentPrefix); ok && (o.Factor == "content" || o.Factor == "answered-content") {
		switch {
		case class == inspectionClass:
			return ""
		case answered:
			return AnswerBlocked
		}
		return contentKind(o.Severity)
	}
	switch {
	case o.Excused:
		return ""
	case answered:
		return answerReasons[o.Reason]
	case o.Forged:
		return LinkForged
	}
	return requestReasons[o.Reason]
}

const (
	// contentPrefix begins the reasons of content findings; the class of the rule follows.
	contentPrefix = "content-"
	// inspectionClass is the class of findings about the inspection itself, such as rules that could not be loaded.
	inspectionClass = "inspection"
)

// contentKind rates what was blocked. A rule that nobody rated blocks, so that it is no low one.
func contentKind(severity string) Kind {
	switch severity {
	case "low":
		return ContentLow
	case "high":
		return ContentHigh
	case "critical":
		return ContentCritical
	default:
		return ContentMedium
	}
}
