package xds_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/meshtest/served"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/xds"
)

// plane is a publisher with its server on an in-memory network.
type plane struct {
	*xds.Publisher
	t        *testing.T
	clock    *clock
	client   discoveryv3.AggregatedDiscoveryServiceClient
	registry *prometheus.Registry
}

func newPlane(t *testing.T) *plane {
	t.Helper()
	p := &plane{t: t, clock: newClock(), registry: prometheus.NewRegistry()}
	var err error
	if p.Publisher, err = xds.NewPublisher(settings(), slog.New(slog.DiscardHandler), p.clock.clock(), p.registry); err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, xds.NewServer(context.Background(), p.Publisher))
	p.client = discoveryv3.NewAggregatedDiscoveryServiceClient(served.Connect(t, server))
	return p
}

func (p *plane) publish(revision uint64, records ...*agent.Record) {
	p.Publish(registry.NewSnapshot(revision, records))
}

func (p *plane) synced(revision uint64) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.Synced(ctx, revision); err != nil {
		p.t.Fatalf("%v: %+v", err, p.Status())
	}
}

// await waits for a state of the publisher.
func (p *plane) await(what string, holds func(xds.Status) bool) {
	p.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		if holds(p.Status()) {
			return
		}
		select {
		case <-deadline:
			p.t.Fatalf("%s did not come: %+v", what, p.Status())
		default:
		}
	}
}

// take reads a response of the type and acknowledges it.
func take(t *testing.T, p proxy, typeURL string) response {
	t.Helper()
	r := p.next()
	if r.typeURL != typeURL {
		t.Fatalf("got %s, want %s", r.typeURL, typeURL)
	}
	p.ack(r)
	return r
}

// boot subscribes as Envoy does and takes everything.
func boot(t *testing.T, p proxy) {
	t.Helper()
	take(t, p, resource.ClusterType)
	p.subscribe(resource.ListenerType)
	take(t, p, resource.ListenerType)
	p.subscribe(resource.ScopedRouteType)
	take(t, p, resource.ScopedRouteType)
	p.subscribe(resource.RouteType)
	take(t, p, resource.RouteType)
}

// follow takes what a new agent consists of.
func follow(t *testing.T, p proxy) {
	t.Helper()
	take(t, p, resource.ClusterType)
	take(t, p, resource.ScopedRouteType)
	take(t, p, resource.RouteType)
}

func clusterOf(name string) string { return "agent/" + name + "/http-10.0.0.1-80" }

func simple(name agent.ID) *agent.Record { return record(name, rpc, "http://10.0.0.1") }

func TestBothVariantsFollowTheRegistry(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func(*plane) proxy{
		"delta": func(p *plane) proxy { return p.delta("envoy", nil) },
		"sotw":  func(p *plane) proxy { return p.sotw("envoy") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlane(t)
			one := simple("one")
			p.publish(1, one)
			envoy := connect(p)
			boot(t, envoy)
			p.synced(1)

			p.publish(2, one, simple("two"))
			follow(t, envoy)
			p.synced(2)

			p.publish(3, one) // routes go at once, the cluster later
			take(t, envoy, resource.ScopedRouteType)
			p.synced(3)
			p.clock.pass(time.Hour)
			take(t, envoy, resource.ClusterType)
			p.synced(3)

			p.publish(9, one) // a revision without changes is synced without traffic
			p.synced(9)
			if got := p.Status().Nodes; len(got) != 1 || got[0].ID != "envoy" || got[0].Transport != name || !got[0].Synced {
				t.Errorf("nodes %+v", got)
			}
		})
	}
}

func TestDeltaSendsDifferences(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	one, two := simple("one"), simple("two")
	p.publish(1, one)
	envoy := p.delta("envoy", nil)
	boot(t, envoy)
	p.publish(2, one, two)
	if diff := cmp.Diff([]string{clusterOf("two")}, take(t, envoy, resource.ClusterType).changed); diff != "" {
		t.Errorf("clusters sent (-want +got):\n%s", diff)
	}
	take(t, envoy, resource.ScopedRouteType)
	if diff := cmp.Diff([]string{"agent/two/routes"}, take(t, envoy, resource.RouteType).changed); diff != "" {
		t.Errorf("tables sent (-want +got):\n%s", diff)
	}
	p.synced(2)
	p.publish(3, two)
	if diff := cmp.Diff([]string{"h/one/", "p/one/"}, take(t, envoy, resource.ScopedRouteType).removed); diff != "" {
		t.Errorf("scopes removed (-want +got):\n%s", diff)
	}
	p.synced(3)
	p.clock.pass(time.Hour)
	gone := take(t, envoy, resource.ClusterType)
	if diff := cmp.Diff([]string{clusterOf("one")}, gone.removed); diff != "" || len(gone.changed) > 0 {
		t.Errorf("clusters changed %v, removed (-want +got):\n%s", gone.changed, diff)
	}
	p.publish(2, one) // older than what is published
	p.synced(3)
}

