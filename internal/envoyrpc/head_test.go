package envoyrpc

import (
	"testing"
	"time"
)

func TestParseTimeout(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"1H": time.Hour, "2M": 2 * time.Minute, "30S": 30 * time.Second, "250m": 250 * time.Millisecond, "7u": 7 * time.Microsecond, "9n": 9,
		"00000001S": time.Second, "99999999n": 99_999_999, "99999999S": maxTimeout, "99999999H": maxTimeout, "1000H": maxTimeout, "0S": 1, "0H": 1, "0n": 1,
	} {
		if got, ok := parseTimeout(text); got != want || !ok {
			t.Errorf("%q: %v %v, not %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "S", "1", "12", "1s", "1h", "1 S", " 1S", "1S ", "+1S", "-1S", "1.5S", "1SS", "100000000n", "١S", "1\x00"} {
		if got, ok := parseTimeout(text); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}
