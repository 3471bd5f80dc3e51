package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// streamEvents is how many events a stream has, and eventGap how far apart the agent sends them.
	streamEvents = 20
	eventGap     = 10 * time.Millisecond
	// streamStart is how far apart streams are begun.
	streamStart = 25 * time.Millisecond
)

// streamed is what one side did with event streams in one round.
type streamed struct {
	Side    side `json:"side"`
	Round   int  `json:"round"`
	Streams int  `json:"streams"`
	Events  int  `json:"events"`
	// Failed are events that did not arrive, those of streams that were refused included.
	Failed int `json:"failed"`
	// First is from the moment at which a stream was to begin to its first event; Event from the moment before the agent
	// wrote an event to that at which the client had read it.
	First latency `json:"firstEventMillis"`
	Event latency `json:"eventMillis"`
	// CPU is the CPU time of each process over the run, in microseconds.
	CPU map[string]float64 `json:"cpuMicros"`
}

type streams []streamed

// of returns one number of each run of a side.
func (ss streams) of(s side, number func(streamed) float64) []float64 {
	var list []float64
	for _, one := range ss {
		if one.Side == s {
			list = append(list, number(one))
		}
	}
	return list
}

// perEvent returns the CPU time of a process per event in microseconds.
func (s streamed) perEvent(process string) float64 { return s.CPU[process] / float64(max(1, s.Events)) }

// measureStreams has all sides take turns.
func measureStreams(ctx context.Context, b *bench, p plan, r *results) (err error) {
	r.Streams, err = b.stream(ctx, p, b.targets(allShapes(p)))
	return err
}

// stream has targets take turns at event streams that begin at a constant rate.
func (b *bench) stream(ctx context.Context, p plan, targets []target) (streams, error) {
	var all streams
	first := 1
	if p.warmup {
		first = 0 // it does not count
	}
	for round := first; round <= p.rounds; round++ {
		count := max(1, int(p.streamed/streamStart))
		messages := make([][]byte, count)
		for i := range messages {
			signed, err := b.caller.signed(b.caller.signer, b.url(callee), body(streamMessage, b.caller.issued.Add(1), bodySize))
			if err != nil {
				return nil, err
			}
			messages[i] = signed.appendHTTP(nil, b.host())
		}
		for _, t := range targets {
			done, err := streamOnce(ctx, t, messages)
			if err != nil {
				return nil, fmt.Errorf("streams, round %d: %w", round, err)
			}
			if done.Round = round; round == 0 {
				continue
			}
			fmt.Printf("%-20s %d: %d streams, %d events, failed %d; first event p50 %.2f ms, p99 %.2f ms; event p50 %.3f ms, p99 %.2f ms\n",
				t.side, round, done.Streams, done.Events, done.Failed, done.First.P50, done.First.P99, done.Event.P50, done.Event.P99)
			all = append(all, done)
		}
	}
	return all, nil
}

// arrivals are when the events of streams came, in milliseconds after they were due.
type arrivals struct {
	sync.Mutex
	first, events []float64
}

// streamOnce begins a stream for each message, in turn and far enough apart.
func streamOnce(ctx context.Context, t target, messages [][]byte) (streamed, error) {
	var seen arrivals
	cost, err := t.watch(ctx, func() error {
		group, within := errgroup.WithContext(ctx)
		began := time.Now().Add(10 * time.Millisecond)
		for i, message := range messages {
			c, err := connect(within, t.url)
			if err != nil {
				return err
			}
			due := began.Add(time.Duration(i) * streamStart)
			wait(due)
			group.Go(func() error {
				defer c.Close()
				return seen.follow(c, message, due)
			})
		}
		return group.Wait()
	})
	if err != nil {
		return streamed{}, err
	}
	return streamed{
		Side: t.side, Streams: len(messages), Events: len(seen.events), Failed: len(messages)*streamEvents - len(seen.events),
		First: latencyOf(seen.first), Event: latencyOf(seen.events), CPU: cost.cpu,
	}, nil
}

// follow sends a request and reads its stream to the end.
func (a *arrivals) follow(c *connection, message []byte, due time.Time) error {
	answer, err := c.begin(message)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil // its events count as failed
	}
	var first float64
	events := make([]float64, 0, streamEvents)
	lines := bufio.NewReaderSize(answer.Body, 4<<10)
	for {
		line, err := lines.ReadSlice('\n')
		now := time.Now()
		if sent, ok := sentAt(line); ok {
			if len(events) == 0 {
				first = float64(now.Sub(due).Nanoseconds()) / 1e6
			}
			events = append(events, float64(now.UnixMicro()-sent)/1e3)
		}
		if err != nil {
			break
		}
	}
	a.Lock()
	defer a.Unlock()
	if len(events) > 0 {
		a.first = append(a.first, first)
	}
	a.events = append(a.events, events...)
	return nil
}

// sentMember precedes the moment at which the agent wrote an event, in microseconds of Unix time.
const sentMember = `"sentMicros":`

// sentAt returns when the agent wrote the event of a line.
func sentAt(line []byte) (int64, bool) {
	_, after, ok := bytes.Cut(line, []byte(sentMember))
	if !ok {
		return 0, false
	}
	digits, _, _ := bytes.Cut(after, []byte("}"))
	sent, err := strconv.ParseInt(string(digits), 10, 64)
	return sent, err == nil
}

// event returns the n-th event of a stream, with the moment at which it is written.
func event(id []byte, n int, now time.Time) []byte {
	return fmt.Appendf(nil, `data: {"jsonrpc":"2.0","id":"%s","result":{"artifactUpdate":{"taskId":"task-%s","contextId":"context-%s",`+
		`"append":%t,"lastChunk":%t,"artifact":{"artifactId":"forecast","parts":[{"text":"Day %d: 21 °C, light rain. "}]},`+
		`"metadata":{%s%d}}}}`+"\n\n", id, id, id, n > 0, n == streamEvents-1, n, sentMember, now.UnixMicro())
}
