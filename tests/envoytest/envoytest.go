package envoytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"text/template"
	"time"

	"ringfence.dev/ringfence/envoy"
)

const (
	// startTimeout is far above the time a start takes, so that only a start that hangs meets it.
	startTimeout = 30 * time.Second
	// killAfter is how long Envoy may take to end when told to.
	killAfter = 3 * time.Second
	// DefaultWait bounds the waits of this package's helpers, for the same reason.
	DefaultWait = 15 * time.Second
)

// Options describe an Envoy for a test.
type Options struct {
	// Config is the bootstrap, YAML or JSON. With Values set it is a text/template that is given them.
	Config string
	// Values are the ports and addresses that Config refers to, as {{.Name}}. A name that is missing is an error.
	Values map[string]any
	// Binary is the Envoy to run; empty means [Binary].
	Binary string
	// Concurrency is the number of worker threads; zero means one.
	Concurrency int
	// LogLevel is Envoy's log level; empty means warning.
	LogLevel string
	// Args are further command line arguments.
	Args []string
}

// Envoy is an Envoy that runs for a test.
type Envoy struct {
	*envoy.Instance

	dir string
}

// Start runs Envoy until the test ends and returns when it is ready. What Envoy printed is shown if the test fails.
func Start(t testing.TB, o Options) *Envoy {
	t.Helper()
	if o.Binary == "" {
		o.Binary = Binary(t)
	}
	// Not t.Context(): it ends before the cleanup functions run, and with them the requests that they drain.
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	e, err := Launch(ctx, o)
	if err != nil {
		t.Fatalf("starting Envoy: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("stopping Envoy: %v", err)
		}
		if t.Failed() {
			t.Logf("Envoy printed:\n%s", e.Output())
		}
	})
	return e
}

// Launch is Start for a TestMain, which has no test to end with: the caller names the binary and calls [Envoy.Close].
func Launch(ctx context.Context, o Options) (*Envoy, error) {
	if o.Binary == "" {
		binary, err := findBinary()
		if err != nil {
			return nil, fmt.Errorf("finding Envoy: %w", err)
		}
		o.Binary = binary
	}
	config, err := o.render()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "envoytest-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for Envoy: %w", err)
	}
	instance, err := envoy.Start(ctx, envoy.Process{
		Binary:      o.Binary,
		Bootstrap:   config,
		Dir:         dir,
		Concurrency: max(1, o.Concurrency),
		LogLevel:    o.LogLevel,
		Args:        o.Args,
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	e := &Envoy{Instance: instance, dir: dir}
	if err := instance.Ready(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%w, having printed:\n%s", err, instance.Output()), e.Close())
	}
	return e, nil
}

// Close ends Envoy, by force when it takes long, and removes its files.
func (e *Envoy) Close() error {
	return errors.Join(e.Terminate(killAfter), os.RemoveAll(e.dir))
}

func (o Options) render() ([]byte, error) {
	if o.Values == nil {
		return []byte(o.Config), nil
	}
	parsed, err := template.New("config").Option("missingkey=error").Parse(o.Config)
	if err != nil {
		return nil, fmt.Errorf("reading the Envoy config template: %w", err)
	}
	var config bytes.Buffer
	if err := parsed.Execute(&config, o.Values); err != nil {
		return nil, fmt.Errorf("filling in the Envoy config: %w", err)
	}
	return config.Bytes(), nil
}
