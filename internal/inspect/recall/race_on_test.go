//go:build race

package recall

const raceDetector = true
