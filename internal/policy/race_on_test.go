//go:build race

package policy

// seeds is how many of so many seeds a test draws from: under the race detector, which slows evaluation down tenfold, a few
// are enough to see whether goroutines share what they may not.
func seeds(all int) uint64 { return uint64(all / 10) }
