package xds_test

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"ringfence.dev/ringfence/internal/agent"
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
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, xds.NewServer(context.Background(), p.Publisher))
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient("passthrough:///plane", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	p.client = discoveryv3.NewAggregatedDiscoveryServiceClient(connection)
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

// proxy is a client that speaks one variant of the protocol as Envoy does.
type proxy interface {
	subscribe(typeURL string)
	// next returns the names of the clusters, or nil for other types, that the next response leaves known.
	next() response
	ack(response)
	nack(response, string)
}

type response struct {
	typeURL, nonce, version string
	// changed and removed are names; state of the world has no removed ones.
	changed, removed []string
}

type deltaProxy struct {
	t      *testing.T
	stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	known  map[string]map[string]string
}

func (p *plane) delta(node string, known map[string]map[string]string) *deltaProxy {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	stream, err := p.client.DeltaAggregatedResources(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	d := &deltaProxy{t: p.t, stream: stream, known: known}
	if known == nil {
		d.known = map[string]map[string]string{}
	}
	d.send(&discoveryv3.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: node}, TypeUrl: resource.ClusterType, InitialResourceVersions: d.known[resource.ClusterType],
	})
	return d
}

func (d *deltaProxy) send(r *discoveryv3.DeltaDiscoveryRequest) {
	d.t.Helper()
	if err := d.stream.Send(r); err != nil {
		d.t.Fatal(err)
	}
}

func (d *deltaProxy) subscribe(typeURL string) {
	r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: typeURL, InitialResourceVersions: d.known[typeURL]}
	if typeURL == resource.RouteType {
		r.ResourceNamesSubscribe = []string{xds.Gateway}
	}
	d.send(r)
}

func (d *deltaProxy) next() response {
	d.t.Helper()
	r, err := d.stream.Recv()
	if err != nil {
		d.t.Fatal(err)
	}
	out := response{typeURL: r.GetTypeUrl(), nonce: r.GetNonce(), removed: slices.Sorted(slices.Values(r.GetRemovedResources()))}
	if d.known[r.GetTypeUrl()] == nil {
		d.known[r.GetTypeUrl()] = map[string]string{}
	}
	for _, changed := range r.GetResources() {
		out.changed = append(out.changed, changed.GetName())
		d.known[r.GetTypeUrl()][changed.GetName()] = changed.GetVersion()
	}
	for _, name := range r.GetRemovedResources() {
		delete(d.known[r.GetTypeUrl()], name)
	}
	slices.Sort(out.changed)
	return out
}

func (d *deltaProxy) ack(r response) {
	d.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.typeURL, ResponseNonce: r.nonce})
}

func (d *deltaProxy) nack(r response, message string) {
	d.send(&discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: r.typeURL, ResponseNonce: r.nonce, ErrorDetail: &status.Status{Code: 13, Message: message},
	})
}

type sotwProxy struct {
	t      *testing.T
	stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	good   map[string]string
}

func (p *plane) sotw(node string) *sotwProxy {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	stream, err := p.client.StreamAggregatedResources(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	s := &sotwProxy{t: p.t, stream: stream, good: map[string]string{}}
	s.send(&discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: node}, TypeUrl: resource.ClusterType})
	return s
}

func (s *sotwProxy) send(r *discoveryv3.DiscoveryRequest) {
	s.t.Helper()
	if r.GetTypeUrl() == resource.RouteType {
		r.ResourceNames = []string{xds.Gateway}
	}
	if err := s.stream.Send(r); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sotwProxy) subscribe(typeURL string) {
	s.send(&discoveryv3.DiscoveryRequest{TypeUrl: typeURL})
}

func (s *sotwProxy) next() response {
	s.t.Helper()
	r, err := s.stream.Recv()
	if err != nil {
		s.t.Fatal(err)
	}
	return response{typeURL: r.GetTypeUrl(), nonce: r.GetNonce(), version: r.GetVersionInfo()}
}

func (s *sotwProxy) ack(r response) {
	s.good[r.typeURL] = r.version
	s.send(&discoveryv3.DiscoveryRequest{TypeUrl: r.typeURL, ResponseNonce: r.nonce, VersionInfo: r.version})
}

func (s *sotwProxy) nack(r response, message string) {
	s.send(&discoveryv3.DiscoveryRequest{
		TypeUrl: r.typeURL, ResponseNonce: r.nonce, VersionInfo: s.good[r.typeURL],
		ErrorDetail: &status.Status{Code: 13, Message: message},
	})
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
	p.subscribe(resource.RouteType)
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
			take(t, envoy, resource.ClusterType)
			take(t, envoy, resource.RouteType)
			p.synced(2)

			p.publish(3, one) // routes go at once, the cluster later
			take(t, envoy, resource.RouteType)
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
	take(t, envoy, resource.RouteType)
	p.synced(2)
	p.publish(3, two)
	take(t, envoy, resource.RouteType)
	p.clock.pass(time.Hour)
	gone := take(t, envoy, resource.ClusterType)
	if diff := cmp.Diff([]string{clusterOf("one")}, gone.removed); diff != "" || len(gone.changed) > 0 {
		t.Errorf("clusters changed %v, removed (-want +got):\n%s", gone.changed, diff)
	}
	p.publish(2, one) // older than what is published
	p.synced(3)
}

// TestRoutesWaitForTheirClusters publishes while Envoy still owes an answer about clusters: the cache cannot
// send it more of those, and must not send it routes to them.
func TestRoutesWaitForTheirClusters(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	one := simple("one")
	p.publish(1, one, simple("two"))
	envoy := p.delta("envoy", nil)
	boot(t, envoy)
	p.synced(1)
	p.publish(2, one)
	take(t, envoy, resource.RouteType)
	p.synced(2)
	p.clock.pass(time.Hour)
	removal := envoy.next() // of the cluster of two; not answered yet
	p.publish(3, one, simple("three"))
	if got := p.Status().Revision; got != 2 {
		t.Fatalf("revision %d is served before Envoy answered", got)
	}
	envoy.ack(removal)
	take(t, envoy, resource.ClusterType)
	take(t, envoy, resource.RouteType)
	p.synced(3)
}

func TestSilentEnvoyHoldsUpOthersOnlySoLong(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	p.publish(1)
	silent := p.delta("silent", nil)
	silent.next()
	p.publish(2, simple("one"))
	if got := p.Status().Revision; got != 1 {
		t.Fatalf("revision %d is served before Envoy answered", got)
	}
	p.clock.pass(time.Second)
	if got := p.Status().Revision; got != 2 {
		t.Errorf("revision %d is served after the wait, want 2", got)
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
	take(t, envoy, resource.RouteType)
	p.synced(2)
	p.publish(3, one)
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

	second := p.delta("envoy", first.known)
	take(t, second, resource.ClusterType)
	second.subscribe(resource.ListenerType)
	take(t, second, resource.ListenerType)
	second.subscribe(resource.RouteType) // nothing changed, so nothing comes
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
	if got := slices.Sorted(maps.Keys(p.Status().Versions)); len(got) != 3 {
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
