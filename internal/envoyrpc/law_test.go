package envoyrpc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
)

// TestCallsInAnyOrder has a client say things of several calls in an order by chance, while they are served, and then no more. In
// the end every call has ended, or has not been asked for as a whole, and succeeded only where its handler did.
func TestCallsInAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var ended outcomes
				s, l := served(t, &deed{over: ended.over})
				p := greeted(t, l, window(1000))
				p.do(p.framer.WriteWindowUpdate(0, 1<<30))
				whole := ramble(p, rand.New(rand.NewPCG(seed, seed)))
				p.do(p.framer.WriteSettings(window(1 << 20)))
				notes := p.heard()
				for _, id := range whole {
					if !slices.ContainsFunc(notes, func(note string) bool {
						return strings.HasPrefix(note, fmt.Sprintf("HEADERS %d ", id)) && strings.HasSuffix(note, " END")
					}) {
						t.Errorf("call %d has not ended", id)
					}
				}
				if c := only(s); c == nil || c.running != 0 {
					t.Error("something is still served")
				}
				p.conn.Close()
				<-p.over
				checkNotes(t, append(notes, p.heard()...), ended.success)
			})
		})
	}
}

// ramble says what chance has it say, and returns the calls that were asked for as a whole and not given up.
func ramble(p *peer, chance *rand.Rand) (whole []uint32) {
	paths := []string{echo, "/deed.Unary/Large", "/deed.Unary/Fail", "/deed.Unary/Panic", chat, "/deed.Stream/Collect", "/deed.Stream/Large", "/deed.Stream/Early"}
	texts := []string{"", "3 a", "2000", "100000", strings.Repeat("x", 40_000)}
	var open []uint32
	next := uint32(1)
	for range 400 {
		if len(open) < 8 {
			p.call(next, paths[chance.IntN(len(paths))])
			open = append(open, next)
			next += 2
		}
		at := chance.IntN(len(open))
		id, text := open[at], texts[chance.IntN(len(texts))]
		switch chance.IntN(10) {
		case 0, 1, 2:
			p.ask(id, text)
			whole, open = append(whole, id), slices.Delete(open, at, at+1)
		case 3:
			p.tell(id, text)
		case 4:
			p.do(p.framer.WriteRSTStream(id, http2.ErrCodeCancel))
			open = slices.Delete(open, at, at+1)
		case 5:
			p.do(p.framer.WriteWindowUpdate(id, 1+chance.Uint32N(5000)))
		case 6:
			p.do(p.framer.WriteSettings(window(chance.Uint32N(3000))))
		case 7:
			p.do(p.framer.WriteDataPadded(id, false, nil, make([]byte, chance.IntN(256))))
		case 8:
			if len(whole) > 0 {
				// It may be over, or wait for a window.
				at := chance.IntN(len(whole))
				p.do(p.framer.WriteRSTStream(whole[at], http2.ErrCodeCancel))
				whole = slices.Delete(whole, at, at+1)
			}
		case 9:
			p.do(p.framer.WritePing(false, [8]byte{}))
		}
	}
	for _, id := range open {
		p.do(p.framer.WriteRSTStream(id, http2.ErrCodeCancel))
	}
	return whole
}