// TestRoutesWaitForTheirClusters publishes while Envoy still owes an answer about clusters.
func TestRoutesWaitForTheirClusters(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	one := simple("one")
	p.publish(1, one, simple("two"))
	envoy := p.delta("envoy", nil)
	boot(t, envoy)
	p.synced(1)
	p.publish(2, one)
	take(t, envoy, resource.ScopedRouteType)
	p.synced(2)
	p.clock.pass(time.Hour)
	removal := envoy.next() // of the cluster of two; not answered yet
	p.publish(3, one, simple("three"))
	p.publish(4, one, simple("three"), simple("four"))
	envoy.ack(removal)
	clusters := envoy.next() // nothing else came, and what waited comes at once
	if diff := cmp.Diff([]string{clusterOf("four"), clusterOf("three")}, clusters.changed); diff != "" {
		t.Errorf("clusters sent (-want +got):\n%s", diff)
	}
	envoy.ack(clusters)
	take(t, envoy, resource.ScopedRouteType)
	take(t, envoy, resource.RouteType)
	p.synced(4)
}

// TestClustersOutliveTheirRoutes lets the time of a cluster end while Envoy has not said that its routes are gone.
func TestClustersOutliveTheirRoutes(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	one := simple("one")
	p.publish(1, one, simple("two"))
	envoy := p.delta("envoy", nil)
	boot(t, envoy)
	p.synced(1)
	p.publish(2, one)
	scopes := envoy.next()
	p.clock.pass(time.Hour)
	p.publish(3, one, simple("three"))
	if got := take(t, envoy, resource.ClusterType); len(got.removed) > 0 || len(got.changed) != 1 {
		t.Errorf("clusters %v went before their routes, %v came", got.removed, got.changed)
	}
	envoy.ack(scopes)
	take(t, envoy, resource.ScopedRouteType)
	take(t, envoy, resource.RouteType)
	if diff := cmp.Diff([]string{clusterOf("two")}, take(t, envoy, resource.ClusterType).removed); diff != "" {
		t.Errorf("clusters removed (-want +got):\n%s", diff)
	}
	p.synced(3)
}

// TestSilentEnvoyHoldsNobodyUp publishes much while one Envoy answers nothing and another reads nothing.
func TestSilentEnvoyHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	p.publish(1)
	silent, deaf := p.delta("silent", nil), p.delta("deaf", nil)
	silent.next()
	boot(t, deaf)
	envoy := p.delta("envoy", nil)
	boot(t, envoy)
	var records []*agent.Record
	for i := range 200 {
		records = append(records, record(agent.ID(fmt.Sprintf("a%d", i)), rpc, "http://10.0.0.1/"+strings.Repeat("x", 1<<12)))
		p.publish(uint64(2+i), records...)
		if i%20 == 19 {
			for len(envoy.known[resource.RouteType]) < 2+i {
				envoy.ack(envoy.next())
			}
		}
	}
	if got := len(envoy.known[resource.RouteType]); got != 201 {
		t.Errorf("the one that reads has %d tables, want 201", got)
	}
	// What the others missed waits for them.
	for len(deaf.known[resource.RouteType]) < 201 {
		deaf.ack(deaf.next())
	}
}

func TestReturningClusterStays(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	one := simple("one")
	p.publish(1, one)
	envoy := p.delta("envoy", nil)
	boot(t, envoy)
	p.synced(1)
	p.publish(2)
	take(t, envoy, resource.ScopedRouteType)
	p.synced(2)
	p.publish(3, one)
	take(t, envoy, resource.ScopedRouteType)
	take(t, envoy, resource.RouteType)
	p.synced(3)
	p.clock.pass(time.Hour)
	p.publish(4, one, simple("two"))
	if got := take(t, envoy, resource.ClusterType); len(got.removed) > 0 {
		t.Errorf("clusters %v were removed though they are routed to", got.removed)
	}
}

