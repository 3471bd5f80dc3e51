package envoyrpc

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
)

// exchange is what a peer says and what it must hear of it.
type exchange struct {
	name     string
	settings []http2.Setting
	say      func(*peer)
	want     []string
}

func (e exchange) check(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, l := served(t, &deed{})
		p := greeted(t, l, e.settings...)
		e.say(p)
		if diff := cmp.Diff(e.want, p.heard()); diff != "" {
			t.Error(diff)
		}
	})
}

func checkAll(t *testing.T, exchanges []exchange) {
	t.Helper()
	t.Parallel()
	for _, e := range exchanges {
		t.Run(e.name, e.check)
	}
}

// broken is what a peer hears whose connection ends for a reason.
func broken(last, reason string) []string { return []string{"GOAWAY " + last + " " + reason, "closed"} }

func TestEndedCalls(t *testing.T) {
	checkAll(t, []exchange{
		{
			name: "data-after-the-end",
			say: func(p *peer) {
				p.call(1, "/deed.Unary/Wait")
				p.ask(1, "a")
				p.heard()
				p.tell(1, "b")
			},
			want: []string{resets(1, "STREAM_CLOSED")},
		},
		{
			name: "an-end-after-the-end",
			say: func(p *peer) {
				p.call(1, "/deed.Unary/Wait")
				p.ask(1, "a")
				p.heard()
				p.data(1, true, "")
			},
			want: []string{resets(1, "STREAM_CLOSED")},
		},
		{
			name: "trailers-after-the-end",
			say: func(p *peer) {
				p.call(1, "/deed.Stream/Wait")
				p.ask(1, "a")
				p.heard()
				p.do(p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.fragment("-"), EndHeaders: true, EndStream: true}))
			},
			want: []string{resets(1, "STREAM_CLOSED")},
		},
	})
}
