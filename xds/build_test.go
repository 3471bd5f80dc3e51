package xds

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

func testSettings() Settings {
	s := DefaultSettings()
	s.Governor, s.Cards, s.CABundle = "unix:/run/governor.sock", "127.0.0.1:9100", "/etc/ca.pem"
	s.RootAgent = "agent-13"
	return s
}

// agents returns n agents of every sort, some of which cannot be routed.
func agents(n int) []*agent.Record {
	var records []*agent.Record
	for i := range n {
		r := &agent.Record{Name: agent.ID(fmt.Sprintf("agent-%d", i)), Status: agent.Active, Revision: uint64(i + 1)}
		for j := range i % 4 {
			r.Card.Interfaces = append(r.Card.Interfaces, agent.Interface{
				Binding: []agent.Binding{agent.JSONRPC, agent.HTTPJSON, agent.GRPC}[(i+j)%3],
				URL:     []string{"http://10.0.0.1:80/a", "https://a.example/b", "http://h:1", "ftp://no"}[(i/4+j)%4],
			})
		}
		if i%11 == 10 {
			r.Status = agent.Revoked
		}
		records = append(records, r)
	}
	return records
}

func mustBuild(t testing.TB, records []*agent.Record) Resources {
	t.Helper()
	r, err := Build(testSettings(), registry.NewSnapshot(1, records))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wire is what Envoys would be sent.
func wire(t testing.TB, r Resources) map[string]string {
	t.Helper()
	out := map[string]string{}
	p := newPublication(r, nil, nil)
	for _, typeURL := range typeURLs {
		out[typeURL] = p.versions[typeURL]
		for name, m := range p.resources[typeURL] {
			encoded, err := cache.MarshalResource(m)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := p.each[typeURL][name], cache.HashResource(encoded); got != want {
				t.Errorf("%s has version %s, on the wire %s", name, got, want)
			}
			out[name] = string(encoded)
		}
	}
	return out
}

func TestOrderOfRegistrationDoesNotMatter(t *testing.T) {
	t.Parallel()
	records := agents(60)
	want := wire(t, mustBuild(t, records))
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		shuffled := slices.Clone(records)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if diff := cmp.Diff(want, wire(t, mustBuild(t, shuffled))); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func TestRemovingAnAgentRemovesItsResourcesOnly(t *testing.T) {
	t.Parallel()
	records := agents(40)
	all := mustBuild(t, records)
	for i, gone := range records {
		rest := mustBuild(t, slices.Delete(slices.Clone(records), i, i+1))
		own := func(name string) bool {
			return len(name) > len(prefix(gone.Name)) && name[:len(prefix(gone.Name))] == prefix(gone.Name)
		}
		clusters := slices.DeleteFunc(slices.Clone(all.Clusters), func(c *clusterv3.Cluster) bool { return own(c.GetName()) })
		if diff := cmp.Diff(clusters, rest.Clusters, protocmp.Transform()); diff != "" {
			t.Errorf("clusters without %s (-want +got):\n%s", gone.Name, diff)
		}
		routes := proto.CloneOf(all.Routes)
		routes.VirtualHosts = slices.DeleteFunc(routes.GetVirtualHosts(), func(v *routev3.VirtualHost) bool { return own(v.GetName()) })
		tree := routes.GetVirtualHosts()[0].GetMatcher().GetOnNoMatch().GetMatcher().GetMatcherTree().GetPrefixMatchMap().GetMap()
		delete(tree, agent.MeshPrefix+string(gone.Name))
		if gone.Name == testSettings().RootAgent {
			delete(tree, rootKey)
		}
		if diff := cmp.Diff(routes, rest.Routes, protocmp.Transform()); diff != "" {
			t.Errorf("routes without %s (-want +got):\n%s", gone.Name, diff)
		}
	}
}

func TestIncrementalBuildsEqualFullOnes(t *testing.T) {
	t.Parallel()
	b, err := newBuilder(testSettings())
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	pool := agents(50)
	for round := range 30 {
		var records []*agent.Record
		for i, r := range pool {
			switch random.IntN(6) {
			case 0: // gone this round
				continue
			case 1: // changed
				changed := *r
				changed.Revision += 1000 * uint64(round+1)
				changed.Card.Interfaces = []agent.Interface{{Binding: agent.JSONRPC, URL: fmt.Sprintf("http://10.0.1.%d", round)}}
				pool[i] = &changed
			case 2: // read again from the store
				again := *r
				pool[i] = &again
			case 3: // quarantined
				stopped := *r
				stopped.Status = agent.Quarantined
				records = append(records, &stopped)
				continue
			}
			records = append(records, pool[i])
		}
		got := b.build(registry.NewSnapshot(1, records), nil)
		if diff := cmp.Diff(wire(t, mustBuild(t, records)), wire(t, got)); diff != "" {
			t.Fatalf("round %d (-full +incremental):\n%s", round, diff)
		}
	}
}

func TestSplicedTableIsTheTable(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 30, 300} {
		r := mustBuild(t, agents(n))
		encoded, err := proto.Marshal(r.encodedRoutes)
		if err != nil {
			t.Fatal(err)
		}
		var got routev3.RouteConfiguration
		if err := proto.Unmarshal(encoded, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r.Routes, &got, protocmp.Transform()); diff != "" {
			t.Errorf("%d agents (-table +spliced):\n%s", n, diff)
		}
	}
}

func TestUnchangedAgentsAreNotBuiltAgain(t *testing.T) {
	t.Parallel()
	b, err := newBuilder(testSettings())
	if err != nil {
		t.Fatal(err)
	}
	records := agents(10)
	first := b.build(registry.NewSnapshot(1, records), nil)
	changed := *records[5]
	changed.Revision = 99
	records[5] = &changed
	second := b.build(registry.NewSnapshot(2, records), nil)
	for name, s := range first.shares {
		if built := second.shares[name] != s; built != (name == changed.Name) {
			t.Errorf("%s was built again: %t", name, built)
		}
	}
}

func TestVersionsFollowTheSettings(t *testing.T) {
	t.Parallel()
	changed := testSettings()
	changed.Timeouts.Connect *= 2 // a setting of clusters only
	r, err := Build(changed, registry.NewSnapshot(1, agents(10)))
	if err != nil {
		t.Fatal(err)
	}
	before, after := newPublication(mustBuild(t, agents(10)), nil, nil).versions, newPublication(r, nil, nil).versions
	for typeURL := range before {
		if same := before[typeURL] == after[typeURL]; same == (kinds[typeURL] == "cluster") {
			t.Errorf("the version of %s is the same: %t", kinds[typeURL], same)
		}
	}
}

func TestBuildRefusesInvalidSettings(t *testing.T) {
	t.Parallel()
	if _, err := Build(Settings{}, nil); err == nil {
		t.Error("the zero settings were accepted")
	}
	if r, err := Build(testSettings(), nil); err != nil || len(r.Clusters) != 3 {
		t.Errorf("the empty mesh has %d clusters, %v", len(r.Clusters), err)
	}
}

func routed(n int) []*agent.Record {
	var records []*agent.Record
	for i := range n {
		records = append(records, &agent.Record{
			Name: agent.ID(fmt.Sprintf("agent-%d", i)), Status: agent.Active, Revision: uint64(i + 1),
			Card: agent.Card{Interfaces: []agent.Interface{
				{Binding: agent.JSONRPC, URL: "http://10.0.0.1:8080/rpc"}, {Binding: agent.HTTPJSON, URL: "http://10.0.0.1:8080/v1"},
			}},
		})
	}
	return records
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		snap := registry.NewSnapshot(1, routed(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Build(testSettings(), snap); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPublish changes one agent among many, and encodes what an Envoy would be sent.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p, err := NewPublisher(testSettings(), slog.New(slog.DiscardHandler), SystemClock(), prometheus.NewRegistry())
			if err != nil {
				b.Fatal(err)
			}
			records := routed(n)
			var snaps []*registry.Snapshot
			for i := range 2 {
				changed := *records[n/2]
				changed.Revision = uint64(n + i + 1)
				changed.Card.Interfaces = changed.Card.Interfaces[:1+i]
				records[n/2] = &changed
				snaps = append(snaps, registry.NewSnapshot(1, records))
			}
			p.Publish(snaps[1])
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p.Publish(snaps[i%2])
				if _, err := cache.MarshalResource(p.current.encodedRoutes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
