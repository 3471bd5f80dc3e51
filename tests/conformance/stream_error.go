package conformance

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// plainErrors turns a stream that begins with an error into a plain answer: nothing was streamed, so clients can be
// told as for every other call. The SDK has sent its headers by then and can only stream the error.
func plainErrors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		held := &heldStream{ResponseWriter: w}
		next.ServeHTTP(held, r)
		held.release()
	})
}

// heldStream holds the headers and the first event of a stream back until it knows whether the event is an error.
type heldStream struct {
	http.ResponseWriter
	status int
	first  bytes.Buffer
	passed bool // nothing is held any more
}

// Unwrap lets http.ResponseController reach the connection.
func (h *heldStream) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (h *heldStream) WriteHeader(status int) {
	if h.status = status; !strings.HasPrefix(h.Header().Get("Content-Type"), "text/event-stream") {
		h.pass()
	}
}

// Write implements http.ResponseWriter.
func (h *heldStream) Write(p []byte) (int, error) {
	if h.status == 0 {
		h.WriteHeader(http.StatusOK)
	}
	if h.passed {
		return h.ResponseWriter.Write(p)
	}
	return h.first.Write(p)
}

// Flush implements http.Flusher. The SDK flushes after each event.
func (h *heldStream) Flush() {
	if !h.passed {
		h.release()
	}
	http.NewResponseController(h.ResponseWriter).Flush() //nolint:errcheck // the client has gone
}

// release sends what is held: as a plain answer when it is an error, else as the beginning of the stream.
func (h *heldStream) release() {
	if h.passed || h.status == 0 {
		return
	}
	if status, body, ok := streamedError(h.first.Bytes()); ok {
		header := h.Header()
		header.Set("Content-Type", "application/json")
		header.Del("Cache-Control")
		header.Del("X-Accel-Buffering")
		h.status = status
		h.first.Reset()
		h.first.Write(body)
	}
	h.pass()
}

func (h *heldStream) pass() {
	h.passed = true
	h.ResponseWriter.WriteHeader(h.status)
	h.ResponseWriter.Write(h.first.Bytes()) //nolint:errcheck // the client has gone
}

// streamedError returns the error that an event carries, and its HTTP status: JSON-RPC errors come with 200, those
// of HTTP+JSON with the code they name.
func streamedError(event []byte) (int, []byte, bool) {
	_, data, ok := bytes.Cut(event, []byte("data: "))
	if !ok {
		return 0, nil, false
	}
	data = bytes.TrimRight(data, "\n")
	var answer struct {
		JSONRPC string `json:"jsonrpc"`
		Error   *struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	switch {
	case json.Unmarshal(data, &answer) != nil || answer.Error == nil:
		return 0, nil, false
	case answer.JSONRPC != "":
		return http.StatusOK, data, true
	case answer.Error.Code < 400 || answer.Error.Code > 599:
		return http.StatusInternalServerError, data, true
	}
	return answer.Error.Code, data, true
}
