package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// bodySize is the size of an ordinary request's body in bytes.
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

// The methods that are called.
const (
	sendMessage   = "SendMessage"
	streamMessage = "SendStreamingMessage"
)

// body returns a request of exactly size bytes. Id and text depend on n.
func body(method string, n uint64, size int) []byte {
	id := fmt.Sprintf("%012d", n)
	head := requestHead + id + `","method":"` + method + `","params":{"message":{"messageId":"` + id +
		`","role":"ROLE_USER","parts":[{"text":"Request ` + id + `. `
	const tail = `"}]}}}`
	text := make([]byte, 0, size)
	text = append(text, head...)
	for end := size - len(tail); len(text) < end; {
		text = append(text, prose[:min(len(prose), end-len(text))]...)
	}
	return append(text, tail...)
}

// request is one request: its method and path, its header without Host and Content-Length, and its body.
type request struct {
	method string
	path   string
	header http.Header
	body   []byte
}

// sign returns a fresh message of size bytes to url.
func (c *caller) sign(signer identity.Signer, url string, size int) (request, error) {
	return c.signed(signer, url, body(sendMessage, c.issued.Add(1), size))
}

func (c *caller) signed(signer identity.Signer, target string, body []byte) (request, error) {
	where, err := url.Parse(target)
	if err != nil {
		return request{}, fmt.Errorf("signing: %w", err)
	}
	r := request{method: http.MethodPost, path: where.Path, body: body, header: http.Header{
		"Content-Type": {"application/json"},
		"A2a-Version":  {"1.0"},
	}}
	added, err := signer.Headers(http.MethodPost, target, r.header, r.body)
	if err != nil {
		return request{}, err
	}
	for name, values := range added {
		r.header[name] = values
	}
	return r, nil
}

// batch returns n fresh messages of size bytes to url, signed on all cores.
func (c *caller) batch(url string, n, size int) ([]request, error) {
	return signAll(n, func(int) (*caller, string) { return c, url }, size)
}

// signAll returns n fresh messages of size bytes, each by the caller and to the URL that of names, signed on all cores.
func signAll(n int, of func(i int) (*caller, string), size int) ([]request, error) {
	requests := make([]request, n)
	var group errgroup.Group
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() (err error) {
			random := bufio.NewReader(rand.Reader) // a caller's own is for one goroutine
			for i := w; i < n && err == nil; i += workers {
				c, url := of(i)
				signer := c.signer
				signer.Random = random
				requests[i], err = c.sign(signer, url, size)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("signing a batch: %w", err)
	}
	return requests, nil
}

// writeRecords writes requests to host as replay.lua reads them.
func writeRecords(file, host string, requests []request) error {
	var message []byte
	return writeFile(file, func(out *bufio.Writer) error {
		for _, r := range requests {
			message = r.appendHTTP(message[:0], host)
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

func (r request) appendHTTP(b []byte, host string) []byte {
	b = append(b, r.method+" "+r.path+" HTTP/1.1\r\nHost: "+host+"\r\n"...)
	for name, values := range r.header {
		for _, value := range values {
			b = append(b, name+": "+value+"\r\n"...)
		}
	}
	b = append(b, "Content-Length: "+strconv.Itoa(len(r.body))+"\r\n\r\n"...)
	return append(b, r.body...)
}

// attackTarget is one request in vegeta's JSON format.
type attackTarget struct {
	Method string      `json:"method"`
	URL    string      `json:"url"`
	Body   []byte      `json:"body"`
	Header http.Header `json:"header"`
}

// writeTargets writes requests as vegeta reads them, sent to the base URL under the Host they were signed for.
func writeTargets(file, base, host string, requests []request) error {
	return writeFile(file, func(out *bufio.Writer) error {
		encoder := json.NewEncoder(out)
		for _, r := range requests {
			header := r.header.Clone()
			header.Set("Host", host)
			if err := encoder.Encode(attackTarget{Method: r.method, URL: base + r.path, Body: r.body, Header: header}); err != nil {
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
