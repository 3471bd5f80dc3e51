package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// requestTimeout bounds each request, in addition to its context.
	requestTimeout = 5 * time.Second
	reconnectWait  = 250 * time.Millisecond
	maxReplicas    = 5
)

// NATSConfig says where the state is kept. Exactly one of URL and Dir is set.
type NATSConfig struct {
	// URL of the cluster, or several with commas between; the scheme tls:// asks for TLS. The cluster needs
	// NATS 2.11 or later with JetStream, and sync_interval: always for the durability that Bucket promises.
	// Empty runs an embedded server, which listens nowhere.
	URL string
	// Dir is the data directory of the embedded server. It is locked while the store is open (file nats.lock).
	Dir string
	// Replicas of each bucket in the cluster, 1 to 5; 0 means 1. A bucket that has fewer is raised, one that
	// has more is left alone. The embedded server has 1.
	Replicas int
	// Credentials is the path of a NATS credentials file.
	Credentials string
	// CAFile, CertFile and KeyFile are paths of PEM files for TLS: the roots that sign the cluster's
	// certificates (empty: the system's), and the client's certificate and key (both or neither).
	CAFile, CertFile, KeyFile string
	// Logger gets the connection's and the embedded server's log. Nil discards it.
	Logger *slog.Logger
}

// Validate returns all problems at once.
func (c NATSConfig) Validate() error {
	var problems []error
	if (c.URL == "") == (c.Dir == "") {
		problems = append(problems, errors.New("set either the cluster's URL or a data directory"))
	}
	if c.Replicas < 0 || c.Replicas > maxReplicas {
		problems = append(problems, fmt.Errorf("replicas is %d: use 1 to %d", c.Replicas, maxReplicas))
	}
	if c.URL == "" && c.Replicas > 1 {
		problems = append(problems, errors.New("the embedded store has one replica: set the URL of a cluster for more"))
	}
	if c.URL == "" && (c.Credentials != "" || c.CAFile != "" || c.CertFile != "" || c.KeyFile != "") {
		problems = append(problems, errors.New("credentials and TLS files are for a cluster: set its URL"))
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		problems = append(problems, errors.New("a client certificate needs its key: set both files or neither"))
	}
	if _, err := hosts(c.URL); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// hosts returns the URL's hosts for messages; user names, passwords and tokens stay out of them.
func hosts(urls string) (string, error) {
	if urls == "" {
		return "", nil
	}
	var names []string
	for one := range strings.SplitSeq(urls, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		parsed, err := url.Parse(one)
		if err != nil || parsed.Host == "" {
			return "", errors.New("the cluster's URL is not of the form nats://host:port")
		}
		names = append(names, parsed.Host)
	}
	return strings.Join(names, ", "), nil
}

// NATS is a Store over JetStream key-value buckets. Its revisions are sequence numbers of the bucket's stream.
// A call waits five seconds for an answer at most; Bucket tries three times.
type NATS struct {
	log      *slog.Logger
	place    string
	replicas int
	engine   *engine // nil for a cluster
	conn     *nats.Conn
	js       jetstream.JetStream
	push     nats.JetStreamContext
	watches  sync.WaitGroup

	// open ends with Close; writable, its child, also when the embedded server stopped to write.
	open     context.Context
	end      context.CancelCauseFunc
	writable context.Context
	seal     context.CancelCauseFunc

	// opening is held by the one call that may create a bucket: a cluster can leave all but one of several
	// requests for the same stream unanswered.
	opening chan struct{}

	mu      sync.Mutex
	closed  bool
	buckets map[string]*natsBucket
	// session ends with the connection: what was missed during a break is not worth guessing.
	session context.Context
	cut     context.CancelCauseFunc
}

var (
	_ Store  = (*NATS)(nil)
	_ Bucket = (*natsBucket)(nil)
)

// OpenNATS starts the embedded server or connects to the cluster, and checks that JetStream answers. The
// context bounds this call alone. Errors that are not about the configuration wrap ErrUnavailable.
func OpenNATS(ctx context.Context, config NATSConfig) (*NATS, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	s := &NATS{
		log: config.Logger, replicas: max(config.Replicas, 1), opening: make(chan struct{}, 1), buckets: map[string]*natsBucket{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.open, s.end = context.WithCancelCause(context.Background())
	s.writable, s.seal = context.WithCancelCause(s.open)
	s.session, s.cut = context.WithCancelCause(s.open)
	if err := s.start(ctx, config); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *NATS) start(ctx context.Context, config NATSConfig) error {
	options := s.options(ctx)
	if config.URL == "" {
		s.place = "in " + config.Dir
		engine, err := startEngine(config.Dir, s.log, func(err error) { s.seal(err) })
		if err != nil {
			return err
		}
		s.engine = engine
		options = append(options, nats.InProcessServer(engine))
	} else {
		names, _ := hosts(config.URL)
		s.place = "at " + names
		options = append(options, clusterOptions(config)...)
	}
	conn, err := nats.Connect(config.URL, options...)
	if err != nil {
		return fmt.Errorf("%w: connecting to the store %s: %w; see that it runs and accepts this client", ErrUnavailable, s.place, err)
	}
	s.conn = conn
	if s.js, err = jetstream.New(conn, jetstream.WithDefaultTimeout(requestTimeout)); err != nil {
		return fmt.Errorf("%w: opening JetStream: %w", ErrUnavailable, err)
	}
	if s.push, err = conn.JetStream(nats.MaxWait(requestTimeout)); err != nil {
		return fmt.Errorf("%w: opening JetStream: %w", ErrUnavailable, err)
	}
	account, err := s.js.AccountInfo(ctx)
	if err != nil {
		return fmt.Errorf("%w: asking for JetStream %s: %w; see that JetStream is enabled for this account", ErrUnavailable, s.place, err)
	}
	if account.API.Level < 1 {
		return fmt.Errorf("%w: the NATS server %s is too old: expiry of keys needs 2.11 or later", ErrUnavailable, s.place)
	}
	return nil
}

func (s *NATS) options(ctx context.Context) []nats.Option {
	timeout := requestTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline))
	}
	return []nats.Option{
		nats.Name("ringfence"),
		nats.Timeout(max(timeout, time.Millisecond)),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		// A write must fail while the connection is down, not wait in a buffer and happen later.
		nats.ReconnectBufSize(-1),
		nats.NoCallbacksAfterClientClose(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			s.log.LogAttrs(context.Background(), slog.LevelWarn, "store connection lost", slog.Any("error", err))
			s.renewSession()
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			s.log.LogAttrs(context.Background(), slog.LevelInfo, "store connection restored")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.log.LogAttrs(context.Background(), slog.LevelWarn, "store connection error", slog.Any("error", err))
		}),
	}
}

