package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// exchangeBound is how long one answer may take, an event stream's included.
const exchangeBound = 20 * time.Second

// connection sends requests that are ready as bytes and reads their answers in the same goroutine, so that the tool adds as
// little as it can to what it times.
type connection struct {
	net.Conn
	reader *bufio.Reader
}

// connect opens a connection to a base URL.
func connect(ctx context.Context, base string) (*connection, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return &connection{Conn: conn, reader: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// begin sends a request and returns the head of its answer, whose body has to be read to its end and closed.
func (c *connection) begin(message []byte) (*http.Response, error) {
	if err := c.SetDeadline(time.Now().Add(exchangeBound)); err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	if _, err := c.Write(message); err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, fmt.Errorf("reading an answer: %w", err)
	}
	return answer, nil
}

// ask sends a request and reports whether the agent answered it.
func (c *connection) ask(message []byte) (bool, error) {
	answer, err := c.begin(message)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	var read bytes.Buffer
	if _, err := read.ReadFrom(io.LimitReader(answer.Body, 1<<20)); err != nil {
		return false, fmt.Errorf("reading an answer: %w", err)
	}
	return hit{Code: answer.StatusCode, Body: read.Bytes()}.succeeded(), nil
}

// replayAll sends each request once, as fast as answers come on the given number of connections, and returns the run.
func replayAll(ctx context.Context, base, host string, requests []request, connections int) (run, error) {
	messages := make([][]byte, len(requests))
	for i, r := range requests {
		messages[i] = r.appendHTTP(nil, host)
	}
	var next, failed atomic.Int64
	millis := make([]float64, len(messages))
	group, within := errgroup.WithContext(ctx)
	began := time.Now()
	for range connections {
		group.Go(func() error {
			c, err := connect(within, base)
			if err != nil {
				return err
			}
			defer c.Close()
			for i := next.Add(1) - 1; i < int64(len(messages)); i = next.Add(1) - 1 {
				sent := time.Now()
				answered, err := c.ask(messages[i])
				if err != nil {
					return err
				}
				if !answered {
					failed.Add(1)
				}
				millis[i] = float64(time.Since(sent).Nanoseconds()) / 1e6
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return run{}, err
	}
	return run{
		Seconds: time.Since(began).Seconds(), Requests: len(messages) - int(failed.Load()), Failed: int(failed.Load()),
		Latency: latencyOf(millis),
	}, nil
}

// wait returns at the given moment. It sleeps only while that is far off, for timers wake late by more than what is measured.
func wait(until time.Time) {
	const early = time.Millisecond
	if left := time.Until(until); left > early {
		time.Sleep(left - early)
	}
	for time.Now().Before(until) {
	}
}
