package xds

import (
	"maps"
	"slices"
	"strings"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// publication is what the snapshot cache serves: resources with the versions they were built with, so that
// nothing is encoded or hashed again to find what changed.
type publication struct {
	Resources
	versions  map[string]string
	resources map[string]map[string]types.Resource
	each      map[string]map[string]string
}

var _ cache.ResourceSnapshot = (*publication)(nil)

// newPublication returns a publication of the resources and of leaving, clusters of the earlier publication that
// have to stay although the resources do not have them.
func newPublication(r Resources, earlier *publication, leaving []string) *publication {
	p := &publication{
		Resources: r,
		versions:  map[string]string{resource.ListenerType: r.listenerVersion, resource.RouteType: r.routesVersion},
		resources: map[string]map[string]types.Resource{
			resource.ListenerType: {r.Listener.GetName(): r.Listener},
			resource.RouteType:    {r.Routes.GetName(): r.encodedRoutes},
		},
		each: map[string]map[string]string{
			resource.ListenerType: {r.Listener.GetName(): r.listenerVersion},
			resource.RouteType:    {r.Routes.GetName(): r.routesVersion},
		},
	}
	clusters := make(map[string]types.Resource, len(r.Clusters))
	versions := make(map[string]string, len(r.Clusters))
	for i, c := range r.Clusters {
		clusters[c.GetName()] = c
		versions[c.GetName()] = r.clusterVersions[i]
	}
	p.resources[resource.ClusterType], p.each[resource.ClusterType] = clusters, versions
	for _, name := range leaving {
		clusters[name] = earlier.resources[resource.ClusterType][name]
		versions[name] = earlier.each[resource.ClusterType][name]
	}
	// The same set must have the same version whoever wants its members: Envoys are sent differences only, and
	// acknowledge nothing where there is none.
	all := make([]string, 0, len(versions))
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		all = append(all, versions[name])
	}
	p.versions[resource.ClusterType] = cache.HashResource([]byte(strings.Join(all, "\n")))
	return p
}

// equal reports whether both serve the same content.
func (p *publication) equal(other *publication) bool {
	return other != nil && maps.Equal(p.versions, other.versions)
}

// adds reports whether there are clusters that the earlier publication does not have.
func (p *publication) adds(earlier *publication) bool {
	known := earlier.resources[resource.ClusterType]
	for name := range p.resources[resource.ClusterType] {
		if _, ok := known[name]; !ok {
			return true
		}
	}
	return false
}

// GetVersion returns the version of a type.
func (p *publication) GetVersion(typeURL string) string { return p.versions[typeURL] }

// GetResources returns the resources of a type by name.
func (p *publication) GetResources(typeURL string) map[string]types.Resource {
	return p.resources[typeURL]
}

// GetResourcesAndTTL returns the resources of a type by name. None has a TTL.
func (p *publication) GetResourcesAndTTL(typeURL string) map[string]types.ResourceWithTTL {
	all := make(map[string]types.ResourceWithTTL, len(p.resources[typeURL]))
	for name, r := range p.resources[typeURL] {
		all[name] = types.ResourceWithTTL{Resource: r}
	}
	return all
}

// ConstructVersionMap does nothing: versions are known from the build.
func (p *publication) ConstructVersionMap() error { return nil }

// GetVersionMap returns the version of each resource of a type.
func (p *publication) GetVersionMap(typeURL string) map[string]string { return p.each[typeURL] }
