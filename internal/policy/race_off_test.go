//go:build !race

package policy

// seeds is how many of so many seeds a test draws from.
func seeds(all int) uint64 { return uint64(all) }
