package store_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/store/storetest"
)

func TestConfigProblems(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		config store.NATSConfig
		want   []string
	}{
		{"zero", store.NATSConfig{}, []string{"URL or a data directory"}},
		{"both", store.NATSConfig{URL: "nats://a:1", Dir: "d"}, []string{"URL or a data directory"}},
		{"replicas-negative", store.NATSConfig{URL: "nats://a:1", Replicas: -1}, []string{"replicas is -1"}},
		{"replicas-many", store.NATSConfig{URL: "nats://a:1", Replicas: 6}, []string{"replicas is 6"}},
		{"replicas-embedded", store.NATSConfig{Dir: "d", Replicas: 3}, []string{"one replica"}},
		{"credentials-embedded", store.NATSConfig{Dir: "d", Credentials: "c"}, []string{"are for a cluster"}},
		{"certificate-alone", store.NATSConfig{URL: "tls://a:1", CertFile: "c"}, []string{"needs its key"}},
		{"url", store.NATSConfig{URL: "nats://a:1,://secret@"}, []string{"form nats://host:port"}},
		{"several", store.NATSConfig{Dir: "d", Replicas: 9, KeyFile: "k"}, []string{"replicas is 9", "one replica", "are for a cluster", "needs its key"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := store.OpenNATS(t.Context(), c.config)
			if err == nil {
				t.Fatal("OpenNATS() = nil")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q repeats the URL", err)
			}
		})
	}
	for _, good := range []store.NATSConfig{{Dir: "d"}, {URL: "a:1, tls://b:2", Replicas: 5, CertFile: "c", KeyFile: "k"}} {
		if err := good.Validate(); err != nil {
			t.Errorf("Validate(%+v) = %v", good, err)
		}
	}
}

func TestClusterThatRefuses(t *testing.T) {
	t.Parallel()
	secured := storetest.StartServer(t, &server.Options{StoreDir: t.TempDir(), Username: "mesh", Password: "right-password"})
	plain := storetest.StartServer(t, &server.Options{StoreDir: t.TempDir()})
	stopped := storetest.StartServer(t, &server.Options{StoreDir: t.TempDir()})
	stopped.Shutdown()
	stopped.WaitForShutdown()
	address := func(srv *server.Server) string { return strings.TrimPrefix(srv.ClientURL(), "nats://") }
	cases := []struct {
		name   string
		config store.NATSConfig
		want   string
	}{
		{"wrong-password", store.NATSConfig{URL: "nats://mesh:wrong-password@" + address(secured)}, "Authorization"},
		{"nobody-there", store.NATSConfig{URL: "nats://mesh:wrong-password@" + address(stopped)}, "see that it runs"},
		{"no-tls", store.NATSConfig{URL: "tls://mesh:wrong-password@" + address(plain)}, "secure connection"},
		{"missing-credentials", store.NATSConfig{URL: plain.ClientURL(), Credentials: "/nonexistent.creds"}, "/nonexistent.creds"},
		{"missing-roots", store.NATSConfig{URL: plain.ClientURL(), CAFile: "/nonexistent.pem"}, "/nonexistent.pem"},
	}
	for _, c := range cases {
		_, err := store.OpenNATS(t.Context(), c.config)
		wantSentence(t, err, store.ErrUnavailable, c.want, "127.0.0.1")
		if err != nil && strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("%s: error %q repeats the password", c.name, err)
		}
	}
	good := &url.URL{Scheme: "nats", User: url.UserPassword("mesh", "right-password"), Host: address(secured)}
	s := openURL(t, good.String(), 1)
	if err := s.Healthy(t.Context()); err != nil {
		t.Errorf("Healthy() = %v", err)
	}
}

// awaiting is a log handler that tells when a message is logged, so that no test has to poll.
type awaiting struct {
	slog.Handler
	message string
	seen    chan struct{}
}

func (a awaiting) Handle(_ context.Context, record slog.Record) error {
	if record.Message == a.message {
		a.seen <- struct{}{}
	}
	return nil
}

func TestConnectionLostAndRestored(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	srv := storetest.StartServer(t, &server.Options{StoreDir: dir, SyncAlways: true})
	restored := awaiting{Handler: slog.NewTextHandler(&bytes.Buffer{}, nil), message: "store connection restored", seen: make(chan struct{}, 1)}
	s, err := store.OpenNATS(ctx, store.NATSConfig{URL: srv.ClientURL(), Logger: slog.New(restored)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := openBucket(t, s)
	revision, err := b.Put(ctx, "a", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	events, err := b.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(t, srv)
	srv.Shutdown()
	srv.WaitForShutdown()
	for range events {
	}
	// The watch ends when the loss is known, so from here on every call has to fail at once.
	results := map[string]error{"Healthy": s.Healthy(ctx), "Delete": b.Delete(ctx, "a", 0)}
	_, results["Put"] = b.Put(ctx, "a", []byte("2"))
	_, results["Get"] = b.Get(ctx, "a")
	_, results["Watch"] = b.Watch(ctx)
	_, results["Bucket"] = s.Bucket(ctx, "new")
	for call, err := range results {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s without a connection = %v, want %v", call, err, store.ErrUnavailable)
		}
	}
	storetest.StartServer(t, &server.Options{StoreDir: dir, SyncAlways: true, Port: port})
	<-restored.seen
	if err := s.Healthy(ctx); err != nil {
		t.Errorf("Healthy() after the return = %v", err)
	}
	if _, err := b.CompareAndSet(ctx, "a", []byte("2"), revision); err != nil {
		t.Errorf("CompareAndSet() after the return = %v; a failed write must not happen later", err)
	}
	events, err = b.Watch(ctx)
	if err != nil {
		t.Fatalf("Watch() after the return = %v", err)
	}
	if got := <-events; got.Key != "a" || string(got.Value) != "2" {
		t.Errorf("event %+v after the return, want a = 2", got)
	}
}

func portOf(t *testing.T, srv *server.Server) int {
	t.Helper()
	address, err := url.Parse(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// recording collects what is logged above debug.
type recording struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *recording) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(line)
}

func TestEmbeddedIsQuiet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := &recording{}
	for range 2 {
		s, err := store.OpenNATS(t.Context(), store.NATSConfig{Dir: dir, Logger: slog.New(slog.NewTextHandler(log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		b := openBucket(t, s)
		if _, err := b.Create(t.Context(), strconv.FormatInt(time.Now().UnixNano(), 10), nil, time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Watch(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := log.text.String(); got != "" {
		t.Errorf("a plain start and stop logged:\n%s", got)
	}
}
