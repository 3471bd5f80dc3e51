package envoy

import (
	"slices"
	"testing"
	"time"
)

func TestRestartPause(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, test := range []struct {
		name      string
		ran, want []time.Duration
	}{
		{"grows", []time.Duration{0, ms, ms, ms}, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms}},
		{"is-bounded", make([]time.Duration, 9), []time.Duration{
			100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, restartMax, restartMax,
		}},
		{"starts-over-after-a-steady-run", []time.Duration{0, 0, restartSteady, 0}, []time.Duration{100 * ms, 200 * ms, 100 * ms, 200 * ms}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var pause restartPause
			var got []time.Duration
			for _, ran := range test.ran {
				got = append(got, pause.next(ran))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
