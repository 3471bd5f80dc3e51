package inspect

import (
	"strings"
	"testing"
)

// A match can end behind the stretch that the SQL verifier parses.
func TestVerifySQLTakesLongMatches(t *testing.T) {
	t.Parallel()
	b := []byte(strings.Repeat("'", 400))
	for _, at := range []span{{0, 300}, {0, 400}, {399, 400}} {
		verifySQL(b, at)
	}
}
