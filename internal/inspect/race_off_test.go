//go:build !race

package inspect

// The race detector drops pooled memory at random.
const raceDetector = false
