package xds

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/anypb"

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

// wire is what Envoys would be sent, with the version of each type.
func wire(c *catalogue) map[string]string {
	out := map[string]string{}
	for _, typeURL := range typeURLs {
		out[typeURL] = c.version(typeURL)
		for name, i := range c.items[typeURL] {
			packed, _ := i.packed()
			out[typeURL+" "+name] = i.version + string(packed.GetValue())
		}
	}
	return out
}

func newTestPublisher(t testing.TB, s Settings) *Publisher {
	t.Helper()
	p, err := NewPublisher(s, slog.New(slog.DiscardHandler), SystemClock(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// published is what a publisher serves that has seen nothing but the records.
func published(t testing.TB, records []*agent.Record) map[string]string {
	t.Helper()
	p := newTestPublisher(t, testSettings())
	p.Publish(registry.NewSnapshot(1, records))
	return wire(p.catalogue)
}

func TestOrderOfRegistrationDoesNotMatter(t *testing.T) {
	t.Parallel()
	records := agents(60)
	want := published(t, records)
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		shuffled := slices.Clone(records)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		p := newTestPublisher(t, testSettings())
		for i := range shuffled { // one by one
			p.Publish(registry.NewSnapshot(uint64(i), shuffled[:i+1]))
		}
		if diff := cmp.Diff(want, wire(p.catalogue)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func TestRemovingAnAgentRemovesItsResourcesOnly(t *testing.T) {
	t.Parallel()
	records := agents(40)
	all := published(t, records)
	for i, gone := range records {
		want := map[string]string{}
		for name, content := range all {
			if _, of, _ := strings.Cut(name, " "); owner(of) != gone.Name {
				want[name] = content
			}
		}
		got := published(t, slices.Delete(slices.Clone(records), i, i+1))
		for _, typeURL := range typeURLs {
			delete(want, typeURL)
			delete(got, typeURL)
		}
		if gone.Name == testSettings().RootAgent {
			delete(want, resource.RouteType+" "+Gateway)
			delete(got, resource.RouteType+" "+Gateway)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("without %s (-want +got):\n%s", gone.Name, diff)
		}
	}
}

func TestIncrementalBuildsEqualFullOnes(t *testing.T) {
	t.Parallel()
	p := newTestPublisher(t, testSettings())
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
		p.Publish(registry.NewSnapshot(uint64(round), records))
		if diff := cmp.Diff(published(t, records), wire(p.catalogue)); diff != "" {
			t.Fatalf("round %d (-full +incremental):\n%s", round, diff)
		}
		if got, want := len(p.problems), len(mustBuild(t, records).Problems); got != want {
			t.Fatalf("round %d: %d problems, want %d", round, got, want)
		}
	}
}

func TestBuildIsWhatIsServed(t *testing.T) {
	t.Parallel()
	records := agents(30)
	r := mustBuild(t, records)
	// Envoy reads fields in any order; the bytes of tables are not in that of encoding.
	decoded := func(typeURL string, encoded []byte) string {
		m, err := (&anypb.Any{TypeUrl: typeURL, Value: encoded}).UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		again, err := marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(again)
	}
	p := newTestPublisher(t, testSettings())
	p.Publish(registry.NewSnapshot(1, records))
	want, got := map[string]string{}, map[string]string{}
	for _, typeURL := range typeURLs {
		for name, i := range p.catalogue.items[typeURL] {
			packed, err := i.packed()
			if err != nil {
				t.Fatal(err)
			}
			want[typeURL+" "+name] = decoded(typeURL, packed.GetValue())
		}
	}
	add := func(typeURL string, m named) {
		encoded, err := marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got[typeURL+" "+m.GetName()] = string(encoded)
	}
	add(resource.ListenerType, r.Listener)
	add(resource.RouteType, r.Routes)
	for _, m := range r.Agents {
		add(resource.RouteType, m)
	}
	for _, m := range r.Scopes {
		add(resource.ScopedRouteType, m)
	}
	for _, m := range r.Clusters {
		add(resource.ClusterType, m)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-served +built):\n%s", diff)
	}
}

func TestUnchangedAgentsAreNotBuiltAgain(t *testing.T) {
	t.Parallel()
	p := newTestPublisher(t, testSettings())
	records := agents(10)
	p.Publish(registry.NewSnapshot(1, records))
	first := maps.Clone(p.shares)
	changed, again := *records[5], *records[6]
	changed.Revision = 99
	records[5], records[6] = &changed, &again
	p.Publish(registry.NewSnapshot(2, records))
	for name, s := range first {
		if built := p.shares[name] != s; built != (name == changed.Name) {
			t.Errorf("%s was built again: %t", name, built)
		}
	}
}

func TestVersionsFollowTheSettings(t *testing.T) {
	t.Parallel()
	changed := testSettings()
	changed.Timeouts.Connect *= 2 // a setting of clusters only
	before, after := newTestPublisher(t, testSettings()), newTestPublisher(t, changed)
	for _, typeURL := range typeURLs {
		if same := before.catalogue.version(typeURL) == after.catalogue.version(typeURL); same == (kinds[typeURL] == "cluster") {
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

// BenchmarkPublish changes one agent among many.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := newTestPublisher(b, testSettings())
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
			}
		})
	}
}
