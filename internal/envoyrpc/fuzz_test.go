package envoyrpc

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// spoken is what a peer says that is not connected, as octets.
func spoken(say func(*peer)) []byte {
	b := &bytes.Buffer{}
	p := &peer{t: &testing.T{}, framer: http2.NewFramer(b, nil)}
	p.framer.AllowIllegalWrites = true
	p.fields = hpack.NewEncoder(&p.block)
	p.do(p.framer.WriteSettings())
	say(p)
	return b.Bytes()
}

// FuzzConnection has a client say anything. Whatever it says, no goroutine is left (which testing/synctest finds), what the
// server says can be read, and a call succeeds only where its handler did.
func FuzzConnection(f *testing.F) {
	for _, method := range []string{"Unary/Echo", "Unary/Large", "Unary/Fail", "Unary/Panic", "Unary/Wait", "Unary/Nothing", "Stream/Chat", "Stream/Collect", "Stream/Early", "Stream/Large", "Stream/Wait"} {
		f.Add(spoken(func(p *peer) { p.call(1, "/deed."+method); p.ask(1, "70000") }))
		f.Add(spoken(func(p *peer) {
			p.call(1, "/deed."+method, "grpc-timeout", "1S")
			p.tell(1, "5 a")
			p.do(p.framer.WriteRSTStream(1, http2.ErrCodeCancel))
			p.call(3, "/deed."+method)
			p.ask(3, "100000")
			p.do(p.framer.WriteWindowUpdate(3, 100_000))
			p.do(p.framer.WriteWindowUpdate(0, 100_000))
		}))
	}
	f.Add(spoken(func(p *peer) {
		p.do(p.framer.WriteSettings(window(3), http2.Setting{ID: http2.SettingHeaderTableSize}))
		p.header(1, p.fragment(chat), 1, false)
		p.data(1, false, message("a")+message("b"))
		p.do(p.framer.WriteDataPadded(1, false, []byte("\x00\x00"), make([]byte, 3)))
		p.do(p.framer.WriteSettings(window(1)))
		p.do(p.framer.WritePing(false, [8]byte{}))
		p.header(1, p.fragment("-"), 100, true)
		p.do(p.framer.WriteGoAway(1, 0, nil))
	}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, said []byte) {
		synctest.Test(t, func(t *testing.T) {
			var ended outcomes
			s, l := served(t, &deed{over: ended.over})
			p := newPeer(t, l)
			p.write(http2.ClientPreface + string(said))
			notes := p.heard()
			for c := range s.open {
				if kept, most := keeps(c), 16*len(said)+16*mostPending; kept > most {
					t.Errorf("%d octets are kept of %d", kept, len(said))
				}
			}
			p.conn.Close()
			<-p.over
			checkNotes(t, append(notes, p.heard()...), ended.success)
		})
	})
}

// keeps is how many octets a connection keeps of what was said and is to be said.
func keeps(c *connection) int {
	sum := cap(c.out.pending) + cap(c.out.spare)
	for _, one := range c.calls {
		sum += kept(&one.assembly) + 16*cap(one.messages)
		for _, message := range one.messages {
			sum += message.Len()
		}
	}
	return sum
}

// checkNotes checks what was heard of a server of which some calls succeeded.
func checkNotes(t *testing.T, notes []string, succeeded func(id uint32) bool) {
	t.Helper()
	over := map[uint32]bool{}
	for i, note := range notes {
		var kind string
		var id uint32
		if n, _ := fmt.Sscanf(note, "%s %d", &kind, &id); n < 2 || kind == "GOAWAY" || id == 0 {
			if note == "closed" || note == "io: read/write on closed pipe" {
				if i+1 < len(notes) {
					t.Errorf("%q after the end", notes[i+1:])
				}
			} else if n < 2 || kind == "io:" {
				t.Errorf("what was said cannot be read: %s", note)
			}
			continue
		}
		if kind != "RST_STREAM" && over[id] {
			t.Errorf("said after its end: %s", note)
		}
		over[id] = over[id] || strings.HasSuffix(note, " END") || kind == "RST_STREAM"
		if strings.Contains(note, " grpc-status=0") && !succeeded(id) {
			t.Errorf("success of a call without a decision: %s", note)
		}
	}
}