func TestReconnectedEnvoyIsSynced(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	p.publish(1, simple("one"))
	first := p.delta("envoy", nil)
	boot(t, first)
	p.synced(1)
	first.stream.CloseSend()
	p.await("the end of the stream", func(s xds.Status) bool { return len(s.Nodes) == 0 })

	// Nothing changed, so nothing comes.
	second := p.delta("envoy", first.known)
	second.subscribe(resource.ListenerType)
	second.subscribe(resource.ScopedRouteType)
	second.subscribe(resource.RouteType)
	p.synced(1)
	p.publish(2, simple("two"))
	clusters := take(t, second, resource.ClusterType)
	if diff := cmp.Diff([]string{clusterOf("two")}, clusters.changed); diff != "" {
		t.Errorf("clusters sent (-want +got):\n%s", diff)
	}
}

// TestReconnectedEnvoyIsToldWhatItMissed brings along what is served no more, or in another way.
func TestReconnectedEnvoyIsToldWhatItMissed(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	p.publish(1, simple("one"))
	envoy := p.delta("envoy", map[string]map[string]string{
		resource.ClusterType: {clusterOf("one"): "old", clusterOf("gone"): "1", xds.CardsCluster: "old"},
	})
	envoy.subscribe(resource.ListenerType)
	got := take(t, envoy, resource.ClusterType)
	if diff := cmp.Diff([]string{clusterOf("one"), xds.AuthzCluster, xds.CardsCluster, xds.ProcCluster}, got.changed); diff != "" {
		t.Errorf("clusters sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{clusterOf("gone")}, got.removed); diff != "" {
		t.Errorf("clusters removed (-want +got):\n%s", diff)
	}
}

// TestWhoAsksAgainIsSentAgain asks for a table a second time, and for one that there is not.
func TestWhoAsksAgainIsSentAgain(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	p.publish(1)
	envoy := p.delta("envoy", nil)
	boot(t, envoy)
	envoy.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resource.RouteType, ResourceNamesSubscribe: []string{xds.Gateway, "agent/none/routes"}})
	got := take(t, envoy, resource.RouteType)
	if !cmp.Equal(got.changed, []string{xds.Gateway}) || !cmp.Equal(got.removed, []string{"agent/none/routes"}) {
		t.Errorf("changed %v, removed %v", got.changed, got.removed)
	}
}

// TestReturningStateOfTheWorld reconnects with the version that is served.
func TestReturningStateOfTheWorld(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	p.publish(1, simple("one"))
	first := p.sotw("envoy")
	boot(t, first)
	p.synced(1)
	first.stream.CloseSend()
	p.await("the end of the stream", func(s xds.Status) bool { return len(s.Nodes) == 0 })
	second := p.sotw("envoy")
	take(t, second, resource.ClusterType) // it said no version of these
	for _, typeURL := range []string{resource.ListenerType, resource.ScopedRouteType} {
		second.send(&discoveryv3.DiscoveryRequest{TypeUrl: typeURL, VersionInfo: first.good[typeURL]})
	}
	second.tables = first.tables
	second.send(&discoveryv3.DiscoveryRequest{TypeUrl: resource.RouteType, VersionInfo: first.good[resource.RouteType]})
	take(t, second, resource.RouteType) // of named resources the version does not say which it has
	p.synced(1)
}

func TestSyncedEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	p.publish(1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Synced(ctx, 1); err == nil || !strings.Contains(err.Error(), "revision 1") {
		t.Errorf("without an Envoy, Synced returned %v", err)
	}
}

func TestStatusOfNothing(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	want := xds.Status{Versions: map[string]string{}, Nodes: []xds.Node{}, Problems: []xds.Problem{}, Rejections: []xds.Rejection{}}
	if diff := cmp.Diff(want, p.Status()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.Publish(nil)
	if got := slices.Sorted(maps.Keys(p.Status().Versions)); len(got) != 4 {
		t.Errorf("the empty mesh has versions of %v", got)
	}
}

func rejections(t *testing.T, p *plane, kind string) float64 {
	t.Helper()
	families, err := p.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "ringfence_xds_rejections_total" && m.GetLabel()[0].GetValue() == kind {
				return m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

func TestMetricsAreWellNamed(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(newPlane(t).registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
