package envoyrpc

import (
	"bufio"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
)

// initialWindow is what a client may send of a call at first.
const initialWindow = largest + prefixSize + slack

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

func TestMessagesThatFillTheWindow(t *testing.T) {
	t.Parallel()
	for name, padding := range map[string]int{"plain": 0, "padded": 255} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, l := served(t, &deed{})
				p := greeted(t, l, http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxWindow})
				p.do(p.framer.WriteWindowUpdate(0, maxWindow-defaultWindow))
				p.call(1, "/deed.Stream/Chat")
				budget := initialWindow
				for _, size := range []int{largest / 2, largest, 1, 70 << 10, largest} {
					for octets := message(strings.Repeat("x", size)); len(octets) > 0; {
						n, filler := min(len(octets), 300), []byte(nil)
						if budget -= n; padding > 0 {
							budget -= padding + 1
							filler = make([]byte, padding)
						}
						if budget < 0 {
							t.Fatalf("there is no window for a message of %d octets", size)
						}
						p.do(p.framer.WriteDataPadded(1, false, []byte(octets[:n]), filler))
						octets = octets[n:]
						budget += p.opened(1)
					}
				}
				if got, want := p.received(), largest/2+largest+1+70<<10+largest+5*prefixSize; got != want {
					t.Errorf("%d octets came back, not %d", got, want)
				}
			})
		})
	}
}

func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		say  func(p *peer, f *http2.Framer, id uint32) error
	}{
		{"refused-calls", func(p *peer, f *http2.Framer, id uint32) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.fragment("/deed.Unary/Other"), EndHeaders: true})
		}},
		{"calls", func(p *peer, f *http2.Framer, id uint32) error {
			return errors.Join(
				f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.fragment("/deed.Unary/Fail"), EndHeaders: true}),
				f.WriteData(id, true, []byte(message("3 "+strings.Repeat("%", mostMessage)))),
			)
		}},
		{"pings", func(_ *peer, f *http2.Framer, _ uint32) error { return f.WritePing(false, [8]byte{}) }},
		{"settings", func(_ *peer, f *http2.Framer, _ uint32) error { return f.WriteSettings() }},
		{"resets", func(p *peer, f *http2.Framer, id uint32) error {
			return errors.Join(
				f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.fragment("/deed.Stream/Wait"), EndHeaders: true}),
				f.WriteRawFrame(http2.FrameWindowUpdate, 0, id, []byte("\x7f\xff\xff\xff")),
			)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, l := served(t, &deed{})
				p := greeted(t, l)
				p.deafen()
				defer p.listens()
				p.call(1, "/deed.Unary/Echo")
				p.ask(1, "a")
				synctest.Wait()
				cut := make(chan struct{})
				go func() {
					defer close(cut)
					f := http2.NewFramer(bufio.NewWriterSize(p.conn, readBuffer), nil)
					f.AllowIllegalWrites = true
					for id := uint32(3); c.say(p, f, id) == nil; id += 2 {
						if id > 400_000 {
							t.Error("the server takes whatever it is told")
							return
						}
					}
				}()
				synctest.Wait()
				for c := range s.open {
					c.out.mu.Lock()
					if len(c.out.pending) > 16*mostPending {
						t.Errorf("%d octets are kept for a client that does not read", len(c.out.pending))
					}
					c.out.mu.Unlock()
				}
				other := greeted(t, l)
				other.call(1, "/deed.Unary/Echo")
				other.ask(1, "a")
				if diff := cmp.Diff([]string{begins(1), says(1, "a"), succeeds(1)}, other.heard()); diff != "" {
					t.Error(diff)
				}
				<-cut
			})
		})
	}
}
