package did

import (
	"fmt"
	"testing"
	"time"
)

func TestDue(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	at := func(ago time.Duration, e entry) *entry { e.DID, e.Attempted = subject, start.Add(-ago); return &e }
	tests := []struct {
		name   string
		entry  *entry
		claim  uint64
		hinted bool
		want   []time.Duration // from the start: from one to the other
	}{
		{"never-tried", &entry{DID: subject}, 0, false, nil},
		{"never-tried-with-hint", &entry{DID: subject}, 0, true, nil},
		{"tried-in-a-future-nobody-shares", at(-2*minute, entry{}), 0, false, nil},
		{"tried-by-a-clock-ahead", at(-minute/2, entry{Claim: 1}), 1, false, []time.Duration{5 * minute, 5*minute + minute/2}},
		{"fresh", at(minute, entry{Claim: 1}), 1, false, []time.Duration{3*minute + minute/2, 4 * minute}},
		{"registered-anew", at(minute, entry{Claim: 1}), 2, false, []time.Duration{-minute, -minute}},
		{"registered-before", at(minute, entry{Claim: 2}), 1, false, []time.Duration{3*minute + minute/2, 4 * minute}},
		{"registered-anew-and-failing", at(0, entry{Claim: 1, Failures: 1}), 2, false, []time.Duration{minute / 2, 33 * time.Second}},
		{"failed-once", at(0, entry{Failures: 1}), 0, false, []time.Duration{minute / 2, 33 * time.Second}},
		{"failed-twice", at(0, entry{Failures: 2}), 0, false, []time.Duration{minute, 66 * time.Second}},
		{"failed-often", at(0, entry{Failures: 5}), 0, false, []time.Duration{5 * minute, 5*minute + minute/2}},
		{"failed-very-often", at(0, entry{Failures: 1 << 40}), 0, false, []time.Duration{5 * minute, 5*minute + minute/2}},
		{"hint", at(minute/2, entry{}), 0, true, []time.Duration{minute / 2, 36 * time.Second}},
		{"hint-after-long", at(3*minute, entry{}), 0, true, []time.Duration{-2 * minute, -2*minute + 6*time.Second}},
		{"hint-while-failing-often", at(0, entry{Failures: 9}), 0, true, []time.Duration{minute, 66 * time.Second}},
		{"hint-while-failing", at(0, entry{Failures: 1}), 0, true, []time.Duration{minute / 2, 36 * time.Second}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(100) {
				p := pace{refresh: 5 * minute, stale: time.Hour, seed: seed}
				got := p.due(test.entry, Claim{Revision: test.claim}, start, test.hinted)
				if test.want == nil {
					if got.After(start) {
						t.Fatalf("due in %s, want at once", got.Sub(start))
					}
					continue
				}
				if in := got.Sub(start); in < test.want[0] || in > test.want[1] {
					t.Fatalf("due in %s, want %v", in, test.want)
				}
			}
		})
	}
}

// Law: processes do not fetch in step, and each sticks to its own time.
func TestJitter(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for seed := range uint64(50) {
		p := pace{refresh: 5 * time.Minute, seed: seed}
		for i := range 20 {
			e := &entry{DID: fmt.Sprintf("%s%d", subject, i), Attempted: start}
			d := p.jitter(e, p.refresh)
			if d < 0 || d >= 30*time.Second || d != p.jitter(e, p.refresh) {
				t.Fatalf("jitter %s", d)
			}
			seen[d] = true
		}
	}
	if len(seen) < 990 {
		t.Errorf("%d different times for 50 processes and 20 DIDs", len(seen))
	}
	if d := (pace{}).jitter(&entry{}, 0); d != 0 {
		t.Errorf("jitter %s of nothing", d)
	}
}
