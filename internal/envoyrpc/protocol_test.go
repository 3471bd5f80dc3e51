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
