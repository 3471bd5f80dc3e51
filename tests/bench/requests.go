package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// bodySize is the size of every request's body in bytes.
const bodySize = 1024

// requestHead begins every body; the request's id follows.
const requestHead = `{"jsonrpc":"2.0","id":"`

// prose fills the messages: ordinary words, as agents exchange them.
const prose = "Please look up the forecast for the coming days and tell me whether the walk along the river can take place. " +
	"Seven people have said that they would like to come, two of them with children, so the path should be dry and the wind " +
	"not too strong. The meeting point is the old station at half past nine, and the return is planned before the evening. " +
	"If the weather turns, the museum near the bridge has a room that was kept free for us until noon, with space for lunch. " +
	"Also compare the temperatures with those of last week, because some of the guests arrive from further south and asked " +
	"what they ought to bring. A short answer with one line for each day will do, together with the source of the figures. "

// caller is an agent that calls through the gateway.
type caller struct {
	signer identity.Signer
	did    string
	// issued counts the requests made, so that no two are alike.
	issued atomic.Uint64
}

func newCaller() (*caller, error) {
	private, err := identity.NewKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	public, _ := private.Public().(ed25519.PublicKey)
	key := agent.NewKey(public)
	return &caller{did: key.DID, signer: identity.Signer{
		Key: private, KeyID: key.IDs()[0], Now: time.Now, Random: bufio.NewReader(rand.Reader),
	}}, nil
}

// body returns a SendMessage request of exactly [bodySize] bytes. Id and text depend on n.
func body(n uint64) []byte {
	id := fmt.Sprintf("%012d", n)
	head := requestHead + id + `","method":"SendMessage","params":{"message":{"messageId":"` + id +
		`","role":"ROLE_USER","parts":[{"text":"Request ` + id + `. `
	const tail = `"}]}}}`
	text := strings.Repeat(prose, 2)[:bodySize-len(head)-len(tail)]
	return []byte(head + text + tail)
}

// request is one signed request: its header without Host and Content-Length, and its body.
type request struct {
	header http.Header
	body   []byte
}

// sign returns a fresh request to url.
func (c *caller) sign(signer identity.Signer, url string) (request, error) {
	r := request{body: body(c.issued.Add(1)), header: http.Header{
		"Content-Type": {"application/json"},
		"A2a-Version":  {"1.0"},
	}}
	added, err := signer.Headers(http.MethodPost, url, r.header, r.body)
	if err != nil {
		return request{}, err
	}
	for name, values := range added {
		r.header[name] = values
	}
	return r, nil
}

// batch returns n fresh requests to url, signed on all cores.
func (c *caller) batch(url string, n int) ([]request, error) {
	requests := make([]request, n)
	var group errgroup.Group
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() (err error) {
			signer := c.signer
			signer.Random = bufio.NewReader(rand.Reader) // the caller's own is for one goroutine
			for i := w; i < n && err == nil; i += workers {
				requests[i], err = c.sign(signer, url)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("signing a batch: %w", err)
	}
	return requests, nil
}

// writeRecords writes requests to host and path as replay.lua reads them.
func writeRecords(file, host, path string, requests []request) error {
	var message []byte
	return writeFile(file, func(out *bufio.Writer) error {
		for _, r := range requests {
			message = r.appendHTTP(message[:0], host, path)
			if _, err := fmt.Fprintf(out, "%08d", len(message)); err != nil {
				return err
			}
			if _, err := out.Write(message); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r request) appendHTTP(b []byte, host, path string) []byte {
	b = append(b, "POST "+path+" HTTP/1.1\r\nHost: "+host+"\r\n"...)
	for name, values := range r.header {
		for _, value := range values {
			b = append(b, name+": "+value+"\r\n"...)
		}
	}
	b = append(b, "Content-Length: "+strconv.Itoa(len(r.body))+"\r\n\r\n"...)
	return append(b, r.body...)
}

// target is one request in vegeta's JSON format.
type target struct {
	Method string      `json:"method"`
	URL    string      `json:"url"`
	Body   []byte      `json:"body"`
	Header http.Header `json:"header"`
}

// writeTargets writes requests as vegeta reads them, sent to url under the Host they were signed for.
func writeTargets(file, url, host string, requests []request) error {
	return writeFile(file, func(out *bufio.Writer) error {
		encoder := json.NewEncoder(out)
		for _, r := range requests {
			header := r.header.Clone()
			header.Set("Host", host)
			if err := encoder.Encode(target{Method: http.MethodPost, URL: url, Body: r.body, Header: header}); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeFile(path string, write func(*bufio.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing requests: %w", err)
	}
	defer file.Close()
	out := bufio.NewWriterSize(file, 1<<20)
	if err := write(out); err != nil {
		return fmt.Errorf("writing requests: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing requests: %w", err)
	}
	return file.Close()
}
