package policy

import "slices"

// Meets reports whether a finding of the class and severity is one that the threshold speaks of. One without a severity,
// 0, ranks below Low and meets none.
func (t *Threshold) Meets(class string, s Severity) bool {
	return s >= max(t.Severity, Low) && (len(t.Classes) == 0 || slices.Contains(t.Classes, class))
}

// met reports whether any of the findings meets the threshold.
func (t *Threshold) met(findings map[string]Severity) bool {
	for class, s := range findings {
		if t.Meets(class, s) {
			return true
		}
	}
	return false
}

// Settle returns what the outcome comes to for a request with the findings, by class, of which no approval is there yet
// and no limit is exhausted: Deny if a party refuses the call or an enforced threshold refuses the findings, Approve if
// people have to be asked, else Allow. The reference names the rule that decided: the one that refuses, the first
// approval that is needed, or the first rule that permitted; it is zero for a call of which nobody spoke.
func (o *Outcome) Settle(findings map[string]Severity) (Decision, Ref) {
	if o.Decision != Allow {
		return Deny, o.Refusal.Ref
	}
	var asks *Threshold
	for _, t := range o.Thresholds {
		if t == nil || t.Mode != Enforce || !t.Requests || !t.met(findings) {
			continue
		}
		if t.Requirement == nil {
			return Deny, t.Ref
		}
		if asks == nil {
			asks = t
		}
	}
	for i := range o.Approvals {
		if o.Approvals[i].Mode == Enforce {
			return Approve, o.Approvals[i].Ref
		}
	}
	if asks != nil {
		return Approve, asks.Ref
	}
	if len(o.Permits) > 0 {
		return Allow, o.Permits[0]
	}
	return Allow, Ref{}
}
