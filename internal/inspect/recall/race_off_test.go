//go:build !race

package recall

// The race detector drops pooled memory at random.
const raceDetector = false
