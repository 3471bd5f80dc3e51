package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const gatewayURL = "http://127.0.0.1:10000/agents/forecast"

func signedBatch(t *testing.T, n int) []request {
	t.Helper()
	c, err := newCaller()
	if err != nil {
		t.Fatal(err)
	}
	requests, err := c.batch(gatewayURL, n, bodySize)
	if err != nil {
		t.Fatal(err)
	}
	return requests
}

func TestBatch(t *testing.T) {
	t.Parallel()
	signatures, bodies := map[string]bool{}, map[string]bool{}
	for _, r := range signedBatch(t, 20) {
		signatures[r.header.Get("Signature-Input")], bodies[string(r.body)] = true, true
		if len(r.body) != bodySize || !json.Valid(r.body) {
			t.Errorf("%d bytes: %s", len(r.body), r.body)
		}
		if r.header.Get("Signature") == "" || r.header.Get("Content-Digest") == "" {
			t.Errorf("unsigned: %v", r.header)
		}
	}
	if len(signatures) != 20 || len(bodies) != 20 {
		t.Errorf("%d signatures and %d bodies of 20 requests", len(signatures), len(bodies))
	}
}

func TestWriteRecords(t *testing.T) {
	t.Parallel()
	want := signedBatch(t, 3)
	file := t.TempDir() + "/records"
	if err := writeRecords(file, "gateway:1", want); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		size, err := strconv.Atoi(string(data[:8]))
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data[8 : 8+size])))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := got.ReadFrom(r.Body); err != nil {
			t.Fatal(err)
		}
		r.Header.Del("Content-Length")
		if r.Host != "gateway:1" || r.URL.Path != "/agents/forecast" || r.Method != http.MethodPost {
			t.Errorf("%s %s at %s", r.Method, r.URL, r.Host)
		}
		if diff := cmp.Diff(w.header, r.Header); diff != "" {
			t.Errorf("header (-want +got)\n%s", diff)
		}
		if !bytes.Equal(w.body, got.Bytes()) {
			t.Errorf("body %s", got.Bytes())
		}
		data = data[8+size:]
	}
	if len(data) != 0 {
		t.Errorf("%d bytes are left", len(data))
	}
}

func TestWriteTargets(t *testing.T) {
	t.Parallel()
	requests := signedBatch(t, 2)
	file := t.TempDir() + "/targets"
	if err := writeTargets(file, "http://elsewhere:2", "gateway:1", requests); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	for _, r := range requests {
		var got attackTarget
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(err)
		}
		want := attackTarget{Method: "POST", URL: "http://elsewhere:2/agents/forecast", Body: r.body, Header: r.header.Clone()}
		want.Header.Set("Host", "gateway:1")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("target (-want +got)\n%s", diff)
		}
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	for _, method := range []string{sendMessage, streamMessage} {
		for _, size := range []int{bodySize, 16 << 10, 256 << 10} {
			got := body(method, 7, size)
			var message struct{ Method string }
			if err := json.Unmarshal(got, &message); err != nil || len(got) != size || message.Method != method {
				t.Errorf("%s of %d bytes: %d bytes, method %q, error %v", method, size, len(got), message.Method, err)
			}
		}
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, body string
		status     int
	}{
		{"message", string(body(sendMessage, 7, bodySize)), http.StatusOK},
		{"other-form", `{"id":"1","jsonrpc":"2.0"}`, http.StatusBadRequest},
		{"open-id", requestHead + "1", http.StatusBadRequest},
		{"empty", "", http.StatusBadRequest},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			answer(w, httptest.NewRequest(http.MethodPost, "/rpc", bytes.NewReader([]byte(c.body))))
			if w.Code != c.status {
				t.Fatalf("status %d, want %d", w.Code, c.status)
			}
			if c.status != http.StatusOK {
				return
			}
			var got struct {
				ID     string          `json:"id"`
				Result json.RawMessage `json:"result"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.ID != fmt.Sprintf("%012d", 7) || got.Result == nil {
				t.Errorf("%s: %v", w.Body, err)
			}
			if !(hit{Code: w.Code, Body: w.Body.Bytes()}).succeeded() {
				t.Error("the answer counts as a failure")
			}
		})
	}
}
