package store

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// engineReserve is the free space, in bytes, below which a write is refused. The engine rewrites blocks of
	// up to 8 MiB and their index; a stream whose own write fails stays read-only until a restart, so the
	// refusal has to come first.
	engineReserve = 16 << 20
	// engineMaxStore lifts the engine's own quota, which would count against what was free at its start.
	engineMaxStore  = 1 << 50
	engineMaxMemory = 64 << 20

	engineHealthAttempts = 100
)

// engine is the embedded NATS server: no listener, one directory, every write synced.
type engine struct {
	server  *server.Server
	lock    *DirLock
	dir     string
	reserve uint64
	watch   sync.WaitGroup
	stop    context.CancelFunc
}

// startEngine calls broken at most once, when the engine has stopped to accept writes for good.
func startEngine(dir string, logger *slog.Logger, broken func(error)) (*engine, error) {
	lock, err := lockDir(dir, "nats.lock")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	e := &engine{lock: lock, dir: dir, reserve: engineReserve}
	if err := e.room(); err != nil {
		lock.Close()
		return nil, err
	}
	sink := &engineLog{logger: logger, trouble: make(chan struct{}, 1)}
	if err := e.start(sink); err != nil {
		e.halt()
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.watch.Go(func() { e.report(ctx, sink.trouble, broken) })
	return e, nil
}

func (e *engine) start(sink *engineLog) error {
	srv, err := server.NewServer(&server.Options{
		ServerName:             "ringfence",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               e.dir,
		SyncAlways:             true,
		JetStreamMaxStore:      engineMaxStore,
		JetStreamMaxMemory:     engineMaxMemory,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return fmt.Errorf("%w: starting the embedded store: %w", ErrUnavailable, err)
	}
	e.server = srv
	srv.SetLoggerV2(sink, false, false, false)
	srv.Start()
	if fatal := sink.fatal.Load(); fatal != nil {
		return fmt.Errorf("%w: starting the embedded store in %s: %w; see that the directory is whole and writable",
			ErrUnavailable, e.dir, *fatal)
	}
	return e.healthy()
}

// InProcessConn connects to the server without a socket.
func (e *engine) InProcessConn() (net.Conn, error) { return e.server.InProcessConn() }

// room returns an error when the disk is too full to write.
func (e *engine) room() error {
	free, err := freeBytes(e.dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, dirError(e.dir, err))
	}
	if free < e.reserve {
		return fmt.Errorf("%w: the disk of data directory %s is full (%d KiB free, %d KiB needed): free some space",
			ErrUnavailable, e.dir, free>>10, e.reserve>>10)
	}
	return nil
}

// healthy asks the engine itself; it knows of failed writes to any bucket and of buckets that it could not
// read back. The engine allows itself one millisecond to answer that it is up, which a busy machine can miss.
func (e *engine) healthy() error {
	for range engineHealthAttempts {
		status := e.server.Healthz(&server.HealthzOptions{Details: true})
		if len(status.Errors) == 0 {
			return nil
		}
		if first := status.Errors[0]; first.Type != server.HealthzErrorConn {
			return fmt.Errorf("%w: the embedded store in data directory %s stopped (%s): free some space or repair the disk, then restart",
				ErrUnavailable, e.dir, first.Error)
		}
	}
	return fmt.Errorf("%w: the embedded store in data directory %s does not answer: restart", ErrUnavailable, e.dir)
}

// report waits for trouble and tells whether it is lasting. The engine never answers a write that failed, so
// without this every caller would wait for its own timeout.
func (e *engine) report(ctx context.Context, trouble <-chan struct{}, broken func(error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-trouble:
			if err := e.healthy(); err != nil {
				broken(err)
				return
			}
		}
	}
}

// halt stops the server after its last write and gives the directory free.
func (e *engine) halt() error {
	if e.stop != nil {
		e.stop()
		e.watch.Wait()
	}
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
	}
	return e.lock.Close()
}

// engineLog passes the engine's log on. It never ends the process, not even for what the engine calls fatal.
type engineLog struct {
	logger  *slog.Logger
	trouble chan struct{}
	fatal   atomic.Pointer[error]
}

func (l *engineLog) log(level slog.Level, format string, args []any) {
	if ctx := context.Background(); l.logger.Enabled(ctx, level) {
		l.logger.LogAttrs(ctx, level, "store engine", slog.String("detail", fmt.Sprintf(format, args...)))
	}
}

func (l *engineLog) alarm() {
	select {
	case l.trouble <- struct{}{}:
	default:
	}
}

func (l *engineLog) Noticef(format string, args ...any) { l.log(slog.LevelDebug, format, args) }
func (l *engineLog) Debugf(format string, args ...any)  { l.log(slog.LevelDebug, format, args) }
func (l *engineLog) Tracef(format string, args ...any)  { l.log(slog.LevelDebug, format, args) }

func (l *engineLog) Warnf(format string, args ...any) {
	l.log(slog.LevelWarn, format, args)
	l.alarm()
}

func (l *engineLog) Errorf(format string, args ...any) {
	l.log(slog.LevelError, format, args)
	l.alarm()
}

func (l *engineLog) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.fatal.CompareAndSwap(nil, &err)
	l.log(slog.LevelError, format, args)
	l.alarm()
}
