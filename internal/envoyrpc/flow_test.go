package envoyrpc

import (
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
)

func TestAnswerLargerThanWindow(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/deed.Unary/Large", "/deed.Stream/Large"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, l := served(t, &deed{})
				p := greeted(t, l, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
				p.call(1, path)
				p.ask(1, "95")
				if got := p.received(); got != 10 {
					t.Fatalf("%d octets before the window opened", got)
				}
				last := ""
				for range 30 {
					p.do(p.framer.WriteWindowUpdate(1, 3))
					if notes := p.heard(); len(notes) > 0 {
						last = notes[len(notes)-1]
					}
				}
				if p.received() != 100 || last != succeeds(1) {
					t.Errorf("after %d octets: %s", p.received(), last)
				}
			})
		})
	}
}
