package envoy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// Process describes an Envoy to run as a child of this process.
type Process struct {
	// Binary is the path of the Envoy binary, as [Find] returns it.
	Binary string
	// Bootstrap is Envoy's configuration, JSON or YAML. It must have an admin interface.
	Bootstrap []byte
	// Dir holds what Envoy needs while it runs: configuration, log, admin address. It is made when missing, and belongs
	// to one Envoy at a time.
	Dir string
	// Concurrency is the number of worker threads; zero leaves the choice to Envoy, which takes one per core.
	Concurrency int
	// LogLevel is one of trace, debug, info, warning, error, critical and off; empty means warning.
	LogLevel string
	// Args are further command line arguments.
	Args []string
	// Logger is told when Envoy starts and ends; nil tells nobody.
	Logger *slog.Logger
}

// Names of the files below [Process.Dir].
const (
	bootstrapFile    = "envoy.yaml" // JSON is YAML, and the name tells Envoy how to read it.
	adminAddressFile = "admin-address"
	logFile          = "envoy.log"
)

var logLevels = []string{"trace", "debug", "info", "warning", "error", "critical", "off"}

// Instance is a running Envoy. Its methods may be called from several goroutines.
type Instance struct {
	process Process
	cmd     *exec.Cmd
	output  *output
	admin   *Admin
	// asked is set before Envoy is told to end, so that its end is not taken for a failure.
	asked atomic.Bool
	// exited is closed when Envoy has ended; failure is set before that.
	exited  chan struct{}
	failure error
}

// Start runs Envoy and returns when it has read its configuration and opened its admin interface. The context bounds
// the start alone: a started Envoy runs until it is stopped or this process dies.
func Start(ctx context.Context, p Process) (*Instance, error) {
	p, err := p.prepared()
	if err != nil {
		return nil, err
	}
	output, err := openOutput(filepath.Join(p.Dir, logFile))
	if err != nil {
		return nil, directoryFailure(p.Dir, err)
	}
	i := &Instance{process: p, output: output, exited: make(chan struct{})}
	i.cmd = exec.Command(p.Binary, p.arguments()...) //nolint:noctx // Envoy outlives the context of its start.
	i.cmd.Stdout, i.cmd.Stderr = output, output
	i.cmd.WaitDelay = time.Second
	i.cmd.SysProcAttr = childAttributes()
	if err := i.spawn(); err != nil {
		output.close()
		return nil, fmt.Errorf("the Envoy binary %s %w: %s", p.Binary, execFailure(ctx, p.Binary, err), installAdvice)
	}
	if err := i.awaitAdmin(ctx); err != nil {
		i.asked.Store(true)
		_ = i.cmd.Process.Kill()
		<-i.exited
		return nil, err
	}
	p.Logger.InfoContext(ctx, "envoy started", slog.Int("pid", i.PID()), slog.String("admin", i.AdminAddress()))
	return i, nil
}

// prepared fills in the defaults and writes the files that Envoy reads.
func (p Process) prepared() (Process, error) {
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	if p.LogLevel == "" {
		p.LogLevel = "warning"
	}
	if !slices.Contains(logLevels, p.LogLevel) {
		return p, fmt.Errorf("%q is not a log level of Envoy: choose one of %v", p.LogLevel, logLevels)
	}
	if p.Binary == "" || p.Dir == "" || len(p.Bootstrap) == 0 || p.Concurrency < 0 {
		return p, errors.New("starting Envoy needs a binary, a directory, a bootstrap and a concurrency of at least 0")
	}
	dir, err := filepath.Abs(p.Dir)
	if err != nil {
		return p, directoryFailure(p.Dir, err)
	}
	p.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return p, directoryFailure(dir, err)
	}
	if err := os.WriteFile(filepath.Join(dir, bootstrapFile), p.Bootstrap, 0o600); err != nil {
		return p, directoryFailure(dir, err)
	}
	// An address left by an earlier run would be taken for that of this one.
	if err := os.RemoveAll(filepath.Join(dir, adminAddressFile)); err != nil {
		return p, directoryFailure(dir, err)
	}
	return p, nil
}

func (p Process) arguments() []string {
	arguments := []string{
		"--config-path", filepath.Join(p.Dir, bootstrapFile),
		"--admin-address-path", filepath.Join(p.Dir, adminAddressFile),
		"--log-level", p.LogLevel,
		// Hot restart shares memory under a number that two Envoys on one machine would fight over.
		"--disable-hot-restart",
		// A stop waits for open requests, so nothing is gained by telling clients to leave bit by bit.
		"--drain-strategy", "immediate",
	}
	if p.Concurrency > 0 {
		arguments = append(arguments, "--concurrency", strconv.Itoa(p.Concurrency))
	}
	return append(arguments, p.Args...)
}

