package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/fx"

	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/store"
)

// Files in the data directory.
const (
	tokenFile     = "token"
	storeDir      = "store"
	envoyDir      = "envoy"
	decisionsFile = "decisions.jsonl"
	// governorSocket is below the data directory unless its path would be too long.
	governorSocket = "governor.sock"
	cardKeyFile    = "card-key.pem"
)

func newLogger(c config.Config) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return nil, fmt.Errorf("setting the log level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
}

func newMetrics() (*prometheus.Registry, prometheus.Registerer) {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r, r
}

// lockedDir is the data directory, held by this process alone.
type lockedDir string

func newDataDir(lifecycle fx.Lifecycle, c config.Config) (lockedDir, error) {
	lock, err := store.LockDir(c.DataDir)
	if err != nil {
		return "", err
	}
	lifecycle.Append(fx.StopHook(lock.Close))
	return lockedDir(c.DataDir), nil
}

func newStore(lifecycle fx.Lifecycle, c config.Config, dir lockedDir, logger *slog.Logger) (store.Store, error) {
	settings := store.NATSConfig{URL: c.Store.URL, Credentials: c.Store.CredentialsFile, Replicas: c.Store.Replicas, Logger: logger}
	if c.Store.URL == "" {
		settings.Dir = filepath.Join(string(dir), storeDir)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s, err := store.OpenNATS(ctx, settings)
	if err != nil {
		return nil, err
	}
	lifecycle.Append(fx.StopHook(s.Close))
	return s, nil
}

// gatherDecisions is how long a decision may wait for others to be logged with.
const gatherDecisions = 10 * time.Millisecond

func newTrail(lifecycle fx.Lifecycle, c config.Config, dir lockedDir, logger *slog.Logger, metrics prometheus.Registerer) (*audit.Trail, error) {
	out, closing, err := openDecisions(c.Audit.File, string(dir))
	if err != nil {
		return nil, err
	}
	trail := audit.NewTrail(audit.TrailConfig{Out: out, Recent: c.Audit.Recent, Queue: 1 << 14, Gather: gatherDecisions, Logger: logger})
	metrics.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "ringfence_decision_records_dropped_total", Help: "Decision records that found the queue full.",
		}, func() float64 { dropped, _ := trail.Lost(); return float64(dropped) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "ringfence_decision_records_failed_total", Help: "Decision records that could not be written.",
		}, func() float64 { _, failed := trail.Lost(); return float64(failed) }))
	lifecycle.Append(fx.StopHook(func() error {
		if err := trail.Close(); err != nil {
			return err
		}
		return closing()
	}))
	return trail, nil
}

func openDecisions(file, dir string) (out io.Writer, closing func() error, err error) {
	nothing := func() error { return nil }
	switch file {
	case "none":
		return nil, nothing, nil
	case "-":
		return os.Stdout, nothing, nil
	case "":
		file = filepath.Join(dir, decisionsFile)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the decision log (audit.file names another): %w", err)
	}
	return f, f.Close, nil
}

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newDecisionID returns 80 random bits: short enough to read out, too many to guess or repeat.
func newDecisionID() string {
	var random [10]byte
	rand.Read(random[:]) //nolint:errcheck // never fails: crypto/rand ends the process instead
	id := [18]byte{'d', '-'}
	idEncoding.Encode(id[2:], random[:])
	return string(id[:])
}

// decisionMetrics counts decisions.
type decisionMetrics struct {
	decisions *prometheus.CounterVec
	allowed   prometheus.Counter // that of decisions for what most requests come to
	shadows   *prometheus.CounterVec
	seconds   prometheus.Histogram
}

func newDecisionMetrics(r prometheus.Registerer) *decisionMetrics {
	m := &decisionMetrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringfence_decisions_total", Help: "Decisions on requests, and on answers that were denied or in which something was found, by deciding factor and reason.",
		}, []string{"decision", "factor", "reason"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ringfence_decision_seconds", Help: "Time from the first header to the verdict, waiting for the body included.",
			Buckets: prometheus.ExponentialBuckets(0.00005, 2, 16),
		}),
	}
	m.shadows = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ringfence_policy_shadow_total", Help: "What policies in shadow mode would have refused.",
	}, []string{"policy", "reason"})
	m.allowed = m.decisions.WithLabelValues(governance.Allow.String(), "", "")
	r.MustRegister(m.decisions, m.seconds, m.shadows)
	return m
}

func (m *decisionMetrics) count(r audit.Record) {
	if r.Decision == governance.Allow.String() && r.Factor == "" && r.Reason == "" {
		m.allowed.Inc()
	} else {
		m.decisions.WithLabelValues(r.Decision, r.Factor, r.Reason).Inc()
	}
	for _, s := range r.Shadows {
		m.shadows.WithLabelValues(s.Policy, s.Reason).Inc()
	}
	// An answer takes as long as the agent does.
	if r.Phase != audit.AnswerPhase {
		m.seconds.Observe(r.Took.Seconds())
	}
}
