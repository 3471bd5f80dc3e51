package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReviewsRest changes something all the time: there is a rest after each review, and one review for what changed in it.
func TestReviewsRest(t *testing.T) {
	t.Parallel()
	r := newReviewer()
	var steps []string
	ask := func() {
		for range 100 {
			r.ask()
		}
	}
	ask()
	rest := func() bool {
		steps = append(steps, "rest")
		ask()
		return len(steps) < 6
	}
	r.follow(t.Context(), nil, rest, func() {
		steps = append(steps, "review")
		ask()
	})
	if diff := cmp.Diff([]string{"review", "rest", "review", "rest", "review", "rest"}, steps); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
