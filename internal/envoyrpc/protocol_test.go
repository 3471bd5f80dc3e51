package envoyrpc

import (
	"strings"
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
				p.header(1, p.fragment("-"), defaultFrame, true)
			},
			want: []string{resets(1, "STREAM_CLOSED")},
		},
	})
}

func TestRefusals(t *testing.T) {
	internal, unimplemented := 13, 12
	ask := func(path, octets string, fields ...string) func(*peer) {
		return func(p *peer) {
			p.call(1, path, fields...)
			p.data(1, true, octets)
		}
	}
	whole := func(path string, fields ...string) func(*peer) {
		return func(p *peer) {
			p.header(1, p.fragment(path, fields...), defaultFrame, true)
		}
	}
	const echo, chat = "/deed.Unary/Echo", "/deed.Stream/Chat"
	open := func(code int, text string) []string { return []string{refuses(1, code, text), resets(1, "NO_ERROR")} }
	over := func(code int, text string) []string { return []string{refuses(1, code, text)} }
	checkAll(t, []exchange{
		{name: "unknown-method", say: ask("/deed.Unary/Other", message("a")), want: open(unimplemented, "there is no such method")},
		{name: "unknown-method-without-more", say: whole("/deed.Unary/Other"), want: over(unimplemented, "there is no such method")},
		{name: "no-path", say: ask("-", message("a")), want: open(unimplemented, "there is no such method")},
		{name: "two-paths", say: func(p *peer) { p.header(1, append([]byte{0x84}, p.fragment(echo)...), defaultFrame, true) }, want: over(internal, "the header is ambiguous")},
		{name: "two-verbs", say: func(p *peer) { p.header(1, append(p.fragment(echo), 0x83), defaultFrame, true) }, want: over(internal, "the header is ambiguous")},
		{name: "another-verb", say: ask(echo, message("a"), ":method", "GET"), want: open(internal, "the request is no gRPC call")},
		{name: "no-verb", say: whole(echo, ":method", "-"), want: over(internal, "the request is no gRPC call")},
		{name: "another-type", say: ask(echo, message("a"), "content-type", "application/grpcx"), want: open(internal, "the request is no gRPC call")},
		{name: "compression", say: ask(echo, message("a"), "grpc-encoding", "gzip"), want: open(unimplemented, "messages must not be compressed")},
		{name: "compressed-message", say: ask(echo, "\x01\x00\x00\x00\x01a"), want: over(internal, "a compressed message of a call without compression")},
		{name: "no-message", say: ask(echo, ""), want: over(internal, errNumberText)},
		{name: "no-message-without-more", say: whole(echo), want: over(internal, errNumberText)},
		{name: "two-messages", say: ask(echo, message("a")+message("b")), want: over(internal, errNumberText)},
		{name: "part-of-a-prefix", say: ask(echo, "\x00\x00"), want: over(internal, "the call ended within a message")},
		{name: "part-of-a-message", say: ask(echo, "\x00\x00\x00\x00\x02a"), want: over(internal, "the call ended within a message")},
		{name: "message-and-a-part", say: ask(echo, message("a")+"\x00"), want: over(internal, "the call ended within a message")},
		{name: "part-of-a-message-of-a-stream", say: ask(chat, "\x00\x00\x00\x00\x02a"), want: over(internal, "the call ended within a message")},
		{name: "message-and-a-part-of-a-stream", say: ask("/deed.Stream/Wait", message("a")+"\x00"), want: over(internal, "the call ended within a message")},
		{name: "too-large", say: ask(echo, "\x00\x00\x03\x20\x01"), want: over(8, "the message is too large")},
		{name: "far-too-large", say: ask(chat, "\x00\xff\xff\xff\xff"), want: over(8, "the message is too large")},
		{
			name: "too-large-with-more-to-come",
			say:  func(p *peer) { p.call(1, echo); p.data(1, false, "\x00\x00\x03\x20\x01abc"); p.data(1, true, "more") },
			want: open(8, "the message is too large"),
		},
		{
			name: "too-large-after-a-message",
			say: func(p *peer) {
				p.call(1, "/deed.Stream/Wait")
				p.tell(1, "a")
				p.data(1, false, "\x00\x00\x03\x20\x01abc")
			},
			want: open(8, "the message is too large"),
		},
		{name: "unreadable", say: ask(echo, message("unreadable")), want: over(internal, "reading the message: it is unreadable")},
		{name: "timeout-without-unit", say: ask(echo, message("a"), "grpc-timeout", "12"), want: open(internal, "grpc-timeout is malformed")},
		{name: "timeout-without-number", say: ask(echo, message("a"), "grpc-timeout", "S"), want: open(internal, "grpc-timeout is malformed")},
		{name: "timeout-of-nine-digits", say: ask(echo, message("a"), "grpc-timeout", "123456789S"), want: open(internal, "grpc-timeout is malformed")},
		{name: "negative-timeout", say: ask(echo, message("a"), "grpc-timeout", "-1S"), want: open(internal, "grpc-timeout is malformed")},
		{name: "timeout-of-an-unknown-unit", say: ask(echo, message("a"), "grpc-timeout", "1d"), want: open(internal, "grpc-timeout is malformed")},
		{name: "large-header", say: ask(echo, message("a"), "one", strings.Repeat("a", 60<<10), "two", strings.Repeat("\xff", 5<<10)), want: open(internal, "the header is too large")},
	})
}

