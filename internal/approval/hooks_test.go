package approval

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/store"
)

var hookSecret = []byte("0123456789abcdef0123456789abcdef")

// receiver is somebody's server that hooks tell.
type receiver struct {
	*httptest.Server
	tb testing.TB

	mu     sync.Mutex
	status int
	got    []received
	news   chan received
}

type received struct {
	header http.Header
	body   []byte
}

func newReceiver(tb testing.TB) *receiver {
	r := &receiver{tb: tb, status: http.StatusNoContent, news: make(chan received, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, received{q.Header, body})
		select {
		case r.news <- received{q.Header, body}:
		default: // nobody waits for as many
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(r.status)
	}))
	tb.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// take returns what has come since the last time.
func (r *receiver) take() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// types returns the types of the events, without what all begin with.
func types(tb testing.TB, got []received) []string {
	tb.Helper()
	var types []string
	for _, one := range got {
		var e event
		if err := json.Unmarshal(one.body, &e); err != nil {
			tb.Fatal(err)
		}
		types = append(types, strings.TrimPrefix(e.Type, EventType))
	}
	return types
}

// openHooks returns the hooks of one more process, and what makes a round of it.
func openHooks(tb testing.TB, d *desk, notices store.Bucket, hooks ...Hook) (*Hooks, func()) {
	tb.Helper()
	l := d.open()
	h, err := OpenHooks(tb.Context(), HooksConfig{
		Ledger: l, Bucket: notices, Hooks: hooks, Source: "https://mesh.example", Now: d.now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(h.Close)
	return h, func() {
		tb.Helper()
		for bucket, await := range map[store.Bucket]func(context.Context, uint64) error{d.bucket: l.mirror.Await, notices: h.mirror.Await} {
			revision, err := bucket.Put(tb.Context(), "mark", []byte("{}"))
			if err == nil {
				err = await(tb.Context(), revision)
			}
			if err != nil {
				tb.Fatal(err)
			}
		}
		for _, hook := range hooks {
			h.round(tb.Context(), hook)
		}
	}
}

func noticesOf(tb testing.TB, d *desk) store.Bucket {
	tb.Helper()
	memory := store.NewMemory(d.now)
	tb.Cleanup(func() { memory.Close() })
	bucket, err := memory.Bucket(tb.Context(), NoticesBucketName)
	if err != nil {
		tb.Fatal(err)
	}
	return bucket
}

func TestEventsAreTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	r := newReceiver(t)
	_, round := openHooks(t, d, noticesOf(t, d), Hook{r.URL, hookSecret})
	l := d.open()
	first := d.asks(l, payment(t, "a"))
	d.add(time.Minute)
	d.grants(l, first)
	d.asks(l, payment(t, "a"))
	round()
	got := r.take()
	if diff := cmp.Diff([]string{"requested", "granted", "consumed"}, types(t, got)); diff != "" {
		t.Fatalf("told\n%s", diff)
	}
	round()
	if again := r.take(); len(again) > 0 {
		t.Errorf("told again: %v", types(t, again))
	}
	// What was granted is told as it was then, though it has been used since.
	var e event
	if err := json.Unmarshal(got[1].body, &e); err != nil {
		t.Fatal(err)
	}
	id := strings.ReplaceAll(first.ID, ".", "-") + "-granted"
	if e.ID != id || e.Subject != first.ID || e.Source != "https://mesh.example" || e.Version != "1.0" || !e.Time.Equal(noon.Add(time.Minute)) ||
		e.Data.State != Granted || len(e.Data.Votes) != 2 || len(e.Data.History) != 2 {
		t.Errorf("told of the grant: %+v", e)
	}
	e = event{}
	if err := json.Unmarshal(got[0].body, &e); err != nil || e.Data.State != Pending || len(e.Data.Votes) != 0 || e.Data.Requirements[0].Approved != 0 {
		t.Errorf("told of the request: %+v, %v", e, err)
	}
	header := got[1].header
	mac := hmac.New(sha256.New, hookSecret)
	mac.Write([]byte(id + "." + header.Get("Webhook-Timestamp") + "." + string(got[1].body)))
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); header.Get("Webhook-Signature") != want || header.Get("Webhook-Id") != id ||
		header.Get("Content-Type") != "application/cloudevents+json" {
		t.Errorf("the fields are %v", header)
	}
}

func TestEveryKindOfEvent(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	r := newReceiver(t)
	_, round := openHooks(t, d, noticesOf(t, d), Hook{r.URL, hookSecret})
	l := d.open()
	denied := d.asks(l, payment(t, "denied"))
	if _, err := d.votes(l, "ada", denied, Deny); err != nil {
		t.Fatal(err)
	}
	round()
	if diff := cmp.Diff([]string{"requested", "denied"}, types(t, r.take())); diff != "" {
		t.Errorf("told\n%s", diff)
	}
	if _, err := l.Cancel(t.Context(), d.asks(l, payment(t, "withdrawn")).ID, "administrator", d.now()); err != nil {
		t.Fatal(err)
	}
	round()
	if diff := cmp.Diff([]string{"requested", "withdrawn"}, types(t, r.take())); diff != "" {
		t.Errorf("told\n%s", diff)
	}
	d.asks(l, payment(t, "expired"))
	round()
	d.add(hour)
	settled(t, d, l)
	l.Sweep(t.Context(), d.now())
	round()
	if diff := cmp.Diff([]string{"requested", "expired"}, types(t, r.take())); diff != "" {
		t.Errorf("told\n%s", diff)
	}
}

