package api_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// watcher reads one event stream.
type watcher struct {
	t      *testing.T
	cancel context.CancelFunc
	lines  *bufio.Scanner
}

func watch(t *testing.T, url string) (*watcher, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return &watcher{t, cancel, bufio.NewScanner(answer.Body)}, answer
}

// next returns the next event or comment as one line, or "end".
func (w *watcher) next() string {
	var parts []string
	for w.lines.Scan() {
		line := w.lines.Text()
		if line == "" {
			return strings.Join(parts, " ")
		}
		parts = append(parts, strings.TrimPrefix(strings.TrimPrefix(line, "event: "), "data: "))
	}
	return "end"
}

func (w *watcher) expect(want ...string) {
	w.t.Helper()
	for _, line := range want {
		same(w.t, "event", line, w.next())
	}
}

func revision(tag string) string { return strings.Trim(tag, `"`) }

func TestWatch(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	b, a := f.register(t, body("b", "")), f.register(t, body("a", ""))
	w, answer := watch(t, server.URL)
	same(t, "content type", "text/event-stream", answer.Header.Get("Content-Type"))
	same(t, "caching", "no-store", answer.Header.Get("Cache-Control"))
	w.expect(
		`registered {"name":"a","revision":`+revision(a)+`}`,
		`registered {"name":"b","revision":`+revision(b)+`}`,
		`synced {"revision":`+revision(a)+`}`,
	)
	c := f.register(t, body("c", ""))
	w.expect(`registered {"name":"c","revision":` + revision(c) + `}`)
	replaced := f.do(t, request{method: "PUT", path: "/v1/agents/a", body: body("a", "")}).Header.Get("ETag")
	w.expect(`replaced {"name":"a","revision":` + revision(replaced) + `}`)
	f.do(t, request{method: "DELETE", path: "/v1/agents/b"})
	w.expect(fmt.Sprintf(`deleted {"name":"b","revision":%d}`, f.registry.Snapshot().Revision()))
	f.ticks <- time.Time{}
	w.expect(": keep-alive")
	f.server.Close()
	w.expect("end")
}

func TestWatchersAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	first, _ := watch(t, server.URL)
	second, _ := watch(t, server.URL)
	first.expect(`synced {"revision":0}`)
	second.expect(`synced {"revision":0}`)
	_, refused := watch(t, server.URL)
	same(t, "third", []string{"503"}, refusals(t, refused))
	same(t, "retry", "2", refused.Header.Get("Retry-After"))
	first.cancel()
	for {
		// The server learns of the departure in its own time; only the number of tries is unknown.
		w, answer := watch(t, server.URL)
		if answer.StatusCode == http.StatusOK {
			w.expect(`synced {"revision":0}`)
			break
		}
		same(t, "while the place is taken", http.StatusServiceUnavailable, answer.StatusCode)
	}
	f.registry.Close()
	second.expect("end")
}
