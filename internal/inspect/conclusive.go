package inspect

// classInspection is the class of findings about the inspection itself: something could not be decided.
const classInspection = "inspection"

// The rules of findings about the inspection itself that stand in no file.
const (
	// unloadedRule is the finding of a Set that holds no rules: what was not inspected is not let through.
	unloadedRule = "unloaded"
	// budgetRule is the finding where the bound on work cut the search short and no rule says what that means.
	budgetRule = "scan-budget"
	// failedRule is the finding where a verifier failed.
	failedRule = "verifier-failed"
)

// Conclusive reports whether the findings say all that the rules have to say of the texts: none is about the inspection
// itself. Others must not be remembered in place of a scan.
func Conclusive(findings []Finding) bool {
	for i := range findings {
		if findings[i].Class == classInspection {
			return false
		}
	}
	return true
}

// unjudged is the finding that a message was not inspected as it should have been.
func unjudged(rule string) Finding {
	return Finding{Rule: rule, Class: classInspection, Severity: Critical, Action: Block, Text: -1, Last: -1, View: ViewText}
}

// undecided reports what kept the scan from a decision.
func (c *scan) undecided() {
	if c.starved {
		before := len(c.findings)
		if c.signal(signalBudget, -1, span{}, ViewText); len(c.findings) == before {
			c.findings = append(c.findings, unjudged(budgetRule))
		}
	}
	if c.failed {
		c.findings = append(c.findings, unjudged(failedRule))
	}
}

// verified asks the verifier of a rule, and reports whether it holds and whether it got so far as to look. One that fails
// has decided nothing, which is a finding of its own.
func (c *scan) verified(r *rule, b []byte, at span) (holds, asked bool) {
	defer func() {
		if recover() != nil {
			c.failed, holds = true, false
		}
	}()
	if r.verify.gate != nil && (!c.spend(priceGate) || !r.verify.gate(b, at)) {
		return false, false
	}
	if r.verify.weigh != nil {
		if !c.spend(priceWeigh) {
			return false, false
		}
		price, worth := r.verify.weigh(b, at)
		if !c.spend(price) || !worth {
			return false, !worth
		}
		if first := r.verify.first(b, at); first != answerOpen {
			return first == answerYes, true
		}
	}
	price := r.verify.price
	if r.verify.cost != nil {
		price = r.verify.cost(b)
	}
	if !c.spend(price) {
		return false, false
	}
	return r.verify.holds(b, at), true
}