func TestBrokenConnections(t *testing.T) {
	frame := func(kind http2.FrameType, flags http2.Flags, id uint32, payload string) func(*peer) {
		return func(p *peer) { p.do(p.framer.WriteRawFrame(kind, flags, id, []byte(payload))) }
	}
	called := func(then func(*peer)) func(*peer) {
		return func(p *peer) {
			p.call(3, "/deed.Stream/Wait")
			p.tell(3, "a")
			then(p)
		}
	}
	endless := func(size int) func(*peer) {
		return func(p *peer) {
			p.do(p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.fragment("/deed.Unary/Echo")}))
			for range 10_000 {
				if p.framer.WriteContinuation(1, false, make([]byte, size)) != nil {
					return
				}
			}
		}
	}
	const protocol, flow, compression, size = "PROTOCOL_ERROR", "FLOW_CONTROL_ERROR", "COMPRESSION_ERROR", "FRAME_SIZE_ERROR"
	checkAll(t, []exchange{
		{name: "header-of-an-even-call", say: func(p *peer) { p.call(2, "/deed.Unary/Echo") }, want: broken("0", protocol)},
		{name: "header-of-a-lower-even-call", say: called(func(p *peer) { p.call(2, "/deed.Unary/Echo") }), want: broken("3", protocol)},
		{name: "header-of-no-call", say: frame(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 0, "\x82"), want: broken("0", protocol)},
		{name: "header-that-cannot-be-read", say: frame(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), want: broken("0", compression)},
		{name: "header-that-is-cut", say: frame(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x00\x05a"), want: broken("0", compression)},
		{name: "header-with-more-padding-than-there-is", say: frame(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersPadded, 1, "\x09\x82"), want: broken("0", protocol)},
		{name: "header-of-a-call-with-more-padding-than-there-is", say: called(frame(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersPadded, 3, "\x09\x82")), want: broken("3", protocol)},
		{name: "string-that-is-too-long", say: func(p *peer) { p.call(1, "/deed.Unary/Echo", "long", strings.Repeat("a", 70_000)) }, want: broken("0", compression)},
		{name: "endless-header", say: endless(1000), want: broken("0", "ENHANCE_YOUR_CALM")},
		{name: "endless-header-of-nothing", say: endless(0), want: broken("0", "ENHANCE_YOUR_CALM")},
		{name: "continuation-of-nothing", say: frame(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, ""), want: broken("0", protocol)},
		{name: "data-of-no-call", say: frame(http2.FrameData, 0, 0, "a"), want: broken("0", protocol)},
		{name: "data-of-an-idle-call", say: frame(http2.FrameData, 0, 1, "a"), want: broken("0", protocol)},
		{name: "data-with-more-padding-than-there-is", say: called(frame(http2.FrameData, http2.FlagDataPadded, 3, "\x09a")), want: broken("3", protocol)},
		{name: "data-of-a-later-call", say: called(frame(http2.FrameData, 0, 5, "a")), want: broken("3", protocol)},
		{name: "reset-of-an-idle-call", say: frame(http2.FrameRSTStream, 0, 1, "\x00\x00\x00\x08"), want: broken("0", protocol)},
		{name: "reset-of-no-call", say: frame(http2.FrameRSTStream, 0, 0, "\x00\x00\x00\x08"), want: broken("0", protocol)},
		{name: "short-reset", say: called(frame(http2.FrameRSTStream, 0, 3, "\x00")), want: broken("3", size)},
		{name: "window-of-an-idle-call", say: frame(http2.FrameWindowUpdate, 0, 1, "\x00\x00\x00\x01"), want: broken("0", protocol)},
		{name: "window-opened-by-nothing", say: frame(http2.FrameWindowUpdate, 0, 0, "\x00\x00\x00\x00"), want: broken("0", protocol)},
		{name: "window-of-a-call-opened-by-nothing", say: called(frame(http2.FrameWindowUpdate, 0, 3, "\x00\x00\x00\x00")), want: broken("3", protocol)},
		{name: "window-overflows", say: frame(http2.FrameWindowUpdate, 0, 0, "\x7f\xff\xff\xff"), want: broken("0", flow)},
		{name: "settings-of-a-call", say: frame(http2.FrameSettings, 0, 1, ""), want: broken("0", protocol)},
		{name: "settings-of-an-odd-length", say: frame(http2.FrameSettings, 0, 0, "\x00"), want: broken("0", size)},
		{name: "settings-acknowledged-with-settings", say: frame(http2.FrameSettings, http2.FlagSettingsAck, 0, "\x00\x03\x00\x00\x00\x01"), want: broken("0", size)},
		{name: "settings-of-a-huge-window", say: frame(http2.FrameSettings, 0, 0, "\x00\x04\x80\x00\x00\x00"), want: broken("0", flow)},
		{name: "settings-of-a-small-frame", say: frame(http2.FrameSettings, 0, 0, "\x00\x05\x00\x00\x00\x01"), want: broken("0", protocol)},
		{
			name: "settings-that-have-the-window-of-a-call-overflow",
			say: called(func(p *peer) {
				p.do(p.framer.WriteWindowUpdate(3, maxWindow-defaultWindow))
				p.do(p.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: defaultWindow + 1}))
			}),
			want: broken("3", flow),
		},
		{name: "short-ping", say: frame(http2.FramePing, 0, 0, "\x00"), want: broken("0", size)},
		{name: "ping-of-a-call", say: frame(http2.FramePing, 0, 1, "12345678"), want: broken("0", protocol)},
		{name: "promise", say: called(frame(http2.FramePushPromise, http2.FlagPushPromiseEndHeaders, 3, "\x00\x00\x00\x02\x82")), want: broken("3", protocol)},
		{name: "frame-that-is-too-large", say: frame(http2.FrameData, 0, 1, strings.Repeat("a", defaultFrame+1)), want: broken("0", size)},
	})
}
