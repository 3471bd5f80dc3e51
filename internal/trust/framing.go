package trust

import (
	"slices"

	"ringfence.dev/ringfence/internal/agent"
)

// frame keeps bad evidence that the counterparty could have brought about itself, such as an answer that repeats the text
// it was asked to repeat. It returns how much found room under the cap of the counterparty, and how much more evidence
// counts now: of all that counterparties have of this sort, what the Rules.Spared with the most of it have counts for
// nothing. That is never negative.
//
// Under the default rules, n counterparties thus bring about what n−1 of them have at most, whatever the largest does:
//
//   - one brings about nothing, however often and for however long;
//   - two bring about a fifth of the 20 points of Rules.ShareFloor, 4 points: an agent vouched for with 400 and without
//     good evidence falls to 333, one with all good evidence that counts from 964 to 955;
//   - three bring about 8 points: 285 and 946. Up to six, each further one adds 4 points.
//
// Where the agent has more than 20 points against it, that fifth is taken of those. Evidence of this sort uses up neither
// the stray calls that are free nor the room of what the agent did to the same counterparty: else an accomplice that
// frames an agent would make its faults cheaper. Counterparties with it stand in a list of their own, so that friends of
// the agent cannot fill the places of those that it wrongs.
func (s *State) frame(name agent.ID, amount Evidence, rules Rules) (kept, counts Evidence) {
	framer := s.peer(&s.Framers, name, rules)
	if kept = min(amount, framer.room(s, false, rules)); kept == 0 {
		return 0, 0
	}
	before := s.corroborated(rules)
	framer.add(kept, false)
	return kept, s.corroborated(rules) - before
}

// corroborated is the framable evidence that counts at the state's moment.
func (s *State) corroborated(rules Rules) (total Evidence) {
	var shares [maxPeers + 1]Evidence
	each := shares[:0]
	for i := range s.Framers {
		each = append(each, s.Framers[i].at(s.At, rules).Bad)
	}
	slices.Sort(each)
	for _, amount := range each[:max(len(each)-int(rules.Spared), 0)] {
		total += amount
	}
	return total
}
