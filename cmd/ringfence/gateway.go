package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"go.uber.org/fx"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/registry/api"
	"ringfence.dev/ringfence/xds"
)

// systemCAs are where distributions keep the roots that certificates are verified with.
var systemCAs = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/cert.pem",
}

func newXDSSettings(c config.Config, l *listeners, m mode) (xds.Settings, error) {
	host, port, err := net.SplitHostPort(l.gateway)
	if err != nil {
		return xds.Settings{}, fmt.Errorf("reading listen.gateway: %w", err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return xds.Settings{}, fmt.Errorf("reading listen.gateway: %w", err)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	s := xds.DefaultSettings()
	s.ListenHost, s.ListenPort = host, uint32(number)
	s.MeshDomain, s.RootAgent = c.Mesh.Domain, c.Mesh.RootAgent
	if s.Governor = reachable(l.grpc.Addr(), c.Mesh.Advertise); l.socket != nil && c.Mesh.Advertise == "" {
		s.Governor = "unix:" + l.socket.Addr().String()
	}
	s.Cards = reachable(l.cards.Addr(), c.Mesh.Advertise)
	s.CABundle = caBundle(c.Envoy.CAFile)
	s.MaxBody = uint32(c.Limits.Body)
	s.Timeouts.Authz, s.Timeouts.Message = c.Limits.Decision, c.Limits.Decision
	s.Timeouts.StreamIdle = c.Limits.Idle
	s.Shape, s.CallsTold = shapeOf(c, m)
	return s, nil
}

// shapeOf says how Envoy asks about requests, and whether it tells of the end of calls. Both bind a call to the process that
// decided it, so that neither is chosen for an Envoy that may have several to ask. Where answers are judged anyway, what is
// saved by asking once is little, and calls can be cut off that wait for their agent when they are asked about in two steps.
func shapeOf(c config.Config, m mode) (shape xds.Shape, told bool) {
	unread := c.Content.Answers == "off" && c.Tasks.Mode == "off"
	switch {
	case c.Envoy.Shape == "fused", c.Envoy.Shape == "auto" && unread && m == withEnvoy:
		return xds.Fused, true
	default:
		return xds.Split, unread && m == withEnvoy
	}
}

func caBundle(configured string) string {
	if configured != "" {
		return configured
	}
	for _, path := range systemCAs {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// publishSnapshots hands each snapshot of the registry to the connected Envoys.
func publishSnapshots(lifecycle fx.Lifecycle, r *registry.Registry, p *xds.Publisher) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) error {
			changes := r.Subscribe(ctx)
			p.Publish(r.Snapshot())
			go func() {
				defer close(done)
				for range changes {
					p.Publish(r.Snapshot())
				}
			}()
			return nil
		},
		OnStop: func(context.Context) error {
			cancel()
			<-done
			return nil
		},
	})
}

// gateway is the Envoy that this process keeps running, if it does.
type gateway struct {
	supervision envoy.Supervision
	current     atomic.Pointer[envoy.Instance]
	started     chan struct{}
	serving     atomic.Bool
}

// notReady returns why calls cannot pass, or nil. A nil gateway is someone else's and not judged.
func (g *gateway) notReady() error {
	if g == nil {
		return nil
	}
	if !g.serving.Load() {
		return errors.New("the gateway does not serve yet")
	}
	select {
	case <-g.current.Load().Done():
		return errors.New("the gateway has ended and is started again")
	default:
		return nil
	}
}

func newGateway(c config.Config, dir lockedDir, l *listeners, path binary, logger *slog.Logger) (*gateway, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no Envoy of ours is a valid state, which runGateway knows
	}
	bootstrap, err := envoy.Bootstrap{
		NodeID:       "ringfence-" + strconv.Itoa(os.Getpid()),
		NodeCluster:  "ringfence",
		Admin:        c.Listen.EnvoyAdmin,
		ControlPlane: reachable(l.grpc.Addr(), ""),
	}.JSON()
	if err != nil {
		return nil, fmt.Errorf("making Envoy's bootstrap: %w", err)
	}
	g := &gateway{started: make(chan struct{}, 1)}
	g.supervision = envoy.Supervision{
		Process: envoy.Process{
			Binary:      string(path),
			Bootstrap:   bootstrap,
			Dir:         filepath.Join(string(dir), envoyDir),
			Concurrency: c.Envoy.Concurrency,
			LogLevel:    c.Envoy.LogLevel,
			Logger:      logger,
		},
		Grace: c.Envoy.Drain,
		Started: func(i *envoy.Instance) {
			g.current.Store(i)
			l.admin.Store(i.AdminAddress())
			select {
			case g.started <- struct{}{}:
			default:
			}
		},
	}
	return g, nil
}

// runGateway starts Envoy and waits until it listens with the configuration of this mesh.
func runGateway(lifecycle fx.Lifecycle, g *gateway, r *registry.Registry, p *xds.Publisher) {
	if g == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	lifecycle.Append(fx.Hook{
		OnStart: func(start context.Context) error {
			go func() { ended <- envoy.Supervise(ctx, g.supervision) }()
			select {
			case <-g.started:
			case err := <-ended:
				cancel()
				return err
			case <-start.Done():
				return start.Err()
			}
			if err := p.Synced(start, r.Snapshot().Revision()); err != nil {
				return err
			}
			if _, err := g.current.Load().ListenerAddress(start, xds.Gateway); err != nil {
				return err
			}
			if err := g.current.Load().Ready(start); err != nil {
				return err
			}
			g.serving.Store(true)
			return nil
		},
		OnStop: func(stop context.Context) error {
			cancel()
			select {
			case err := <-ended:
				return err
			case <-stop.Done():
				return stop.Err()
			}
		},
	})
}

// announce writes the ready file, last of all.
func announce(lifecycle fx.Lifecycle, c config.Config, path readyPath, l *listeners, g *gateway, token api.Token, begun guardBegun, logger *slog.Logger) {
	lifecycle.Append(fx.StartHook(func(ctx context.Context) error {
		if err := beyond(ctx, begun); err != nil {
			return err
		}
		ready := readiness{
			Gateway:    l.gateway,
			GatewayURL: publicURL(c, l),
			API:        reachable(l.api.Addr(), ""),
			APIURL:     "http://" + reachable(l.api.Addr(), ""),
			GRPC:       reachable(l.grpc.Addr(), ""),
			Cards:      reachable(l.cards.Addr(), ""),
			PID:        os.Getpid(),
			Token:      string(token),
		}
		if l.socket != nil {
			ready.Socket = l.socket.Addr().String()
		}
		if g != nil {
			ready.EnvoyAdmin = g.current.Load().AdminAddress()
			ready.EnvoyPID = g.current.Load().PID()
		}
		logger.Info("ready", slog.String("gateway", ready.GatewayURL), slog.String("api", ready.APIURL),
			slog.String("grpc", ready.GRPC), slog.String("envoyAdmin", ready.EnvoyAdmin),
			slog.String("tokenFile", filepath.Join(c.DataDir, tokenFile)))
		if path == "" {
			return nil
		}
		return ready.write(string(path))
	}))
}