func clusterOptions(config NATSConfig) []nats.Option {
	var options []nats.Option
	if config.Credentials != "" {
		options = append(options, nats.UserCredentials(config.Credentials))
	}
	if config.CAFile != "" {
		options = append(options, nats.RootCAs(config.CAFile))
	}
	if config.CertFile != "" {
		options = append(options, nats.ClientCert(config.CertFile, config.KeyFile))
	}
	return options
}

func (s *NATS) renewSession() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut(errDisconnected)
	s.session, s.cut = context.WithCancelCause(s.open)
}

// Healthy checks the connection, the disk of the embedded server, and that every bucket opened so far has a
// server that answers for it.
func (s *NATS) Healthy(ctx context.Context) error {
	ctx, release, err := s.begin(ctx, s.writable)
	if err != nil {
		return err
	}
	defer release()
	if s.engine != nil {
		if err := s.engine.room(); err != nil {
			return err
		}
		if err := s.engine.healthy(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	buckets := slices.Collect(maps.Values(s.buckets))
	s.mu.Unlock()
	if _, err := s.js.AccountInfo(ctx); err != nil {
		return s.failure(ctx, "asking the store "+s.place, err)
	}
	for _, b := range buckets {
		if _, err := b.stream.Info(ctx); err != nil {
			return b.failure(ctx, "asking the store "+s.place, err)
		}
	}
	return nil
}

// Close ends watches and calls under way, then the connection, then the embedded server, which writes out
// what it holds.
func (s *NATS) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.end(errClosed)
	s.watches.Wait()
	if s.conn != nil {
		s.conn.Close()
	}
	if s.engine == nil {
		return nil
	}
	if err := s.engine.halt(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}
