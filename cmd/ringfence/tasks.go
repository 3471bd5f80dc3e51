package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"ringfence.dev/ringfence/internal/callback"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/task"
)

const tasksBucket = "tasks"

// tasksFlush bounds how long a stop waits until the owners of tasks are stored.
const tasksFlush = 5 * time.Second

func newTasks(
	lifecycle fx.Lifecycle, c config.Config, s store.Store, logger *slog.Logger, metrics prometheus.Registerer,
) (*task.Ledger, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	bucket, err := s.Bucket(ctx, tasksBucket)
	if err != nil {
		return nil, err
	}
	ledger := task.Open(ctx, task.Config{
		Bucket: bucket, Now: time.Now, Logger: logger,
		Memory: c.Tasks.Memory, Retention: c.Tasks.Retention, Finished: c.Tasks.Finished,
		WaitForStore: c.Tasks.Durability == "store",
	})
	lifecycle.Append(fx.StopHook(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, tasksFlush)
		defer cancel()
		return ledger.Close(ctx)
	}))
	metrics.MustRegister(taskMetrics(ledger)...)
	return ledger, nil
}

// taskMetrics shows what the ledger counts.
func taskMetrics(ledger *task.Ledger) []prometheus.Collector {
	gauge := func(name, help string, value func(task.Stats) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ringfence_tasks_" + name, Help: help},
			func() float64 { return float64(value(ledger.Stats())) })
	}
	counter := func(name, help string, value func(task.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "ringfence_tasks_" + name + "_total", Help: help},
			func() float64 { return float64(value(ledger.Stats())) })
	}
	return []prometheus.Collector{
		gauge("known", "Tasks whose owner is in memory.", func(s task.Stats) int { return s.Known }),
		gauge("queued", "Tasks whose owner waits to be stored.", func(s task.Stats) int { return s.Queued }),
		counter("stored", "Owners of tasks that were stored.", func(s task.Stats) uint64 { return s.Stored }),
		counter("failed", "Attempts to store an owner that failed.", func(s task.Stats) uint64 { return s.Failed }),
		counter("dropped", "Owners that found the queue full.", func(s task.Stats) uint64 { return s.Dropped }),
		counter("lost", "Owners that left memory without having been stored.", func(s task.Stats) uint64 { return s.Lost }),
		counter("conflicts", "Owners that yielded to one another process had stored.", func(s task.Stats) uint64 { return s.Conflicts }),
		counter("lookups", "Look-ups of owners in the store.", func(s task.Stats) uint64 { return s.Reads }),
		counter("lookups_refused", "Look-ups beyond what one caller may cause.", func(s task.Stats) uint64 { return s.Refused }),
		counter("swept", "Expired tasks removed from the store.", func(s task.Stats) uint64 { return s.Swept }),
	}
}

func newCallbacks(c config.Config, l *listeners) (*callback.Policy, error) {
	policy, err := callback.Compile(callback.Config{
		Schemes: c.Push.Schemes, Allow: c.Push.Allow, AllowedNetworks: c.Push.Networks(),
		Own: l.ownsAddress, Resolver: net.DefaultResolver, Now: time.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("reading push: %w", err)
	}
	return policy, nil
}
