package xds_test

import (
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/xds"
)

func TestModuleServesDiscovery(t *testing.T) {
	t.Parallel()
	var server *grpc.Server
	var publisher *xds.Publisher
	fxtest.New(t,
		fx.NopLogger,
		fx.Supply(settings(), xds.SystemClock(), slog.New(slog.DiscardHandler)),
		fx.Provide(func() *grpc.Server { return grpc.NewServer() }, func() prometheus.Registerer { return prometheus.NewRegistry() }),
		xds.Module,
		fx.Populate(&server, &publisher),
	).RequireStart().RequireStop()
	services := server.GetServiceInfo()
	if _, ok := services["envoy.service.discovery.v3.AggregatedDiscoveryService"]; !ok {
		t.Errorf("the server offers only %v", slices.Sorted(maps.Keys(services)))
	}
}
