package main

import (
	"math"
	"testing"
)

// The cases are those of table I of R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
// Medicine 17 (1998), method 3.
func TestWilson(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		count, of int
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
	} {
		low, high := rate{Of: c.of, Count: c.count}.wilson()
		if math.Abs(low-c.low) > 5e-5 || math.Abs(high-c.high) > 5e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.count, c.of, low, high, c.low, c.high)
		}
		// What is found and what is missed are one question.
		low, high = rate{Of: c.of, Count: c.of - c.count}.wilson()
		if math.Abs(1-high-c.low) > 5e-5 || math.Abs(1-low-c.high) > 5e-5 {
			t.Errorf("%d of %d: the interval of the rest is %.4f to %.4f", c.count, c.of, low, high)
		}
	}
	if low, high := (rate{}).wilson(); low != 0 || high != 1 {
		t.Errorf("of nothing: %v to %v", low, high)
	}
}

func TestRateIsShown(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]rate{
		"30.8 % (25.5–36.6)": {263, 81},
		"0.0 % (0.0–16.1)":   {20, 0},
		"-":                  {},
	} {
		if got := r.String(); got != want {
			t.Errorf("%+v is shown as %q, want %q", r, got, want)
		}
	}
}
