package xds_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/xds"
)

func problems(s xds.Status) []agent.ID {
	var names []agent.ID
	for _, p := range s.Problems {
		names = append(names, p.Agent)
	}
	return names
}

func TestRejectionRollsBack(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func(*plane) proxy{
		"delta": func(p *plane) proxy { return p.delta("envoy", nil) },
		"sotw":  func(p *plane) proxy { return p.sotw("envoy") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlane(t)
			good, bad := simple("good"), simple("bad")
			p.publish(1, good)
			envoy := connect(p)
			boot(t, envoy)
			p.synced(1)
			before := p.Status().Versions["route"]

			p.publish(2, good, bad)
			take(t, envoy, resource.ClusterType)
			take(t, envoy, resource.ScopedRouteType)
			refused := envoy.next()
			envoy.nack(refused, "no such thing")
			take(t, envoy, resource.ScopedRouteType) // the scopes of before
			p.synced(2)
			status := p.Status()
			if status.Versions["route"] != before {
				t.Error("the routes are not those of before the rejection")
			}
			want := []xds.Rejection{{Node: "envoy", Type: "route", Message: "no such thing"}}
			if diff := cmp.Diff(want, status.Rejections, cmpopts.IgnoreFields(xds.Rejection{}, "Version", "Time")); diff != "" {
				t.Errorf("rejections (-want +got):\n%s", diff)
			}
			if got := rejections(t, p, "route"); got != 1 {
				t.Errorf("counted %v rejections, want 1", got)
			}
			if diff := cmp.Diff([]agent.ID{"bad"}, problems(status)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}

			// Others go on while the bad one is held, and a new record of it is tried again.
			p.publish(3, good, bad, simple("later"))
			follow(t, envoy)
			p.synced(3)
			p.publish(4, good, simple("bad"), simple("later"))
			take(t, envoy, resource.ScopedRouteType)
			take(t, envoy, resource.RouteType)
			p.synced(4)
			if got := problems(p.Status()); len(got) > 0 {
				t.Errorf("a new record is still held: %v", got)
			}
		})
	}
}

func TestRejectionThatNamesAgentsHoldsOnlyThose(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	p.publish(1)
	envoy := p.delta("envoy", nil)
	boot(t, envoy)
	p.synced(1)
	p.publish(2, simple("ba"), simple("bad"), simple("fine"))
	envoy.nack(envoy.next(), "Error adding/updating cluster(s) "+clusterOf("bad")+": broken")
	p.await("the hold", func(s xds.Status) bool { return cmp.Equal([]agent.ID{"bad"}, problems(s)) })
	// The others' are sent once more, as nobody knows whether Envoy took them.
	clusters := take(t, envoy, resource.ClusterType)
	if diff := cmp.Diff([]string{clusterOf("ba"), clusterOf("fine")}, clusters.changed); diff != "" {
		t.Errorf("clusters sent (-want +got):\n%s", diff)
	}
	take(t, envoy, resource.ScopedRouteType)
	take(t, envoy, resource.RouteType)
	p.clock.pass(time.Hour)
	take(t, envoy, resource.ClusterType)
	p.synced(2)
}

// TestRejectionThatNamesNobodyIsNarrowedDown has an Envoy that never says which of many agents it does not take.
func TestRejectionThatNamesNobodyIsNarrowedDown(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	p.publish(1)
	envoy := p.delta("envoy", nil)
	boot(t, envoy)
	p.synced(1)
	var records []*agent.Record
	for i := range 20 {
		records = append(records, simple(agent.ID(fmt.Sprintf("a%02d", i))))
	}
	p.publish(2, records...)
	refused := 0.0
	for len(problems(p.Status())) < 2 {
		r := envoy.next()
		if r.typeURL != resource.ClusterType {
			t.Fatalf("%s came while clusters were searched", r.typeURL)
		}
		if !slices.Contains(r.changed, clusterOf("a03")) && !slices.Contains(r.changed, clusterOf("a16")) {
			envoy.ack(r)
			continue
		}
		envoy.nack(r, "one of them is bad")
		refused++
		p.await("the rejection", func(xds.Status) bool { return rejections(t, p, "cluster") == refused })
	}
	if refused > 10 {
		t.Errorf("it took %v rejections to find two", refused)
	}
	if diff := cmp.Diff([]agent.ID{"a03", "a16"}, problems(p.Status())); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestFirstRejectionKeepsWhatEnvoyHas models a control plane that starts anew beside an Envoy with a working
// configuration: publishing less than was rejected would take away what works.
func TestFirstRejectionKeepsWhatEnvoyHas(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func(*plane) proxy{
		"delta": func(p *plane) proxy { return p.delta("envoy", nil) },
		"sotw":  func(p *plane) proxy { return p.sotw("envoy") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlane(t)
			p.publish(1, simple("one"))
			envoy := connect(p)
			envoy.nack(envoy.next(), "no")
			// Another type comes next: nothing of the rejected one was sent again.
			envoy.subscribe(resource.ListenerType)
			take(t, envoy, resource.ListenerType)
			if got := problems(p.Status()); len(got) > 0 {
				t.Errorf("agents %v are held", got)
			}
		})
	}
}

func TestRejectionByOneOfTwoChangesNothing(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	p.publish(1)
	old, new := p.delta("old", nil), p.delta("new", nil)
	boot(t, old)
	boot(t, new)
	p.synced(1)
	p.publish(2, simple("one"))
	take(t, new, resource.ClusterType) // but not yet the routes
	p.await("the acknowledgement", func(s xds.Status) bool { return s.Nodes[0].Acknowledged["cluster"] == s.Versions["cluster"] })
	old.nack(old.next(), "too new for me")
	p.await("the rejection", func(s xds.Status) bool { return len(s.Rejections) == 1 })
	status := p.Status()
	if got := problems(status); len(got) > 0 {
		t.Errorf("agents %v are held although another Envoy routes to them", got)
	}
	if status.Nodes[1].Rejected == nil || status.Nodes[0].Rejected != nil {
		t.Errorf("nodes %+v", status.Nodes)
	}
}