// spawn starts the child and a goroutine that waits for its end. Linux kills the child when the thread that started
// it ends, so that goroutine keeps its thread for as long as the child lives.
func (i *Instance) spawn() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := i.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		err := i.cmd.Wait()
		if !i.asked.Load() {
			i.failure = exitFailure(err, i.output)
			i.process.Logger.Error("envoy ended by itself", slog.String("error", i.failure.Error()))
		}
		i.output.close()
		close(i.exited)
	}()
	return <-started
}

// awaitAdmin waits until Envoy has written where its admin interface listens.
func (i *Instance) awaitAdmin(ctx context.Context) error {
	err := i.poll(ctx, func() error {
		content, err := os.ReadFile(filepath.Join(i.process.Dir, adminAddressFile))
		if err != nil {
			return err
		}
		if _, port, err := net.SplitHostPort(string(bytes.TrimSpace(content))); err != nil || port == "" {
			return errors.New("the admin address is incomplete")
		}
		i.admin = NewAdmin(string(bytes.TrimSpace(content)))
		return nil
	})
	if err != nil {
		return fmt.Errorf("starting Envoy: %w", err)
	}
	return nil
}

// poll is poll, ended early by the end of Envoy.
func (i *Instance) poll(ctx context.Context, attempt func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-i.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := poll(ctx, attempt)
	select {
	case <-i.exited:
		if err != nil && i.failure != nil {
			return i.failure
		}
	default:
	}
	return err
}

// Ready waits until Envoy serves with a complete configuration, which for dynamic configuration means that the
// control plane has answered. It fails when the context or Envoy ends first.
func (i *Instance) Ready(ctx context.Context) error {
	if err := i.poll(ctx, func() error { return i.admin.Ready(ctx) }); err != nil {
		return fmt.Errorf("waiting for Envoy: %w", err)
	}
	return nil
}

// Admin returns a client of Envoy's admin interface.
func (i *Instance) Admin() *Admin { return i.admin }

// AdminAddress returns the host:port of Envoy's admin interface.
func (i *Instance) AdminAddress() string { return i.admin.address }

// ListenerAddress waits for the named listener and returns the host:port on which it listens.
func (i *Instance) ListenerAddress(ctx context.Context, name string) (string, error) {
	var address string
	err := i.poll(ctx, func() (err error) {
		address, err = i.admin.ListenerAddress(ctx, name)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("waiting for listener %q: %w", name, err)
	}
	return address, nil
}

// PID returns Envoy's process id.
func (i *Instance) PID() int { return i.cmd.Process.Pid }

// Output returns the latest of what Envoy printed, at most 128 KiB.
func (i *Instance) Output() []byte { return i.output.latest() }

// Done is closed when Envoy has ended.
func (i *Instance) Done() <-chan struct{} { return i.exited }

// Wait waits for Envoy's end. It returns nil when the end was asked for, and otherwise one sentence that says why
// Envoy ended.
func (i *Instance) Wait() error {
	<-i.exited
	return i.failure
}

// Stop ends Envoy within grace. Envoy first tells its clients to leave and finishes the requests in flight; those
// still open near the end of grace are cut. It returns an error when Envoy had to be killed.
func (i *Instance) Stop(grace time.Duration) error {
	i.asked.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	i.drain(ctx, grace-min(time.Second, grace/2))
	deadline, _ := ctx.Deadline()
	return i.Terminate(time.Until(deadline))
}

// drain returns when no request is in flight, after the bound at the latest.
func (i *Instance) drain(ctx context.Context, bound time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	if _, err := i.admin.Post(ctx, "/drain_listeners?graceful"); err != nil {
		return
	}
	_ = i.poll(ctx, func() error {
		active, err := i.admin.activeRequests(ctx)
		if err == nil && active > 0 {
			return errors.New("requests are in flight")
		}
		return nil
	})
}

// Terminate ends Envoy without regard for requests in flight, and kills it when it takes longer than within.
func (i *Instance) Terminate(within time.Duration) error {
	i.asked.Store(true)
	_ = i.cmd.Process.Signal(syscall.SIGTERM) // Fails only when Envoy has ended.
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-i.exited:
		return nil
	case <-timer.C:
	}
	_ = i.cmd.Process.Kill()
	<-i.exited
	return fmt.Errorf("the Envoy process did not end within its bound and was killed: see %s", i.output.path)
}
