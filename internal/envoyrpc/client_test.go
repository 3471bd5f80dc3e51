package envoyrpc

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
)

const (
	echo    = "/deed.Unary/Echo"
	waits   = "/deed.Unary/Wait"
	chat    = "/deed.Stream/Chat"
	waitsOn = "/deed.Stream/Wait"
)

// answered is what a peer hears whose call is echoed.
func answered(id int, text string) []string {
	return []string{begins(id), says(id, text), succeeds(id)}
}

// raw sends a frame as it is.
func (p *peer) raw(kind http2.FrameType, flags http2.Flags, id uint32, payload string) {
	p.t.Helper()
	p.do(p.framer.WriteRawFrame(kind, flags, id, []byte(payload)))
}

// TestUnusualClients is of what a client may do, and those in use rarely do.
func TestUnusualClients(t *testing.T) {
	asks := func(id uint32, text string) func(*peer) {
		return func(p *peer) { p.call(id, echo); p.ask(id, text) }
	}
	first := func(all ...func(*peer)) func(*peer) {
		return func(p *peer) {
			for _, say := range all {
				say(p)
			}
		}
	}
	with := func(fields ...string) func(*peer) {
		return func(p *peer) { p.call(1, echo, fields...); p.ask(1, "a") }
	}
	checkAll(t, []exchange{
		{name: "header-in-pieces-of-one-octet", say: func(p *peer) { p.header(1, p.fragment(echo), 1, false); p.ask(1, "a") }, want: answered(1, "a")},
		{name: "padding", say: func(p *peer) {
			p.do(p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.fragment(echo), EndHeaders: true, PadLength: 200}))
			p.do(p.framer.WriteDataPadded(1, true, []byte(message("a")), make([]byte, 255)))
		}, want: answered(1, "a")},
		{name: "priority", say: func(p *peer) {
			priority := http2.PriorityParam{StreamDep: 7, Weight: 3, Exclusive: true}
			p.do(p.framer.WritePriority(9, priority))
			p.do(p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.fragment(echo), EndHeaders: true, Priority: priority}))
			p.ask(1, "a")
		}, want: answered(1, "a")},
		{name: "unknown-frames", say: first(func(p *peer) { p.raw(0xee, 0xff, 0, "?"); p.raw(0xef, 0xff, 77, "") }, asks(1, "a")), want: answered(1, "a")},
		{name: "unknown-settings", say: first(func(p *peer) { p.raw(http2.FrameSettings, 0, 0, "\xff\xff\x00\x00\x00\x01") }, asks(1, "a")), want: append([]string{"SETTINGS 0 ACK"}, answered(1, "a")...)},
		{name: "acknowledgements-of-nothing", say: first(func(p *peer) {
			p.do(p.framer.WriteSettingsAck())
			p.do(p.framer.WritePing(true, [8]byte{}))
		}, asks(1, "a")), want: answered(1, "a")},
		{name: "ping", say: func(p *peer) { p.do(p.framer.WritePing(false, [8]byte([]byte("12345678")))) }, want: []string{`PING 0 "12345678" true`}},
		{name: "goes-away-with-calls-under-way", say: first(func(p *peer) { p.call(1, echo); p.do(p.framer.WriteGoAway(0, 0, nil)); p.ask(1, "a") }), want: answered(1, "a")},
		{name: "calls-left-out", say: first(asks(1, "a"), func(*peer) { synctest.Wait() }, asks(77, "b")), want: append(answered(1, "a"), answered(77, "b")...)},
		{name: "empty-data", say: func(p *peer) { p.call(1, echo); p.data(1, false, ""); p.tell(1, "a"); p.data(1, true, "") }, want: answered(1, "a")},
		{name: "message-in-pieces-of-one-octet", say: func(p *peer) {
			p.call(1, echo)
			for _, c := range message("abc") {
				p.data(1, false, string(c))
			}
			p.data(1, true, "")
		}, want: answered(1, "abc")},
		{name: "messages-in-one-frame", say: func(p *peer) {
			p.call(1, "/deed.Stream/Collect")
			p.data(1, true, message("a")+message("")+message("b"))
		}, want: answered(1, "a||b|")},
		{name: "stream-without-messages", say: func(p *peer) { p.header(1, p.fragment(chat), defaultFrame, true) }, want: []string{begins(1) + " grpc-status=0 END"}},
		{name: "trailers", say: func(p *peer) { p.call(1, echo); p.tell(1, "a"); p.header(1, p.fragment("-"), 3, true) }, want: answered(1, "a")},
		{name: "trailers-that-do-not-end", say: func(p *peer) { p.call(1, echo); p.tell(1, "a"); p.header(1, p.fragment("-"), 3, false) }, want: []string{resets(1, "PROTOCOL_ERROR")}},
		{name: "type-with-a-format", say: with("content-type", "application/grpc+proto"), want: answered(1, "a")},
		{name: "type-with-a-parameter", say: with("content-type", "application/grpc;charset=utf-8"), want: answered(1, "a")},
		{name: "no-compression", say: with("grpc-encoding", "identity"), want: answered(1, "a")},
		{name: "long-timeout", say: with("grpc-timeout", "99999999H"), want: answered(1, "a")},
		{name: "no-time", say: func(p *peer) { p.call(1, waits, "grpc-timeout", "0n"); p.ask(1, "a"); <-time.After(1) }, want: []string{refuses(1, 4, "context deadline exceeded")}},
		{name: "no-time-for-a-stream", say: func(p *peer) { p.call(1, waitsOn, "grpc-timeout", "0n"); p.ask(1, "a"); <-time.After(1) }, want: []string{refuses(1, 4, "context deadline exceeded")}},
		{name: "many-fields", say: with("one", strings.Repeat("a", 30<<10), "two", strings.Repeat("b", 30<<10)), want: answered(1, "a")},
		{name: "stream-that-is-over-early", say: func(p *peer) { p.call(1, "/deed.Stream/Early"); p.tell(1, "no"); p.heard(); p.ask(1, "more") }, want: nil},
		{name: "stream-that-has-enough", say: func(p *peer) { p.call(1, "/deed.Stream/Enough"); p.tell(1, "a") }, want: []string{begins(1) + " grpc-status=0 END", resets(1, "NO_ERROR")}},
	})
}