// TestFailedEventsAreToldAgain holds that an event that did not arrive is sent again, later each time, the same bytes
// under the same id, and that what follows it waits.
func TestFailedEventsAreToldAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	r := newReceiver(t)
	notices := noticesOf(t, d)
	_, round := openHooks(t, d, notices, Hook{r.URL, hookSecret})
	l := d.open()
	for _, status := range []int{500, 302, 307, 404} {
		r.answer(status)
		if status == 500 {
			d.grants(l, d.asks(l, payment(t, "a")))
		}
		round()
		round()
		got := r.take()
		if diff := cmp.Diff([]string{"requested"}, types(t, got)); diff != "" {
			t.Fatalf("with %d answered, sent\n%s", status, diff)
		}
		d.add(10 * time.Minute)
	}
	// Another process goes on where the first one ended.
	_, elsewhere := openHooks(t, d, notices, Hook{r.URL, hookSecret})
	r.answer(200)
	elsewhere()
	if diff := cmp.Diff([]string{"requested", "granted"}, types(t, r.take())); diff != "" {
		t.Errorf("sent in the end\n%s", diff)
	}
	round()
	if again := r.take(); len(again) > 0 {
		t.Errorf("sent again: %v", types(t, again))
	}
}

func TestOldEventsAreNotTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	r := newReceiver(t)
	_, round := openHooks(t, d, noticesOf(t, d), Hook{r.URL, hookSecret})
	d.asks(d.open(), payment(t, "a"))
	d.add(Horizon + time.Second)
	round()
	if got := r.take(); len(got) > 0 {
		t.Errorf("told: %v", types(t, got))
	}
}

// TestOneProcessSends holds that of several processes that make their rounds at the same time one sends an event.
func TestOneProcessSends(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	r := newReceiver(t)
	notices := noticesOf(t, d)
	d.asks(d.open(), payment(t, "a"))
	var rounds sync.WaitGroup
	for range 4 {
		_, round := openHooks(t, d, notices, Hook{r.URL, hookSecret})
		rounds.Go(round)
	}
	rounds.Wait()
	if got := types(t, r.take()); len(got) != 1 {
		t.Errorf("sent: %v", got)
	}
}

func TestRunTellsOfChanges(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	r, other := newReceiver(t), newReceiver(t)
	h, _ := openHooks(t, d, noticesOf(t, d), Hook{r.URL, hookSecret}, Hook{other.URL, hookSecret})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Run(ctx)
	}()
	l := d.open()
	for _, name := range []string{"a", "b"} {
		a := d.asks(l, payment(t, name))
		for _, place := range []*receiver{r, other} {
			if got := <-place.news; !strings.Contains(string(got.body), a.ID) {
				t.Errorf("told of something else: %s", got.body)
			}
		}
	}
	cancel()
	<-done
}

func TestCheckHooks(t *testing.T) {
	t.Parallel()
	if err := CheckHooks([]Hook{{"https://hooks.example/a?b=c", hookSecret}, {"http://127.0.0.1:9/", hookSecret}, {"http://[::1]/", hookSecret}}); err != nil {
		t.Errorf("good ones: %v", err)
	}
	for name, hook := range map[string]Hook{
		"zero":         {},
		"http":         {"http://hooks.example/", hookSecret},
		"user":         {"https://user:pw@hooks.example/", hookSecret},
		"fragment":     {"https://hooks.example/#a", hookSecret},
		"file":         {"file:///etc/passwd", hookSecret},
		"no-host":      {"https:///a", hookSecret},
		"short-secret": {"https://hooks.example/", hookSecret[:23]},
		"long-secret":  {"https://hooks.example/", make([]byte, 65)},
	} {
		if err := CheckHooks([]Hook{hook}); err == nil || !strings.Contains(err.Error(), "hooks[0].") || strings.Contains(err.Error(), "pw@") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CheckHooks([]Hook{{"https://a.example/", hookSecret}, {"https://a.example/", hookSecret}}); err == nil {
		t.Error("one twice is accepted")
	}
	text := secretPrefix + base64.StdEncoding.EncodeToString(hookSecret)
	if secret, err := ParseSecret(text + "\n"); err != nil || string(secret) != string(hookSecret) {
		t.Errorf("ParseSecret() = %q, %v", secret, err)
	}
	for _, bad := range []string{"", "whsec_", "whsec_!", text[6:], "whsec_" + base64.StdEncoding.EncodeToString(hookSecret[:9]), string(hookSecret)} {
		if secret, err := ParseSecret(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) && len(bad) > 8 {
			t.Errorf("ParseSecret(%q) = %q, %v", bad, secret, err)
		}
	}
}

// TestUnreachableHooksAreTriedOnce holds that a round ends where the hook gives no answer: a hook that is down costs one
// attempt, however much there is to tell. One that refuses an event is told of the others.
func TestUnreachableHooksAreTriedOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	r, notices := newReceiver(t), noticesOf(t, d)
	var log strings.Builder
	h, round := openHooks(t, d, notices, Hook{r.URL, hookSecret})
	h.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	l := d.open()
	for _, name := range []string{"a", "b", "c"} {
		d.asks(l, payment(t, name))
	}
	reach := h.client.Transport
	h.client.Transport = unreachable{}
	round()
	if tried := strings.Count(log.String(), "was not delivered"); tried != 1 || !strings.Contains(log.String(), errUnreached.Error()) {
		t.Errorf("tried %d times:\n%s", tried, log.String())
	}
	h.client.Transport = reach
	r.answer(http.StatusBadRequest)
	d.add(firstClaim)
	round()
	if got := r.take(); len(got) != 3 {
		t.Errorf("told of %d, all of which are refused", len(got))
	}
}

// unreachable is a network without anybody.
type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}
