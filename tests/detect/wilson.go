package main

import (
	"fmt"
	"math"
)

// z is the 97.5 % quantile of the normal distribution, for intervals of 95 %.
const z = 1.959963984540054

// rate is how many of a number of texts.
type rate struct {
	Of    int `json:"of"`
	Count int `json:"count"`
}

func (r *rate) add(counts bool) {
	r.Of++
	if counts {
		r.Count++
	}
}

// value is 0 to 1, and 0 of nothing.
func (r rate) value() float64 {
	if r.Of == 0 {
		return 0
	}
	return float64(r.Count) / float64(r.Of)
}

// wilson returns the 95 % score interval of the rate without a correction for continuity (Wilson 1927).
func (r rate) wilson() (low, high float64) {
	if r.Of == 0 {
		return 0, 1
	}
	n, p := float64(r.Of), r.value()
	centre := p + z*z/(2*n)
	spread := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	scale := 1 + z*z/n
	return max(0, (centre-spread)/scale), min(1, (centre+spread)/scale)
}

// String is the rate in percent with its interval.
func (r rate) String() string {
	if r.Of == 0 {
		return "-"
	}
	low, high := r.wilson()
	return fmt.Sprintf("%.1f %% (%.1f–%.1f)", 100*r.value(), 100*low, 100*high)
}