func TestCallsThatAreGivenUp(t *testing.T) {
	gives := func(p *peer, id uint32) { p.do(p.framer.WriteRSTStream(id, http2.ErrCodeCancel)) }
	checkAll(t, []exchange{
		{name: "before-a-message", say: func(p *peer) { p.call(1, echo); gives(p, 1); p.ask(1, "a") }},
		{name: "within-a-message", say: func(p *peer) {
			p.call(1, echo)
			p.data(1, false, "\x00\x00\x00")
			gives(p, 1)
			p.data(1, true, "\x00\x00")
		}},
		{name: "while-it-is-served", say: func(p *peer) { p.call(1, waits); p.ask(1, "a"); p.heard(); gives(p, 1) }},
		{name: "while-a-stream-is-served", say: func(p *peer) { p.call(1, waitsOn); p.tell(1, "a"); p.heard(); gives(p, 1); p.tell(1, "b") }},
		{name: "while-the-answer-waits", say: func(p *peer) { p.call(1, "/deed.Unary/Large"); p.ask(1, "70000"); p.heard(); gives(p, 1) }},
		{name: "while-a-message-waits", say: func(p *peer) { p.call(1, "/deed.Stream/Large"); p.tell(1, "70000"); p.heard(); gives(p, 1) }},
		{name: "when-it-is-over", say: func(p *peer) { p.call(1, echo); p.ask(1, "a"); p.heard(); gives(p, 1); gives(p, 1) }},
		{name: "refused", say: func(p *peer) { p.call(1, "/deed.Unary/Other"); p.heard(); gives(p, 1); p.ask(1, "a") }},
		{name: "window-of-one-that-is-over", say: func(p *peer) {
			p.call(1, echo)
			p.ask(1, "a")
			p.heard()
			p.do(p.framer.WriteWindowUpdate(1, 1))
			p.do(p.framer.WriteWindowUpdate(1, maxWindow))
		}},
	})
}

