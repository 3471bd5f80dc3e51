package agent

// Standing returns what the agent has without any evidence of its conduct: its trust score, and the ring that the
// score gives within the agent's ceiling.
func (r *Record) Standing() (Trust, Ring) {
	trust := min(max(r.Base, 0), ScoreCeiling(r.Ceiling))
	return trust, trust.Ring()
}

// VouchedTrust returns the score without evidence of an agent that an administrator vouched for up to a ring:
// enough to reach it.
func VouchedTrust(ceiling Ring) Trust { return max(ceiling.Floor(), TrustUnknown) }

// ScoreCeiling returns the highest score an agent may have whose most privileged ring is the ceiling: 1000 for
// ring 0, and for every other ring one less than what the next ring up asks for, 899, 699 and 399.
func ScoreCeiling(ceiling Ring) Trust {
	if ceiling == Kernel {
		return MaxTrust
	}
	if ceiling > Kernel {
		ceiling = Untrusted
	}
	return (ceiling + 1).Floor() - 1
}
