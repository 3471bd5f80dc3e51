package agent

// Standing returns what the agent has earned: its trust score, and the ring that the score gives within the
// agent's ceiling.
func (r *Record) Standing() (Trust, Ring) {
	trust := min(max(r.Base, 0), MaxTrust)
	return trust, min(r.Ceiling, trust.Ring())
}

// VouchedTrust returns the score without evidence of an agent that an administrator vouched for up to a ring:
// enough to reach it.
func VouchedTrust(ceiling Ring) Trust { return max(ceiling.Floor(), TrustUnknown) }
