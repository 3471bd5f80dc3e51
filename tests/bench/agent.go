package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// agentCommand makes this program be the agent.
const agentCommand = "agent"

// An agent's answer is these around the request's id.
const (
	answerHead = `{"jsonrpc":"2.0","id":"`
	answerTail = `","result":{"message":{"messageId":"answer","role":"ROLE_AGENT","parts":[{"text":"Tomorrow: 21 °C, light rain in the afternoon."}]}}}`
)

// streamHead follows the id of a request that is answered with a stream.
const streamHead = `","method":"` + streamMessage + `"`

// serveAgent answers every request of [body]'s form with a JSON-RPC result, or with a stream of them, until its standard
// input closes, which happens at the latest when the process that started it ends. It prints its URL first.
func serveAgent() error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("starting the agent: %w", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	fmt.Println("http://" + listener.Addr().String())
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// answer reads the whole request but parses none of it: the agent should cost little. What has no body is answered with a
// body that says nothing.
func answer(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
		return
	}
	buffer, _ := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	if _, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, 1<<20)); err != nil {
		http.Error(w, "unreadable body", http.StatusBadRequest)
		return
	}
	rest, ok := bytes.CutPrefix(buffer.Bytes(), []byte(requestHead))
	id, _, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !closed {
		http.Error(w, "unexpected body", http.StatusBadRequest)
		return
	}
	if bytes.HasPrefix(rest[len(id):], []byte(streamHead)) {
		stream(w, id)
		return
	}
	reply := make([]byte, 0, len(answerHead)+len(id)+len(answerTail))
	reply = append(append(append(reply, answerHead...), id...), answerTail...)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(reply)
}

// stream sends events with pauses between them. How late a timer wakes does not matter: each event tells when it was written.
func stream(w http.ResponseWriter, id []byte) {
	id = bytes.Clone(id) // it stands in a buffer that others use next
	w.Header().Set("Content-Type", "text/event-stream")
	flusher, _ := w.(http.Flusher)
	for n := range streamEvents {
		if n > 0 {
			time.Sleep(eventGap)
		}
		if _, err := w.Write(event(id, n, time.Now())); err != nil {
			return
		}
		flusher.Flush()
	}
}
