package envoyrpc

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

func window(size uint32) http2.Setting {
	return http2.Setting{ID: http2.SettingInitialWindowSize, Val: size}
}

func TestWindows(t *testing.T) {
	large := func(p *peer, size int) { p.call(1, "/deed.Unary/Large"); p.ask(1, fmt.Sprint(size)) }
	sets := func(p *peer, settings ...http2.Setting) { p.do(p.framer.WriteSettings(settings...)) }
	octets := func(n int) string { return fmt.Sprintf("DATA 1 %d octets", n) }
	const ack = "SETTINGS 0 ACK"
	checkAll(t, []exchange{
		{name: "none", settings: []http2.Setting{window(0)}, say: func(p *peer) { large(p, 100) }},
		{
			name: "none-but-for-the-status", settings: []http2.Setting{window(0)},
			say:  func(p *peer) { p.call(1, "/deed.Unary/Fail"); p.ask(1, "3 no") },
			want: []string{refuses(1, 3, "no")},
		},
		{
			name: "raised", settings: []http2.Setting{window(0)},
			say:  func(p *peer) { large(p, 100); p.heard(); sets(p, window(1000)) },
			want: []string{ack, begins(1), octets(105), succeeds(1)},
		},
		{
			name: "raised-in-between", settings: []http2.Setting{window(50)},
			say:  func(p *peer) { large(p, 100); p.heard(); sets(p, window(0), window(60), window(55)) },
			want: []string{ack, "DATA 1 " + fmt.Sprintf("%q", "xxxxx")},
		},
		{
			name: "lowered-below-nothing", settings: []http2.Setting{window(50)},
			say: func(p *peer) {
				large(p, 100)
				p.heard()
				sets(p, window(10)) // It is at -40 now.
				p.do(p.framer.WriteWindowUpdate(1, 40))
				p.heard()
				p.do(p.framer.WriteWindowUpdate(1, 1))
			},
			want: []string{`DATA 1 "x"`},
		},
		{
			name: "small-frames", settings: []http2.Setting{{ID: http2.SettingMaxFrameSize, Val: 20_000}},
			say:  func(p *peer) { large(p, 50_000) },
			want: []string{begins(1), octets(20_000), octets(20_000), octets(10_005), succeeds(1)},
		},
		{
			name: "of-the-connection-for-two", settings: []http2.Setting{window(1 << 20)},
			say: func(p *peer) {
				large(p, defaultWindow-prefixSize)
				p.heard()
				p.call(3, "/deed.Unary/Echo")
				p.ask(3, "a")
				p.heard()
				p.do(p.framer.WriteWindowUpdate(0, 6))
			},
			want: answered(3, "a"),
		},
		{
			name: "not-opened-in-time", settings: []http2.Setting{window(10)},
			say: func(p *peer) {
				p.call(1, "/deed.Stream/Large", "grpc-timeout", "1S")
				p.ask(1, "100")
				p.heard()
				<-time.After(time.Second)
			},
			want: []string{fails(1, 4, "context deadline exceeded")},
		},
		{
			name: "of-a-call-overflows", settings: []http2.Setting{window(0)},
			say: func(p *peer) {
				large(p, 100)
				p.heard()
				p.raw(http2.FrameWindowUpdate, 0, 1, "\x7f\xff\xff\xff")
				p.heard()
				p.call(3, "/deed.Stream/Wait")
				p.raw(http2.FrameWindowUpdate, 0, 3, "\x7f\xff\xff\xff")
				p.raw(http2.FrameWindowUpdate, 0, 3, "\x00\x00\x00\x01")
			},
			want: []string{resets(3, "FLOW_CONTROL_ERROR")},
		},
		{
			name: "of-the-server-exceeded-by-a-message",
			say: func(p *peer) {
				p.call(1, "/deed.Stream/Wait")
				p.tell(1, strings.Repeat("x", largest))
				p.data(1, false, "\x00\x00\x03\x00\x00"+strings.Repeat("x", slack+1))
				p.call(3, "/deed.Unary/Echo")
				p.ask(3, "a")
			},
			want: append([]string{resets(1, "FLOW_CONTROL_ERROR")}, answered(3, "a")...),
		},
		{
			name: "of-the-server-used-up",
			say: func(p *peer) {
				p.call(1, "/deed.Stream/Wait")
				p.tell(1, strings.Repeat("x", largest))
				p.data(1, false, "\x00\x00\x03\x00\x00"+strings.Repeat("x", slack-prefixSize))
			},
		},
		{
			name: "of-the-server-with-many-messages-nobody-takes",
			say: func(p *peer) {
				p.call(1, "/deed.Stream/Wait")
				for range initialWindow/1000 + 1 {
					p.tell(1, strings.Repeat("x", 1000-prefixSize))
				}
			},
			want: []string{resets(1, "FLOW_CONTROL_ERROR")},
		},
	})
}

// TestWindowOfTheServer uses up the window of the connection, which is opened again.
func TestWindowOfTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := served(t, &deed{})
		p := greeted(t, l)
		c := only(s)
		c.budget = maxWindow/2 + 3
		p.call(1, "/deed.Unary/Echo")
		p.ask(1, "a")
		want := fmt.Sprintf("WINDOW_UPDATE 0 +%d", maxWindow-(maxWindow/2+3-6))
		if notes := p.heard(); len(notes) != 4 || notes[0] != want {
			t.Errorf("heard %q", notes)
		}
		c.budget = 5
		p.call(3, "/deed.Unary/Echo")
		p.ask(3, "a")
		if notes := p.heard(); len(notes) != 2 || notes[0] != "GOAWAY 3 FLOW_CONTROL_ERROR" {
			t.Errorf("heard %q", notes)
		}
	})
}