// TestRapidReset begins calls and gives them up (CVE-2023-44487). None of them may be left, and those that are served count.
func TestRapidReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := served(t, &deed{})
		p := greeted(t, l)
		for id := uint32(1); id < 4000; id += 2 {
			p.call(id, waits)
			if id%4 == 1 {
				p.ask(id, "a")
			}
			p.do(p.framer.WriteRSTStream(id, http2.ErrCodeCancel))
		}
		synctest.Wait()
		c := only(s)
		if len(c.calls) != 0 || c.running != 0 {
			t.Errorf("%d calls, %d served", len(c.calls), c.running)
		}
		c.running = mostCalls
		p.call(5001, echo)
		p.ask(5001, "a")
		if diff := cmp.Diff([]string{resets(5001, "REFUSED_STREAM")}, p.heard()); diff != "" {
			t.Errorf("with too many that are served: %s", diff)
		}
		c.running = 0
		p.call(5003, echo)
		p.ask(5003, "a")
		if diff := cmp.Diff(answered(5003, "a"), p.heard()); diff != "" {
			t.Error(diff)
		}
	})
}

// only returns the one connection of a server in a bubble where nothing happens.
func only(s *Server) *connection {
	for c := range s.open {
		return c
	}
	return nil
}

func TestGreetings(t *testing.T) {
	t.Parallel()
	settings := "SETTINGS 0 [INITIAL_WINDOW_SIZE = 270341] [MAX_HEADER_LIST_SIZE = 65536]"
	hello := []string{settings, "WINDOW_UPDATE 0 +2147418112"}
	frame := func(kind http2.FrameType, flags http2.Flags, id uint32, payload string) string {
		return string(appendFrame(nil, len(payload), kind, flags, id)) + payload
	}
	for _, c := range []struct {
		name, says string
		leaves     bool
		want       []string
	}{
		{name: "another-protocol", says: "GET / HTTP/1.1\r\nHost: test\r\n\r\n", want: broken("0", "PROTOCOL_ERROR")},
		{name: "another-preface", says: strings.Replace(http2.ClientPreface, "SM", "MS", 1), want: broken("0", "PROTOCOL_ERROR")},
		{name: "no-settings", says: http2.ClientPreface + frame(http2.FramePing, 0, 0, "12345678"), want: broken("0", "PROTOCOL_ERROR")},
		{name: "acknowledged-settings", says: http2.ClientPreface + frame(http2.FrameSettings, http2.FlagSettingsAck, 0, ""), want: broken("0", "PROTOCOL_ERROR")},
		{name: "frame-that-cannot-be-read", says: http2.ClientPreface + frame(http2.FrameSettings, 0, 0, "\x00"), want: broken("0", "FRAME_SIZE_ERROR")},
		{name: "padding-that-cannot-be-read", says: http2.ClientPreface + frame(http2.FrameHeaders, http2.FlagHeadersPadded, 1, "\x02"), want: broken("0", "PROTOCOL_ERROR")},
		{name: "frame-that-is-too-large", says: http2.ClientPreface + "\xff\xff\xff\x04\x00\x00\x00\x00\x00", want: broken("0", "FRAME_SIZE_ERROR")},
		{name: "nothing", want: []string{"closed"}},
		{name: "half-a-preface", says: http2.ClientPreface[:9], want: []string{"closed"}},
		{name: "preface-alone", says: http2.ClientPreface, want: []string{"closed"}},
		{name: "half-a-frame", says: http2.ClientPreface + "\x00\x00", want: []string{"closed"}},
		{name: "leaves-at-once", leaves: true, want: []string{"io: read/write on closed pipe"}},
		{name: "leaves-within-a-frame", leaves: true, says: http2.ClientPreface + frame(http2.FrameSettings, 0, 0, "") + "\x00\x00\x08", want: []string{"SETTINGS 0 ACK", "io: read/write on closed pipe"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, l := served(t, &deed{})
				p := newPeer(t, l)
				heard := p.heard()
				p.write(c.says)
				if heard = append(heard, p.heard()...); c.leaves {
					p.conn.Close()
				}
				<-p.over // Who is silent is left in the end.
				if diff := cmp.Diff(append(hello[:2:2], c.want...), append(heard, p.heard()...)); diff != "" {
					t.Error(diff)
				}
				if len(s.open) != 0 {
					t.Error("the connection is still open")
				}
			})
		})
	}
}
