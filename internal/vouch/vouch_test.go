package vouch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

func concierge() Subject {
	return Subject{
		Record: &agent.Record{Name: "concierge", Status: agent.Active, Capabilities: []agent.Capability{"call:*", "read:ledger"}},
		Score:  620, Ring: agent.User,
	}
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	with := func(edit func(*Subject)) Subject {
		s := concierge()
		record := *s.Record
		s.Record = &record
		edit(&s)
		return s
	}
	tests := []struct {
		name     string
		question Question
		subject  Subject
		reasons  []Reason
	}{
		{"nothing-required", Question{}, concierge(), nil},
		{"all-met", Question{620, agent.User, []agent.Capability{"call:weather", "read:ledger"}}, concierge(), nil},
		{"score", Question{Score: 621}, concierge(), []Reason{{"score", "620", "621"}}},
		{"ring", Question{Ring: agent.Supervisor}, concierge(), []Reason{{"ring", "2", "1"}}},
		{"capability", Question{Capabilities: []agent.Capability{"read:*"}}, concierge(), []Reason{{"capability", "none that covers it", "read:*"}}},
		{"capability-that-is-none", Question{Capabilities: []agent.Capability{"read"}}, concierge(), []Reason{{"capability", "none that covers it", "read"}}},
		{"quarantined", Question{}, with(func(s *Subject) { s.Record.Status = agent.Quarantined }), []Reason{{"status", "quarantined", "active"}}},
		{"revoked", Question{}, with(func(s *Subject) { s.Record.Status = agent.Revoked }), []Reason{{"status", "revoked", "active"}}},
		{"no-status", Question{}, with(func(s *Subject) { s.Record.Status = "" }), []Reason{{"status", "", "active"}}},
		{"stopped", Question{}, with(func(s *Subject) { s.Stopped = true }), []Reason{{"status", "stopped", "active"}}},
		{"unknown", Question{}, Subject{}, []Reason{{"agent", "unknown", "registered"}}},
		{
			"everything-at-once",
			Question{900, agent.Kernel, []agent.Capability{"admin:*", "call:x"}},
			with(func(s *Subject) { s.Stopped = true }),
			[]Reason{{"status", "stopped", "active"}, {"score", "620", "900"}, {"ring", "2", "0"}, {"capability", "none that covers it", "admin:*"}},
		},
		{
			"standing-without-agent",
			Question{1, agent.User, []agent.Capability{"call:x"}},
			Subject{Score: 1000, Ring: agent.Kernel},
			[]Reason{{"agent", "unknown", "registered"}, {"score", "0", "1"}, {"ring", "3", "2"}, {"capability", "none that covers it", "call:x"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := Evaluate(test.question, test.subject)
			if diff := cmp.Diff(test.reasons, got.Reasons); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			if got.Verified != (len(test.reasons) == 0) {
				t.Errorf("verified %v", got.Verified)
			}
		})
	}
	if (Answer{}).Verified {
		t.Error("an answer nobody gave says yes")
	}
	got := Evaluate(Question{}, concierge())
	if diff := cmp.Diff(Answer{Verified: true, Agent: "concierge", Score: 620, Ring: agent.User, Status: agent.Active}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// TestAskingForMoreNeverHelps goes through every ring and the scores at which they change: a stricter question about a
// lesser agent is never met when the looser one about the better agent is not.
func TestAskingForMoreNeverHelps(t *testing.T) {
	t.Parallel()
	scores := []agent.Trust{0, 249, 250, 399, 400, 699, 700, 899, 900, 1000}
	for _, have := range scores {
		for _, need := range scores {
			for ring := range agent.Kernel + 1 {
				for needed := range agent.Kernel + 1 {
					s := concierge()
					s.Score, s.Ring = have, ring
					got := Evaluate(Question{Score: need, Ring: needed}, s).Verified
					if got != (have >= need && ring >= needed) {
						t.Errorf("score %d of %d, ring %v of %v: %v", have, need, ring, needed, got)
					}
				}
			}
		}
	}
}
